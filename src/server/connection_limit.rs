//! Limit of concurrent connections.

use std::{net::IpAddr, sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{self, Instant},
};
use tracing::warn;

use super::fd_limit;
use crate::http::{Admitted, HttpLimits, Places, is_trusted};

/// Maximum number of connections that concurrently receive a 503 response; further ones are dropped.
const MAX_REJECTIONS: usize = 256;

/// Least time between two log lines about scarce places.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// How long to wait for displaced connections to be closed, at most and at a time.
const MAX_CLOSING_TIME: Duration = Duration::from_millis(100);
const CLOSING_INTERVAL: Duration = Duration::from_millis(1);

/// What to do with a new connection.
pub(super) enum Admission {
    /// Serve it, and hold the place as long as it is open.
    Accepted(Admitted),
    /// Respond 503, so that the client can try another replica.
    Rejected(OwnedSemaphorePermit),
    /// Close it.
    Dropped,
}

pub(super) struct ConnectionLimit {
    places: Places,
    limits: Arc<HttpLimits>,
    max: usize,
    rejections: Arc<Semaphore>,
    /// When scarce places were last logged.
    logged_at: Option<Instant>,
}

impl ConnectionLimit {
    /// Creates a limit of as many connections as configured, or fewer if the system allows fewer open files.
    pub(super) fn new(limits: Arc<HttpLimits>) -> Self {
        let max = fd_limit::max_connections(limits.max_connections);
        if max < limits.max_connections {
            warn!(
                max_connections = max,
                "the limit of open files reduces the maximum number of connections"
            );
        }
        Self {
            places: Places::new(max),
            limits,
            max,
            rejections: Arc::new(Semaphore::new(MAX_REJECTIONS)),
            logged_at: None,
        }
    }

    pub(super) fn admit(&mut self, address: IpAddr) -> Admission {
        let is_trusted = is_trusted(address, &self.limits.trusted_proxies);
        if let Some(admitted) = self.places.take(address, is_trusted) {
            if admitted.has_displaced {
                self.log("places for connections are scarce; closing pending ones for new ones");
            }
            return Admission::Accepted(admitted);
        }
        self.log("all connections are in use; rejecting new ones");
        match Arc::clone(&self.rejections).try_acquire_owned() {
            Ok(slot) => Admission::Rejected(slot),
            Err(_) => Admission::Dropped,
        }
    }

    /// Waits while many displaced connections are not closed yet, whose file descriptors new ones need.
    pub(super) async fn closed(&self) {
        let deadline = Instant::now() + MAX_CLOSING_TIME;
        while self.places.is_closing_many() && Instant::now() < deadline {
            time::sleep(CLOSING_INTERVAL).await;
        }
    }

    fn log(&mut self, message: &'static str) {
        if self.logged_at.is_none_or(|at| at.elapsed() > LOG_INTERVAL) {
            self.logged_at = Some(Instant::now());
            warn!(max_connections = self.max, "{message}");
        }
    }
}
