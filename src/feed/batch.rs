//! What the tail publishes.

use std::sync::Arc;

use tokio::sync::broadcast;
use uuid::Uuid;

use super::{
    change::{AddedEvent, Change},
    position::FeedCursor,
};

/// Consecutive rows of one interval.
#[derive(Debug)]
pub(crate) struct Batch<T> {
    pub(super) rows: Vec<Arc<T>>,
    /// Number of the interval.
    pub(super) interval: u64,
    /// The cursor after the batch.
    pub(super) cursor: FeedCursor,
    /// The runs that ended in the interval; set in its last batch.
    pub(super) ended_runs: Option<EndedRuns>,
    /// The database has been restored to an earlier state: what was published before may be lost.
    pub(super) is_restored: bool,
}

impl<T> Batch<T> {
    /// The batch that reports a restored database. It has no rows.
    pub(super) fn restored(interval: u64, cursor: FeedCursor) -> Arc<Self> {
        Arc::new(Self {
            rows: Vec::new(),
            interval,
            cursor,
            ended_runs: None,
            is_restored: true,
        })
    }
}

/// Runs to which no more events are added.
#[derive(Clone, Debug)]
pub(crate) enum EndedRuns {
    /// These have ended or have been deleted.
    Some(Arc<[Uuid]>),
    /// All runs were removed at once, without their deletions being recorded.
    All,
}

impl EndedRuns {
    /// Returns whether the run with this ID is one of them.
    pub(super) fn contains(&self, run_id: Uuid) -> bool {
        match self {
            Self::Some(runs) => runs.contains(&run_id),
            Self::All => true,
        }
    }
}

/// What the tail publishes.
#[derive(Debug)]
pub(crate) struct Channels {
    pub(super) changes: broadcast::Sender<Arc<Batch<Change>>>,
    pub(super) events: broadcast::Sender<Arc<Batch<AddedEvent>>>,
}

impl Channels {
    pub(super) fn has_subscribers(&self) -> bool {
        self.changes.receiver_count() + self.events.receiver_count() > 0
    }
}
