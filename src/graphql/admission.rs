//! Admission of operations to execution: a principal with many operations does not delay those of others.
//!
//! What operations read and write is served to the principals in turn by the database's queues. A complex query then takes
//! processor time and memory for its response, for which these wait in turn too.

use std::{num::NonZero, sync::Arc, thread, time::Duration};

use crate::{
    fair_queue::{FairQueue, Permit},
    keyed_counter::{Counted, KeyedCounter},
};

/// Queries and mutations of a principal that are executed or wait.
const MAX_OPERATIONS: usize = 1000;
/// When to retry after that.
pub(super) const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Cost from which a query is complex: it takes more than a millisecond.
const COMPLEX: u32 = 2000;
/// Complex queries that are executed concurrently, for each processor. More than one, since they also wait.
const COMPLEX_PER_PROCESSOR: usize = 4;

/// Admits operations.
#[derive(Clone, Debug)]
pub(super) struct Admission {
    operations: Arc<KeyedCounter<Arc<str>>>,
    complex: FairQueue,
}

/// The principal has too many operations.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("{MAX_OPERATIONS} of your operations are being executed; try again later")]
pub(super) struct TooManyOperations;

impl Admission {
    pub(super) fn new() -> Self {
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        let permits = u32::try_from(processors * COMPLEX_PER_PROCESSOR).unwrap_or(u32::MAX);
        Self {
            operations: Arc::default(),
            complex: FairQueue::new(permits, MAX_OPERATIONS),
        }
    }

    /// Counts an operation among those of its principal.
    pub(super) fn admit(&self, user: &Arc<str>) -> Result<Counted<Arc<str>>, TooManyOperations> {
        let operation = self.operations.acquire(Arc::clone(user), MAX_OPERATIONS);
        operation.ok_or(TooManyOperations)
    }

    /// Waits for the principal's turn if the query is complex. Mutations wait for the database only: they share commits.
    pub(super) async fn turn(&self, user: &Arc<str>, cost: u32) -> Option<Permit> {
        if cost < COMPLEX {
            return None;
        }
        // Fewer wait than may be admitted.
        self.complex.acquire(user).await.ok()
    }
}
