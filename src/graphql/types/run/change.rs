//! Changes of runs, as they happen.

use async_graphql::{Enum, Object};

use super::{SyncRun, SyncStatus, from_stored};
use crate::{
    feed::RunChange,
    graphql::types::{cursor::encode_changes, scalars::DateTime},
};

/// What changed of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "entity::SyncChangeKind")]
pub(crate) enum SyncChangeKind {
    /// The run is new.
    Created,
    /// Its status changed.
    Status,
    /// Anything else of it changed, such as its counts.
    Progress,
}

/// A committed change of a run.
#[derive(Debug)]
pub(crate) struct SyncRunChange(RunChange);

impl From<RunChange> for SyncRunChange {
    fn from(delivery: RunChange) -> Self {
        Self(delivery)
    }
}

/// A committed change of a run.
#[Object]
impl SyncRunChange {
    /// Where to resume: pass it as `after`.
    async fn cursor(&self) -> String {
        encode_changes(&self.0.change.cursor)
    }

    /// What changed.
    async fn kind(&self) -> SyncChangeKind {
        self.0.change.kind().into()
    }

    /// When it changed.
    async fn changed_at(&self) -> DateTime {
        DateTime(self.0.change.row.changed_at)
    }

    /// The status before. Null for CREATED.
    async fn previous_status(&self) -> Option<SyncStatus> {
        let status = self.0.change.row.previous_status.as_deref();
        status.map(from_stored)
    }

    /// The status this change led to.
    async fn status(&self) -> SyncStatus {
        from_stored(&self.0.change.row.status)
    }

    /// False when the run has left the filter by this change: take it out of the list.
    async fn matches_filter(&self) -> bool {
        self.0.matches_filter
    }

    /// The run as it is now.
    async fn run(&self) -> SyncRun {
        self.0.change.run.as_ref().clone().into()
    }
}
