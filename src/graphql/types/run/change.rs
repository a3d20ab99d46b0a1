//! Changes of runs, as a subscription delivers them.

use async_graphql::{Enum, ID, Object};

use super::{
    enums::{SyncStatus, from_stored},
    sync_run::SyncRun,
};
use crate::{
    feed::RunChange,
    graphql::{
        fast_path::Fast,
        types::{cursor::encode_changes, scalars::DateTime},
    },
};

/// The kind of a change of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "entity::SyncChangeKind")]
pub(crate) enum SyncChangeKind {
    /// The run was created.
    Created,
    /// The run's status changed.
    Status,
    /// Another field of the run changed, such as a counter.
    Progress,
    /// The run was deleted.
    Deleted,
}

/// A change of a run.
#[derive(Debug)]
pub(crate) struct SyncRunChange(RunChange);

impl From<RunChange> for SyncRunChange {
    fn from(change: RunChange) -> Self {
        Self(change)
    }
}

/// A committed change of a run.
#[Object]
impl SyncRunChange {
    /// The cursor of this change. Pass it as `after` to resume the subscription after this change.
    async fn cursor(&self) -> String {
        encode_changes(&self.0.change.cursor)
    }

    /// The kind of the change.
    async fn kind(&self) -> SyncChangeKind {
        self.0.change.kind.into()
    }

    /// When the run changed, by the database's clock.
    async fn changed_at(&self) -> DateTime {
        DateTime(self.0.change.row.changed_at)
    }

    /// The status before the change; null if the kind is CREATED.
    async fn previous_status(&self) -> Option<SyncStatus> {
        let status = self.0.change.row.previous_status.as_deref();
        status.map(from_stored)
    }

    /// The status after the change; the last status if the kind is DELETED.
    async fn status(&self) -> SyncStatus {
        from_stored(&self.0.change.row.status)
    }

    /// Whether the run matches the subscription's filter after the change. If false, the run no longer matches
    /// or has been deleted: remove it from the list.
    async fn matches_filter(&self) -> bool {
        self.0.matches_filter
    }

    /// The ID of the run.
    async fn run_id(&self) -> ID {
        self.0.change.row.run_id.into()
    }

    /// The run in its current state, which may be newer than this change; null if it has been deleted.
    async fn run(&self) -> Option<Fast<SyncRun>> {
        let run = self.0.change.run.as_ref()?;
        Some(Fast(run.as_ref().clone().into()))
    }
}
