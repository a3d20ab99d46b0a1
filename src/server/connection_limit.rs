//! Limit of concurrent connections.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};
use tracing::warn;

use super::fd_limit;

/// Maximum number of connections that concurrently receive a 503 response; further ones are dropped.
const MAX_REJECTIONS: usize = 256;

/// Least time between two log lines about rejected connections.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// What to do with a new connection.
pub(super) enum Admission {
    /// Serve it, and hold the slot as long as it is open. `is_busy` if at least half of all slots are in use.
    Accepted {
        slot: OwnedSemaphorePermit,
        is_busy: bool,
    },
    /// Respond 503, so that the client can try another replica.
    Rejected(OwnedSemaphorePermit),
    /// Close it.
    Dropped,
}

pub(super) struct ConnectionLimit {
    slots: Arc<Semaphore>,
    max: usize,
    rejections: Arc<Semaphore>,
    /// When a rejection was last logged.
    logged_at: Option<Instant>,
}

impl ConnectionLimit {
    /// Creates a limit of `max_connections`, or lower if the system allows fewer open files.
    pub(super) fn new(max_connections: usize) -> Self {
        let max = fd_limit::max_connections(max_connections);
        if max < max_connections {
            warn!(
                max_connections = max,
                "the limit of open files reduces the maximum number of connections"
            );
        }
        Self {
            slots: Arc::new(Semaphore::new(max)),
            max,
            rejections: Arc::new(Semaphore::new(MAX_REJECTIONS)),
            logged_at: None,
        }
    }

    pub(super) fn admit(&mut self) -> Admission {
        if let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
            let is_busy = self.slots.available_permits() < self.max / 2;
            return Admission::Accepted { slot, is_busy };
        }
        if self.logged_at.is_none_or(|at| at.elapsed() > LOG_INTERVAL) {
            self.logged_at = Some(Instant::now());
            warn!(
                max_connections = self.max,
                "all connections are in use; rejecting new ones"
            );
        }
        match Arc::clone(&self.rejections).try_acquire_owned() {
            Ok(slot) => Admission::Rejected(slot),
            Err(_) => Admission::Dropped,
        }
    }
}
