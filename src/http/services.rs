//! What requests are served from.

use std::sync::Arc;

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{HttpLimits, quota::Quotas};
use crate::{access::Access, clock::Clock, db::Database, graphql::Executor};

/// What requests are served from.
#[derive(Clone)]
pub struct Services {
    /// To tell whether it can be written.
    pub(crate) database: Database,
    /// To tell who is asking.
    pub(crate) access: Access,
    /// To count what they do.
    pub(super) quotas: Quotas,
    /// To execute operations on.
    pub(crate) graphql: Executor,
    /// For request ids.
    pub(crate) clock: Arc<dyn Clock>,
    /// Of requests and sockets.
    pub(crate) limits: Arc<HttpLimits>,
    /// Cancelled when the server is told to stop.
    pub(crate) stopping: CancellationToken,
    /// Sockets, which end by themselves once `stopping` is cancelled.
    pub(crate) sockets: TaskTracker,
}

impl Services {
    /// Everything over one ledger.
    #[must_use]
    pub fn new(
        database: Database,
        access: Access,
        graphql: Executor,
        clock: Arc<dyn Clock>,
        limits: HttpLimits,
    ) -> Self {
        Self {
            database,
            access,
            quotas: Quotas::new(limits.quota),
            graphql,
            clock,
            limits: Arc::new(limits),
            stopping: CancellationToken::new(),
            sockets: TaskTracker::new(),
        }
    }
}
