//! Whether writes succeed.

use std::sync::Arc;

use sea_orm::DbErr;
use tokio::sync::watch;

use super::{
    error::{Failure, classify, wrapped},
    sqlite::{FileFault, FileGuard},
};
use crate::outage::Outage;

/// Observes the outcome of writes. Clones share their state.
#[derive(Clone, Debug)]
pub(super) struct WriteMonitor {
    /// Whether the last write that reached the database has failed because of it.
    is_failing: Arc<watch::Sender<bool>>,
    /// The files that must still be there for a write to be acknowledged; on SQLite only.
    files: Option<FileGuard>,
    outage: Arc<Outage>,
}

impl WriteMonitor {
    pub(super) fn new(files: Option<FileGuard>) -> Self {
        Self {
            is_failing: Arc::new(watch::Sender::new(false)),
            files,
            outage: Arc::new(Outage::new("the database does not accept writes")),
        }
    }

    /// Returns what a write that has been committed is acknowledged with.
    ///
    /// # Errors
    /// Returns the error of the write, and an error if the file that holds it is not the database any more.
    pub(super) fn confirm<T>(&self, written: Result<T, DbErr>) -> Result<T, DbErr> {
        let confirmed = written.and_then(|value| self.check_files().map(|()| value));
        match &confirmed {
            Ok(_) => {
                self.set_failing(false);
                self.outage.ended();
            }
            Err(error) => self.record(error),
        }
        confirmed
    }

    /// Records the error of a write.
    pub(super) fn record(&self, error: &DbErr) {
        let is_failure = match classify(error) {
            Failure::Unavailable | Failure::Interrupted => true,
            // On PostgreSQL a lock affects one row, on SQLite all writes.
            Failure::Busy => self.files.is_some(),
            // Reasons in this write alone.
            Failure::ForeignKey
            | Failure::Duplicate
            | Failure::Data
            | Failure::TooLong
            | Failure::Denied
            | Failure::Schema
            | Failure::Other => false,
        };
        if is_failure {
            self.set_failing(true);
            // The guard of the files logs this itself.
            if wrapped::<FileFault>(error).is_none() {
                self.outage.failed(error);
            }
        }
    }

    /// Checks that the files of the database are there.
    ///
    /// # Errors
    /// Returns an error if they are not.
    pub(super) fn check_files(&self) -> Result<(), DbErr> {
        match &self.files {
            Some(files) => Ok(files.check()?),
            None => Ok(()),
        }
    }

    /// Returns whether writes fail.
    pub(super) fn is_failing(&self) -> bool {
        *self.is_failing.borrow()
    }

    /// Waits until writes fail.
    pub(super) async fn failing(&self) {
        // An error means that the sender is gone, which `self` holds.
        let _ = self
            .is_failing
            .subscribe()
            .wait_for(|failing| *failing)
            .await;
    }

    fn set_failing(&self, failing: bool) {
        self.is_failing
            .send_if_modified(|current| std::mem::replace(current, failing) != failing);
    }
}
