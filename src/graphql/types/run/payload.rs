//! Payloads of mutations of runs.

use async_graphql::{ComplexObject, SimpleObject};

use super::sync_run::SyncRun;
use crate::{
    graphql::{
        fast_path::{Fast, FastList},
        types::connection::Edge,
    },
    runs::{CancelledRuns, Run, RunOrderField, WriteResult},
};

/// Return type of the `createSyncRun` mutation.
#[derive(Debug, SimpleObject)]
#[graphql(complex)]
pub(crate) struct CreateSyncRunPayload {
    /// The created run.
    run: Fast<SyncRun>,
    /// Whether the run already existed: the same call was executed before, and this one changed nothing.
    replayed: bool,
}

#[ComplexObject]
impl CreateSyncRunPayload {
    /// The created run as an edge of a list that is ordered by `STARTED_AT`.
    async fn run_edge(&self) -> Edge<SyncRun> {
        Edge::new(self.run.0.clone(), RunOrderField::StartedAt)
    }
}

/// Return type of the `startSyncRun` mutation.
#[derive(Debug, SimpleObject)]
pub(crate) struct StartSyncRunPayload {
    /// The started run.
    run: Fast<SyncRun>,
    /// Whether the run was already running: this call changed nothing.
    replayed: bool,
}

/// Return type of the `reportSyncProgress` mutation.
#[derive(Debug, SimpleObject)]
pub(crate) struct ReportSyncProgressPayload {
    /// The updated run.
    run: Fast<SyncRun>,
}

/// Return type of the `completeSyncRun` mutation.
#[derive(Debug, SimpleObject)]
pub(crate) struct CompleteSyncRunPayload {
    /// The completed run.
    run: Fast<SyncRun>,
    /// Whether the run had already ended with the same outcome: this call changed nothing.
    replayed: bool,
}

/// Return type of the `cancelSyncRun` mutation.
#[derive(Debug, SimpleObject)]
pub(crate) struct CancelSyncRunPayload {
    /// The cancelled run.
    run: Fast<SyncRun>,
    /// Whether the run had already been cancelled for the same reason: this call changed nothing.
    replayed: bool,
}

/// Return type of the `cancelActiveSyncRuns` mutation.
#[derive(Debug, SimpleObject)]
#[graphql(complex)]
pub(crate) struct CancelActiveSyncRunsPayload {
    #[graphql(skip)]
    runs: Vec<SyncRun>,
    /// Whether more open runs match: call again.
    has_more: bool,
}

#[ComplexObject]
impl CancelActiveSyncRunsPayload {
    /// The runs that were cancelled by this call, oldest first: 1,000 at most.
    async fn runs(&self) -> FastList<'_, SyncRun> {
        FastList(&self.runs)
    }
}

impl From<WriteResult> for CreateSyncRunPayload {
    fn from(result: WriteResult) -> Self {
        Self {
            run: Fast(result.run.into()),
            replayed: result.replayed,
        }
    }
}

impl From<WriteResult> for StartSyncRunPayload {
    fn from(result: WriteResult) -> Self {
        Self {
            run: Fast(result.run.into()),
            replayed: result.replayed,
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
    fn from(result: WriteResult) -> Self {
        Self {
            run: Fast(result.run.into()),
            replayed: result.replayed,
        }
    }
}

impl From<WriteResult> for CancelSyncRunPayload {
    fn from(result: WriteResult) -> Self {
        Self {
            run: Fast(result.run.into()),
            replayed: result.replayed,
        }
    }
}

impl From<CancelledRuns> for CancelActiveSyncRunsPayload {
    fn from(cancelled: CancelledRuns) -> Self {
        let runs = cancelled.runs.into_iter();
        Self {
            runs: runs.map(SyncRun::from).collect(),
            has_more: cancelled.has_more,
        }
    }
}
