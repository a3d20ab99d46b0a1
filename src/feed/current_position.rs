//! The current commit position, read for many callers at once: thousands of clients subscribe together
//! after a restart.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sea_orm::DbErr;
use tokio::sync::oneshot;

use super::change_log::ChangeLog;
use crate::{
    runs::{Error, Result},
    store::FeedPosition,
};

/// Reads the current commit position. One query is in progress at a time; callers that arrive meanwhile
/// share the next one.
#[derive(Clone, Debug)]
pub(super) struct CurrentPosition(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    log: Arc<ChangeLog>,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    callers: Vec<oneshot::Sender<Result<FeedPosition>>>,
    /// Whether a task is reading.
    is_reading: bool,
}

impl CurrentPosition {
    pub(super) fn new(log: Arc<ChangeLog>) -> Self {
        Self(Arc::new(Inner {
            log,
            waiting: Mutex::default(),
        }))
    }

    /// Returns the position of a query that begins after the call.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`] if the database is.
    pub(super) async fn read(&self) -> Result<FeedPosition> {
        let (sender, receiver) = oneshot::channel();
        let is_reading = {
            let mut waiting = self.0.waiting();
            waiting.callers.push(sender);
            std::mem::replace(&mut waiting.is_reading, true)
        };
        if !is_reading {
            // On a task of its own, since the caller may not be polled for a while.
            tokio::spawn(Arc::clone(&self.0).read_for_callers());
        }
        receiver.await.unwrap_or_else(|_| {
            let message = "reading the commit position was aborted";
            Err(Error::Unavailable(DbErr::Custom(message.to_owned())))
        })
    }
}

impl Inner {
    async fn read_for_callers(self: Arc<Self>) {
        loop {
            let callers = {
                let mut waiting = self.waiting();
                waiting.is_reading = !waiting.callers.is_empty();
                std::mem::take(&mut waiting.callers)
            };
            if callers.is_empty() {
                return;
            }
            let position = self.log.position().await.map_err(Error::from);
            for caller in callers {
                // Sending fails if the caller was cancelled.
                let _ = caller.send(position.clone());
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
