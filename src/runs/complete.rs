//! Ending runs: with an outcome that their worker reports, also of a run that was closed as lost, or by an operator.

use entity::{SyncStatus, instant, run::Column};
use sea_orm::ColumnTrait;
use sea_orm::sea_query::{Expr, ExprTrait, Func, FunctionCall, UpdateStatement};
use tracing::debug;
use uuid::Uuid;

use super::{
    Run, RunColumns, Runs, WriteResult, WriteScope,
    commands::Outcome,
    error::{Error, Result},
    failures::Fingerprint,
    status::{self, Actor, State},
    write::{Update, counts, has_status, is_open, rejection, update_run},
};
use crate::store::{FINGERPRINT, last_report_in_row};

impl Runs {
    /// Ends a run and returns these columns of it. Of concurrent calls one wins. Repeating it is idempotent; any other
    /// outcome is rejected. If the run was closed as lost, the first outcome that its worker reports replaces that.
    ///
    /// # Errors
    /// Returns [`Error::BadInput`] if the input is invalid, [`Error::NotFound`] if there is no such run,
    /// [`Error::SourceNotAllowed`] if `scope` does not include its source, [`Error::AlreadyFinished`] if it ended with
    /// another outcome, and an error if the database is unavailable.
    pub async fn complete(
        &self,
        id: Uuid,
        outcome: &Outcome,
        scope: &WriteScope,
        columns: RunColumns,
    ) -> Result<WriteResult> {
        outcome.validate(&self.limits, self.clock.now())?;
        let update = self.ending(id, outcome, scope);
        let mut ended = self.end(id, update, outcome, scope, columns).await?;
        // Apart, so that the usual statement stays as cheap as it is.
        if matches!(&ended, Update::Rejected(run) if may_recover(run, outcome)) {
            let update = self.recovery(id, outcome, scope);
            ended = self.end(id, update, outcome, scope, columns).await?;
        }
        match ended {
            Update::Applied(run) => {
                debug!(%run, "ended");
                Ok(WriteResult::written(run))
            }
            Update::DetailsTooLarge(run, bytes) if is_open(&run) || may_recover(&run, outcome) => {
                Err(self.details_too_large(bytes))
            }
            Update::Rejected(run) | Update::DetailsTooLarge(run, _)
                if !may_recover(&run, outcome) && outcome.is_replay_of(&run)? =>
            {
                Ok(WriteResult::replayed(run))
            }
            Update::Rejected(run) | Update::DetailsTooLarge(run, _) => {
                Err(rejected_outcome(run, outcome))
            }
        }
    }

    async fn end(
        &self,
        id: Uuid,
        update: UpdateStatement,
        outcome: &Outcome,
        scope: &WriteScope,
        columns: RunColumns,
    ) -> Result<Update> {
        let details = outcome.details.clone();
        let updated = self.update(id, scope, update, details, columns).await;
        updated.map_err(|error| error.naming("errorMessage"))
    }

    /// Returns the update that ends a run that is open.
    fn ending(&self, id: Uuid, outcome: &Outcome, scope: &WriteScope) -> UpdateStatement {
        let from = status::predecessors_of(outcome.status, outcome.actor);
        let mut update = update_run(id, scope, has_status(from));
        self.set_outcome(&mut update, outcome);
        if outcome.completed_at.is_none() {
            update.value(Column::CompletedAt, self.stored_end_or_now());
        }
        if let Some(message) = &outcome.error_message {
            update.value(Column::ErrorMessage, message.as_str());
            update.value(FINGERPRINT, Fingerprint::of(Some(message)).to_string());
        } else if outcome.status == SyncStatus::Failed {
            // Another writer may have stored a message.
            let none = Fingerprint::of(None).to_string();
            let fingerprint =
                Expr::case(Column::ErrorMessage.is_null(), none).finally(Expr::col(FINGERPRINT));
            update.value(FINGERPRINT, fingerprint);
        }
        update
    }

    /// Returns the update that gives a run that was closed as lost its outcome. Nothing of the closing stays but `lost_at`.
    fn recovery(&self, id: Uuid, outcome: &Outcome, scope: &WriteScope) -> UpdateStatement {
        let is_lost = has_status([SyncStatus::Failed].into_iter())
            .and(Column::LostAt.is_not_null())
            .and(Column::RecoveredAt.is_null());
        let mut update = update_run(id, scope, is_lost);
        self.set_outcome(&mut update, outcome);
        if outcome.completed_at.is_none() {
            update.value(Column::CompletedAt, self.now_or_start());
        }
        let message = outcome.error_message.as_deref();
        let has_fingerprint = message.is_some() || outcome.status == SyncStatus::Failed;
        let fingerprint = has_fingerprint.then(|| Fingerprint::of(message).to_string());
        update
            .value(Column::ErrorMessage, outcome.error_message.clone())
            .value(FINGERPRINT, fingerprint)
            .value(Column::RecoveredAt, self.store.now());
        update
    }

    fn set_outcome(&self, update: &mut UpdateStatement, outcome: &Outcome) {
        update.value(Column::Status, outcome.status.as_ref());
        for (column, total) in counts(outcome.counts) {
            update.value(column, total);
        }
        if let Some(at) = outcome.completed_at {
            update.value(Column::CompletedAt, at);
            update.and_where(Column::StartedAt.lte(at));
        }
        if let Some(author) = &outcome.ended_by {
            update.value(Column::EndedByName, author.name.as_str());
        }
        // The cancellation of a run is a report only if it says so.
        if outcome.actor == Actor::Operator {
            update.value(Column::LastHeartbeatAt, last_report_in_row());
        } else if outcome.status == SyncStatus::Cancelled {
            update.value(Column::LastHeartbeatAt, self.store.now());
        }
    }

    /// The end time of a run that ends without saying when: the one that another writer has stored, or else now.
    pub(super) fn stored_end_or_now(&self) -> FunctionCall {
        Func::coalesce([Expr::col(Column::CompletedAt), self.now_or_start().into()])
    }

    /// The worker's clock may be ahead of the server's, but a run cannot end before it started.
    fn now_or_start(&self) -> FunctionCall {
        let now = Expr::val(self.clock.now());
        Func::greatest([now, Expr::col(Column::StartedAt)])
    }
}

/// Returns whether a run was closed as lost, and this outcome replaces that.
fn may_recover(run: &Run, outcome: &Outcome) -> bool {
    status::is_lost(run) && status::may_become(State::Lost, outcome.status, outcome.actor)
}

/// Returns why a run did not end with an outcome.
fn rejected_outcome(run: Run, outcome: &Outcome) -> Error {
    match outcome.completed_at {
        Some(at) if at < run.started_at && (is_open(&run) || may_recover(&run, outcome)) => {
            Error::BadInput(format!(
                "completedAt {} is before the run's startedAt {}; a run cannot end before it started",
                instant::to_rfc3339(at),
                instant::to_rfc3339(run.started_at)
            ))
        }
        _ => rejection(run),
    }
}
