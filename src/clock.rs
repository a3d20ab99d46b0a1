//! Time and ids: the only place that asks the system for either.

use std::{fmt::Debug, sync::Mutex};

use chrono::{DateTime, Utc};
use uuid::{ContextV7, Timestamp, Uuid};

/// Where instants and ids come from.
pub trait Clock: Debug + Send + Sync + 'static {
    /// Now, in UTC, to the microsecond.
    fn now(&self) -> DateTime<Utc>;
    /// A new version 7 UUID; each is greater than those before it.
    fn new_id(&self) -> Uuid;
}

/// The system's clock.
#[derive(Debug)]
pub struct SystemClock {
    ids: Mutex<ContextV7>,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self {
            ids: Mutex::new(ContextV7::new()),
        }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> DateTime<Utc> {
        to_microseconds(Utc::now())
    }

    #[expect(clippy::disallowed_methods, reason = "this is the source of ids")]
    fn new_id(&self) -> Uuid {
        let context = self
            .ids
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        Uuid::new_v7(Timestamp::now(&*context))
    }
}

/// Cuts an instant to the precision that both databases keep. A leap second becomes the second
/// behind it.
#[must_use]
pub fn to_microseconds(instant: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(instant.timestamp_micros()).unwrap_or(instant)
}
