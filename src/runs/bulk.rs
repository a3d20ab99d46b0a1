//! Writing several runs in one call.

use entity::{SyncStatus, run, run::Column};
use futures_util::{StreamExt, stream};
use sea_orm::sea_query::Query;
use sea_orm::{ColumnTrait, DbErr, Order, RuntimeErr};
use tokio::time::{Duration, Instant};
use tracing::debug;
use uuid::Uuid;

use super::{
    Run, RunColumns, Runs, WriteResult, WriteScope,
    commands::{CancelActive, Outcome},
    error::{Error, Result},
    failures::Fingerprint,
    status::{self, Actor},
    write::has_status,
};
use crate::store::{FINGERPRINT, last_report_in_row};

/// Runs of one call that are cancelled at the same time. Each may wait for a lock, and takes a connection meanwhile.
const CONCURRENT_WRITES: usize = 4;
/// Time after which a call begins to write no further run. If other programs have locked many of its runs, it would
/// otherwise wait for each.
const MAX_CALL_TIME: Duration = Duration::from_secs(10);

/// Runs that one call has cancelled.
#[derive(Clone, Debug)]
pub struct CancelledRuns {
    /// The runs, in order of their start.
    pub runs: Vec<Run>,
    /// Whether more runs can be cancelled by another call; true if that is unknown.
    pub has_more: bool,
}

/// Runs that one call has deleted.
#[derive(Clone, Debug, Default)]
pub struct DeletedRuns {
    /// The runs as they were last.
    pub runs: Vec<Run>,
    /// Why others of the call could not be deleted.
    pub failure: Option<Error>,
}

impl Runs {
    /// Cancels the selected runs that have not ended, up to the limit of one call. Returns these columns of them in order of
    /// their start, and whether there are more.
    ///
    /// # Errors
    /// Returns [`Error::BadInput`] if the input is invalid, [`Error::SourceNotAllowed`] if `scope` does not include a
    /// given source, and an error if the database is unavailable.
    pub async fn cancel_active(
        &self,
        cancel: &CancelActive,
        scope: &WriteScope,
        columns: RunColumns,
    ) -> Result<CancelledRuns> {
        cancel.validate(&self.limits)?;
        for source in cancel.sources.iter().flatten() {
            scope.check_source(*source)?;
        }
        let mut ids = Query::select();
        ids.column(Column::Id)
            .from(run::Entity)
            .and_where(has_status(status::predecessors_of(
                SyncStatus::Cancelled,
                Actor::Operator,
            )))
            .order_by(Column::Id, Order::Asc);
        ids.and_where_option(scope.condition());
        if let Some(types) = &cancel.entity_types {
            ids.and_where(Column::EntityType.is_in(types.iter().map(AsRef::as_ref)));
        }
        if let Some(sources) = &cancel.sources {
            ids.and_where(Column::Source.is_in(sources.iter().map(AsRef::as_ref)));
        }
        ids.and_where_option(cancel.started_before.map(|at| Column::StartedAt.lt(at)));
        let max = self.limits.cancelled_runs;
        let first = ids.clone().limit(max).take();
        let mut update = Query::update();
        update
            .table(run::Entity)
            .value(Column::Status, SyncStatus::Cancelled.as_ref())
            .value(Column::CompletedAt, self.stored_end_or_now())
            .value(Column::LastHeartbeatAt, last_report_in_row());
        if let Some(reason) = &cancel.reason {
            update.value(Column::ErrorMessage, reason.as_str());
            update.value(FINGERPRINT, Fingerprint::of(Some(reason)).to_string());
        }
        if let Some(author) = &cancel.ended_by {
            update.value(Column::EndedByName, author.name.as_str());
        }
        let runs = self.store.update_runs(first, update, columns).await;
        let mut runs = runs.map_err(|error| Error::from(error).naming("reason"))?;
        self.changes.notify();
        runs.sort_by_key(|run| (run.started_at, run.id));
        for run in &runs {
            debug!(%run, "ended");
        }
        let has_more = runs.len() as u64 >= max && self.store.has_rows(&ids).await;
        Ok(CancelledRuns { runs, has_more })
    }

    /// Cancels several runs, each on its own, and returns the result of each, in their order. An ID that is an error has
    /// this error as its result.
    ///
    /// # Errors
    /// Returns [`Error::BadInput`] if the outcome is invalid.
    pub async fn cancel_all(
        &self,
        ids: Vec<Result<Uuid>>,
        outcome: &Outcome,
        scope: &WriteScope,
        columns: RunColumns,
    ) -> Result<Vec<Result<WriteResult>>> {
        outcome.validate(&self.limits, self.clock.now())?;
        let deadline = Instant::now() + MAX_CALL_TIME;
        let cancel = ids.into_iter().map(async |id| {
            let id = id?;
            check_time(deadline)?;
            self.complete(id, outcome, scope, columns).await
        });
        let cancelled = stream::iter(cancel).buffered(CONCURRENT_WRITES);
        Ok(cancelled.collect().await)
    }

    /// Deletes those of these runs that exist, each on its own, with their events and what the change log holds of their
    /// texts. Those whose source `scope` does not include are not deleted.
    pub async fn delete_all(&self, ids: &[Uuid], scope: &WriteScope) -> DeletedRuns {
        let deadline = Instant::now() + MAX_CALL_TIME;
        let mut deleted = DeletedRuns::default();
        for id in ids {
            match self.delete(*id, scope.clone(), deadline).await {
                Ok(run) => deleted.runs.extend(run),
                Err(error) => deleted.failure = deleted.failure.or(Some(error)),
            }
        }
        if !deleted.runs.is_empty() {
            self.changes.notify();
        }
        deleted
    }

    async fn delete(&self, id: Uuid, scope: WriteScope, deadline: Instant) -> Result<Option<Run>> {
        check_time(deadline)?;
        let verify = move |run: &Run| scope.check_run(run);
        let run = self.store.delete_run(id, verify).await?;
        if let Some(run) = &run {
            debug!(%run, "deleted");
        }
        Ok(run)
    }

    /// Checks that one call may name this many runs.
    ///
    /// # Errors
    /// Returns [`Error::BadInput`] if it may not.
    pub fn check_call_size(&self, runs: usize) -> Result<()> {
        let max = self.limits.runs_per_call;
        if runs > max {
            return Err(Error::BadInput(format!(
                "{runs} runs in one call; send at most {max} at a time"
            )));
        }
        Ok(())
    }
}

fn check_time(deadline: Instant) -> Result<()> {
    if Instant::now() < deadline {
        return Ok(());
    }
    let reason = "other runs of the call took too long".to_owned();
    Err(Error::Unavailable(DbErr::Conn(RuntimeErr::Internal(
        reason,
    ))))
}
