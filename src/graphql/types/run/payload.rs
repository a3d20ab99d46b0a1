//! Payloads of mutations of runs.

use async_graphql::{ComplexObject, Context, ErrorExtensions, ID, Result, SimpleObject, Value};

use super::sync_run::SyncRun;
use crate::{
    graphql::{
        auth_guard::Authorize,
        error::ErrorCode,
        fast_path::{Fast, FastList},
        types::connection::Edge,
    },
    runs::{self, CancelledRuns, DeletedRuns, Run, RunOrderField, WriteResult},
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

/// Return type of the `cancelSyncRuns` mutation.
#[derive(Debug, SimpleObject)]
pub(crate) struct CancelSyncRunsPayload {
    /// One result for each ID, in the order in which they were given.
    results: Vec<CancelSyncRunResult>,
}

/// The result of cancelling one of several runs: the run, or why it was not cancelled.
#[derive(Debug, SimpleObject)]
pub(crate) struct CancelSyncRunResult {
    /// The ID of the run, as it was given.
    run_id: ID,
    /// The cancelled run; null if it was not cancelled. As for `cancelSyncRun`, it may have been cancelled for the same
    /// reason before.
    run: Option<Fast<SyncRun>>,
    /// The code of the error that `cancelSyncRun` returns for this run; null if the run was cancelled.
    error_code: Option<ErrorCode>,
    /// Why the run was not cancelled; null if it was.
    error_message: Option<String>,
}

impl CancelSyncRunsPayload {
    /// Creates the payload from the result of each ID.
    ///
    /// # Errors
    /// Returns the first error that is not due to one run.
    pub(crate) fn new(
        ctx: &Context<'_>,
        results: impl Iterator<Item = (ID, runs::Result<WriteResult>)>,
    ) -> Result<Self> {
        let results = results.map(|(run_id, result)| {
            let (run, error) = match result {
                Ok(cancelled) => (Some(Fast(cancelled.run.into())), None),
                Err(error) if is_of_one_run(&error) => (None, Some(error)),
                Err(error) => return Err(error.into()),
            };
            Ok(CancelSyncRunResult {
                run_id,
                run,
                error_code: error.as_ref().map(ErrorCode::from),
                error_message: error.map(|error| ctx.rejected(error).message),
            })
        });
        let results = results.collect::<Result<_>>()?;
        Ok(Self { results })
    }
}

/// Returns whether other runs of the same call can be written nevertheless.
fn is_of_one_run(error: &runs::Error) -> bool {
    use runs::Error::{
        AlreadyFinished, BadInput, NotFound, Rejected, SourceNotAllowed, Unavailable,
    };
    matches!(
        error,
        AlreadyFinished(_)
            | BadInput(_)
            | NotFound { .. }
            | Rejected(_)
            | SourceNotAllowed { .. }
            | Unavailable(_)
    )
}

/// Return type of the `deleteSyncRuns` mutation.
#[derive(Debug, SimpleObject)]
pub(crate) struct DeleteSyncRunsPayload {
    /// The IDs of the deleted runs: those that existed, in the order in which they were given.
    deleted_run_ids: Vec<ID>,
}

impl DeleteSyncRunsPayload {
    /// Creates the payload.
    ///
    /// # Errors
    /// Returns why some runs could not be deleted, with those that were.
    pub(crate) fn new(ctx: &Context<'_>, deleted: DeletedRuns) -> Result<Self> {
        let ids = deleted.runs.iter().map(|run| run.id.into());
        let deleted_run_ids: Vec<ID> = ids.collect();
        match deleted.failure {
            None => Ok(Self { deleted_run_ids }),
            Some(error) => Err(ctx.rejected(error).extend_with(|_, extensions| {
                let ids = deleted_run_ids.iter().map(|id| Value::from(id.as_str()));
                extensions.set("deletedRunIds", Value::List(ids.collect()));
            })),
        }
    }
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
    async fn runs(&self) -> FastList<&[SyncRun]> {
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
