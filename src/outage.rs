//! Logging of what fails again and again: the first failure, then their number at intervals, then that it works again.

use std::{
    fmt,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use sea_orm::DbErr;
use tracing::{debug, info, warn};

use crate::db::error::is_unavailable;

/// Time between two lines about the same outage. One without a failure for twice as long is over.
const LOG_INTERVAL: Duration = Duration::from_secs(30);

/// Something that may fail for a while.
#[derive(Debug)]
pub(crate) struct Outage {
    /// What does not work.
    message: &'static str,
    is_ongoing: AtomicBool,
    failures: Mutex<Option<Failures>>,
}

/// The failures of an outage.
#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u64,
    first_at: Instant,
    last_at: Instant,
    logged_at: Instant,
}

/// What a failure is to the log.
#[derive(Debug, PartialEq, Eq)]
enum Report {
    /// The first of an outage.
    First,
    /// Lines are due: the failures so far, and their duration.
    Summary(u64, Duration),
    Repeated,
}

impl Outage {
    pub(crate) const fn new(message: &'static str) -> Self {
        Self {
            message,
            is_ongoing: AtomicBool::new(false),
            failures: Mutex::new(None),
        }
    }

    /// Logs a failure, unless there have been others lately.
    pub(crate) fn failed(&self, error: &dyn fmt::Display) {
        let message = self.message;
        match self.record(Instant::now()) {
            Report::First => warn!(%error, "{message}"),
            Report::Summary(failures, duration) => {
                warn!(%error, failures, seconds = duration.as_secs(), "{message}");
            }
            Report::Repeated => debug!(%error, "{message}"),
        }
    }

    /// Logs a failure that has to do with the database. That the database is unavailable is logged by its connections.
    pub(crate) fn failed_on_database(&self, error: &DbErr) {
        if is_unavailable(error) {
            debug!(%error, "{}", self.message);
        } else {
            self.failed(error);
        }
    }

    /// Logs the end of the outage, if there was one.
    pub(crate) fn ended(&self) {
        if !self.is_ongoing.load(Ordering::Relaxed) {
            return;
        }
        if let Some(failures) = self.failures().take() {
            self.is_ongoing.store(false, Ordering::Relaxed);
            let (seconds, failures) = (failures.first_at.elapsed().as_secs(), failures.count);
            info!(failures, seconds, outage = self.message, "works again");
        }
    }

    fn record(&self, now: Instant) -> Report {
        self.is_ongoing.store(true, Ordering::Relaxed);
        let mut ongoing = self.failures();
        let failures = ongoing.filter(|failures| now - failures.last_at < 2 * LOG_INTERVAL);
        let Some(mut failures) = failures else {
            *ongoing = Some(Failures {
                count: 1,
                first_at: now,
                last_at: now,
                logged_at: now,
            });
            return Report::First;
        };
        failures.count += 1;
        failures.last_at = now;
        let is_due = now - failures.logged_at >= LOG_INTERVAL;
        if is_due {
            failures.logged_at = now;
        }
        *ongoing = Some(failures);
        if is_due {
            Report::Summary(failures.count, now - failures.first_at)
        } else {
            Report::Repeated
        }
    }

    fn failures(&self) -> MutexGuard<'_, Option<Failures>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_is_reported_then_their_number_at_intervals() {
        let outage = Outage::new("it fails");
        let start = Instant::now();
        let at = |seconds| outage.record(start + Duration::from_secs(seconds));
        assert_eq!(at(0), Report::First);
        for second in 1..30 {
            assert_eq!(at(second), Report::Repeated);
        }
        assert_eq!(at(30), Report::Summary(31, Duration::from_secs(30)));
        assert_eq!(at(31), Report::Repeated);
        assert_eq!(at(60), Report::Summary(33, Duration::from_mins(1)));
        // Long after the last one.
        assert_eq!(at(180), Report::First);
        outage.ended();
        assert_eq!(at(181), Report::First);
    }
}
