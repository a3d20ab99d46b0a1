//! A clock that tests control, and sequential ids.

use std::{
    sync::atomic::{AtomicI64, AtomicU64, Ordering},
    time::Duration,
};

use chrono::{DateTime, Utc};
use sync_history::clock::Clock;
use uuid::{Builder, Uuid};

/// 2026-11-23T09:00:00Z in microseconds.
const START: i64 = 1_795_424_400_000_000;

/// A clock that stands still until it is advanced, and whose ids count up.
#[derive(Debug)]
pub(crate) struct TestClock {
    micros: AtomicI64,
    ids: AtomicU64,
}

impl Default for TestClock {
    fn default() -> Self {
        Self {
            micros: AtomicI64::new(START),
            ids: AtomicU64::new(0),
        }
    }
}

impl TestClock {
    /// A clock whose ids differ from those of other replicas' clocks.
    pub(crate) fn for_replica(number: u64) -> Self {
        Self {
            ids: AtomicU64::new(number << 32),
            ..Self::default()
        }
    }

    pub(crate) fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).unwrap();
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.micros.load(Ordering::Relaxed)).unwrap()
    }

    fn new_id(&self) -> Uuid {
        let count = self.ids.fetch_add(1, Ordering::Relaxed);
        let mut random = [0; 10];
        random[2..].copy_from_slice(&count.to_be_bytes());
        let millis = u64::try_from(self.now().timestamp_millis()).unwrap();
        Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }
}
