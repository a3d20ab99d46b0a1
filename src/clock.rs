//! Source of time and ids. Everything else takes them from an injected [`Clock`].

use std::{fmt::Debug, sync::Mutex};

use chrono::{DateTime, Utc};
use uuid::{ContextV7, Timestamp, Uuid};

/// Source of time and ids.
pub trait Clock: Debug + Send + Sync + 'static {
    /// Returns the current time in UTC, with microsecond precision.
    fn now(&self) -> DateTime<Utc>;
    /// Returns a new version 7 UUID, greater than all previous ones.
    fn new_id(&self) -> Uuid;
}

/// The system clock.
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

/// Truncates an instant to microseconds, the precision that both databases store. A leap second becomes
/// the second after it.
#[must_use]
pub fn to_microseconds(instant: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(instant.timestamp_micros()).unwrap_or(instant)
}
