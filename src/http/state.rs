//! State shared by all requests.

use std::sync::Arc;

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{limits::HttpLimits, rate_limit::RateLimiter};
use crate::{auth::Authenticator, clock::Clock, db::Database, graphql::Executor};

/// State shared by all requests. Clones are cheap.
#[derive(Clone)]
pub struct AppState {
    /// For the readiness probe and to be closed at shutdown.
    pub(crate) database: Database,
    pub(crate) auth: Authenticator,
    pub(super) rate_limiter: RateLimiter,
    pub(crate) graphql: Executor,
    /// For request ids.
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limits: Arc<HttpLimits>,
    /// Cancelled when shutdown begins.
    pub(crate) shutdown: CancellationToken,
    /// Tracks WebSockets, which end by themselves once `shutdown` is cancelled.
    pub(crate) sockets: TaskTracker,
}

impl AppState {
    /// Combines the components of a server.
    #[must_use]
    pub fn new(
        database: Database,
        auth: Authenticator,
        graphql: Executor,
        clock: Arc<dyn Clock>,
        limits: HttpLimits,
    ) -> Self {
        Self {
            database,
            auth,
            rate_limiter: RateLimiter::new(limits.rate_limits),
            graphql,
            clock,
            limits: Arc::new(limits),
            shutdown: CancellationToken::new(),
            sockets: TaskTracker::new(),
        }
    }
}
