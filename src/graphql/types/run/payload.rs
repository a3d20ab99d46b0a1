//! What comes back of a call that changes a run.

use async_graphql::{ComplexObject, SimpleObject};

use super::{SyncRun, connection::SyncRunEdge};
use crate::{
    graphql::fast_path::Fast,
    runs::{Run, RunOrderField, WriteResult},
};

/// The run that was created.
#[derive(Debug, SimpleObject)]
#[graphql(complex)]
pub(crate) struct CreateSyncRunPayload {
    /// The run.
    run: Fast<SyncRun>,
    /// True when this exact call had been made before.
    replayed: bool,
}

#[ComplexObject]
impl CreateSyncRunPayload {
    /// The run with its place in a list by start.
    async fn run_edge(&self) -> SyncRunEdge {
        SyncRunEdge::new(self.run.0.clone(), RunOrderField::StartedAt)
    }
}

/// The run that was started.
#[derive(Debug, SimpleObject)]
pub(crate) struct StartSyncRunPayload {
    /// The run.
    run: Fast<SyncRun>,
    /// True when the run was running before.
    replayed: bool,
}

/// The run whose progress was noted.
#[derive(Debug, SimpleObject)]
pub(crate) struct ReportSyncProgressPayload {
    /// The run.
    run: Fast<SyncRun>,
}

/// The run that was completed.
#[derive(Debug, SimpleObject)]
pub(crate) struct CompleteSyncRunPayload {
    /// The run.
    run: Fast<SyncRun>,
    /// True when the run had ended before, and just so.
    replayed: bool,
}

/// The run that was cancelled.
#[derive(Debug, SimpleObject)]
pub(crate) struct CancelSyncRunPayload {
    /// The run.
    run: Fast<SyncRun>,
    /// True when the run had been cancelled before, and just so.
    replayed: bool,
}

/// The runs that were cancelled.
#[derive(Debug, SimpleObject)]
pub(crate) struct CancelActiveSyncRunsPayload {
    /// The runs that were open until now, oldest first.
    runs: Vec<SyncRun>,
}

impl From<WriteResult> for CreateSyncRunPayload {
    fn from(written: WriteResult) -> Self {
        Self {
            run: Fast(written.run.into()),
            replayed: written.replayed,
        }
    }
}

impl From<WriteResult> for StartSyncRunPayload {
    fn from(written: WriteResult) -> Self {
        Self {
            run: Fast(written.run.into()),
            replayed: written.replayed,
        }
    }
}

impl From<Run> for ReportSyncProgressPayload {
    fn from(run: Run) -> Self {
        Self {
            run: Fast(run.into()),
        }
    }
}

impl From<WriteResult> for CompleteSyncRunPayload {
    fn from(written: WriteResult) -> Self {
        Self {
            run: Fast(written.run.into()),
            replayed: written.replayed,
        }
    }
}

impl From<WriteResult> for CancelSyncRunPayload {
    fn from(written: WriteResult) -> Self {
        Self {
            run: Fast(written.run.into()),
            replayed: written.replayed,
        }
    }
}

impl From<Vec<Run>> for CancelActiveSyncRunsPayload {
    fn from(runs: Vec<Run>) -> Self {
        Self {
            runs: runs.into_iter().map(SyncRun::from).collect(),
        }
    }
}
