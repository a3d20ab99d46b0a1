//! Creating and changing runs.
//!
//! Every rule is part of the condition of the statement that writes, so that it holds no matter who else writes at the
//! same time. Nothing is decided by what was read before.

use entity::{Details, SyncStatus, event, instant, run, run::Column};
use sea_orm::sea_query::{Expr, Func, FunctionCall, Query, UpdateStatement};
use sea_orm::{ActiveValue::Set, ColumnTrait, DbErr};
use serde_json::{Map, Value as Json};
use tracing::debug;
use uuid::Uuid;

use super::{
    Run, RunColumns, Runs, WriteScope,
    commands::{Counts, NewRun, Outcome, Progress},
    creation,
    error::{Error, Result},
    failures::Fingerprint,
    status,
};
use crate::{
    db::error::{Failure, classify},
    store::{DetailsMerge, FINGERPRINT, UpdateResult},
};

/// The result of a call that writes a run.
#[derive(Clone, Debug)]
pub struct WriteResult {
    /// The run after the call.
    pub run: Run,
    /// Whether the call repeats an earlier one and changed nothing.
    pub replayed: bool,
}

impl WriteResult {
    fn written(run: Run) -> Self {
        Self {
            run,
            replayed: false,
        }
    }

    fn replayed(run: Run) -> Self {
        Self {
            run,
            replayed: true,
        }
    }
}

/// The result of an update whose condition may not hold.
enum Update {
    /// The run after the update.
    Applied(Run),
    /// The run, which the update did not change.
    Rejected(Run),
}

impl Runs {
    /// Creates a run and returns these columns of it. Idempotent per ID: a repeated call returns the existing run.
    ///
    /// # Errors
    /// Returns [`Error::BadInput`] if the input is invalid, [`Error::SourceNotAllowed`] if `scope` does not include the
    /// source, [`Error::NotFound`] if the user does not exist, [`Error::IdConflict`] if the ID belongs to a different
    /// run, an event or a user, and an error if the database is unavailable.
    pub async fn create(
        &self,
        new: NewRun,
        scope: &WriteScope,
        columns: RunColumns,
    ) -> Result<WriteResult> {
        scope.check_source(new.source)?;
        new.validate(&self.limits, self.clock.now())?;
        let digest = creation::digest(&new);
        let id = new.id.unwrap_or_else(|| self.clock.new_id());
        let triggered_by_id = new.triggered_by_id;
        let row = self.row(id, &new, digest);
        let is_id_chosen = new.id.is_some();
        let created = self.store.insert_run(id, is_id_chosen, &row, columns).await;
        let created = created.map_err(|error| match (classify(&error), triggered_by_id) {
            (Failure::ForeignKey, Some(id)) => Error::NotFound { what: "user", id },
            _ => error.into(),
        })?;
        if let Some(run) = created {
            self.changes.notify();
            debug!(%run, "created");
            return Ok(WriteResult::written(run));
        }
        match self.store.find_run(id, RunColumns::All).await? {
            Some(run) if run.creation_digest == Some(digest) => Ok(WriteResult::replayed(run)),
            Some(run) => Err(Error::IdConflict {
                what: "run",
                id,
                fields: creation::differing_fields(&new, &run)?,
            }),
            None => match self.store.find_taken_id::<event::Entity>(&[id]).await? {
                Some(id) => Err(Error::IdConflict {
                    what: "event or user",
                    id,
                    fields: Vec::new(),
                }),
                // Deleted after the write; the same call succeeds when repeated.
                None => Err(Error::Unavailable(DbErr::RecordNotInserted)),
            },
        }
    }

    fn row(&self, id: Uuid, new: &NewRun, digest: Uuid) -> run::ActiveModel {
        run::ActiveModel {
            id: Set(id),
            entity_type: Set(new.entity_type.to_string()),
            source: Set(new.source.to_string()),
            status: Set(new.status.to_string()),
            started_at: Set(new.started_at.unwrap_or_else(|| self.clock.now())),
            records_processed: Set(0),
            records_created: Set(0),
            records_updated: Set(0),
            records_failed: Set(0),
            triggered_by_id: Set(new.triggered_by_id),
            details: Set(Details::from(
                new.details.as_ref().and_then(Json::as_object),
            )),
            records_expected: Set(new.records_expected),
            creation_digest: Set(Some(digest)),
            created_by_name: Set(new.created_by.as_ref().map(|author| author.name.clone())),
            created_by_key: Set(new.created_by.as_ref().and_then(|author| author.key_id)),
            ..Default::default()
        }
    }

    /// Changes a pending run to running. Idempotent.
    ///
    /// # Errors
    /// Returns [`Error::NotFound`] if there is no such run, [`Error::SourceNotAllowed`] if `scope` does not include its
    /// source, [`Error::AlreadyFinished`] if it has ended, and an error if the database is unavailable.
    pub async fn start(&self, id: Uuid, scope: &WriteScope) -> Result<WriteResult> {
        let mut update = update_run(id, scope, status::predecessors_of(SyncStatus::Running));
        update.value(Column::Status, SyncStatus::Running.as_ref());
        match self
            .update(id, scope, update, None, RunColumns::All)
            .await?
        {
            Update::Applied(run) => {
                debug!(%run, "started");
                Ok(WriteResult::written(run))
            }
            Update::Rejected(run) if run.status() == Ok(SyncStatus::Running) => {
                Ok(WriteResult::replayed(run))
            }
            Update::Rejected(run) => Err(rejection(run)),
        }
    }

    /// Updates the progress of a run that has not ended.
    ///
    /// # Errors
    /// Returns [`Error::BadInput`] if the input is invalid, [`Error::NotFound`] if there is no such run,
    /// [`Error::SourceNotAllowed`] if `scope` does not include its source, [`Error::AlreadyFinished`] if it has ended,
    /// and an error if the database is unavailable.
    pub async fn report_progress(
        &self,
        id: Uuid,
        progress: Progress,
        scope: &WriteScope,
    ) -> Result<Run> {
        progress.validate(&self.limits)?;
        let mut update = update_run(id, scope, status::open());
        for (column, total) in counts(progress.counts) {
            let highest = Func::greatest([Expr::col(column), Expr::val(total)]);
            update.value(column, highest);
        }
        if let Some(expected) = progress.records_expected {
            update.value(Column::RecordsExpected, expected);
        }
        // An update needs a value even if the report is empty.
        update.value(Column::Version, Expr::col(Column::Version));
        let details = progress.details;
        match self
            .update(id, scope, update, details, RunColumns::All)
            .await?
        {
            Update::Applied(run) => {
                debug!(%run, "progressed");
                Ok(run)
            }
            Update::Rejected(run) => Err(rejection(run)),
        }
    }

    /// Ends a run and returns these columns of it. Of concurrent calls one wins. Repeating it is idempotent; any other
    /// outcome is rejected.
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
        let mut update = update_run(id, scope, status::predecessors_of(outcome.status));
        update.value(Column::Status, outcome.status.as_ref());
        for (column, total) in counts(outcome.counts) {
            update.value(column, total);
        }
        if let Some(at) = outcome.completed_at {
            update.value(Column::CompletedAt, at);
            update.and_where(Column::StartedAt.lte(at));
        } else {
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
        if let Some(author) = &outcome.ended_by {
            update.value(Column::EndedByName, author.name.as_str());
        }
        let details = outcome.details.clone();
        let updated = self.update(id, scope, update, details, columns).await;
        match updated.map_err(|error| error.naming("errorMessage"))? {
            Update::Applied(run) => {
                debug!(%run, "ended");
                Ok(WriteResult::written(run))
            }
            Update::Rejected(run) if outcome.is_replay_of(&run)? => Ok(WriteResult::replayed(run)),
            Update::Rejected(run) => match outcome.completed_at {
                Some(at) if is_open(&run) && at < run.started_at => Err(Error::BadInput(format!(
                    "completedAt {} is before the run's startedAt {}; a run cannot end before it started",
                    instant::to_rfc3339(at),
                    instant::to_rfc3339(run.started_at)
                ))),
                _ => Err(rejection(run)),
            },
        }
    }

    /// The end time of a run that ends without saying when: the one that another writer has stored, or else now. The
    /// worker's clock may be ahead of the server's, but a run cannot end before it started.
    pub(super) fn stored_end_or_now(&self) -> FunctionCall {
        let now = Expr::val(self.clock.now());
        let now_or_start = Func::greatest([now, Expr::col(Column::StartedAt)]);
        Func::coalesce([Expr::col(Column::CompletedAt), now_or_start.into()])
    }

    /// Executes an update of one run whose condition holds the rules. Reads the run if the condition does not hold.
    async fn update(
        &self,
        id: Uuid,
        scope: &WriteScope,
        update: UpdateStatement,
        details: Option<Json>,
        columns: RunColumns,
    ) -> Result<Update> {
        let max_bytes = self.limits.merged_details_bytes;
        let details = details.and_then(non_empty_object);
        let details = details.map(|given| DetailsMerge { given, max_bytes });
        let updated = self.store.update_run(id, update, details, columns).await?;
        if let UpdateResult::Updated(run) = updated {
            self.changes.notify();
            return Ok(Update::Applied(*run));
        }
        let run = self.get(id).await?;
        scope.check_run(&run)?;
        match updated {
            UpdateResult::DetailsTooLarge(bytes) if is_open(&run) => Err(Error::BadInput(format!(
                "the run's details would have {bytes} bytes with these; at most {max_bytes} are stored: send fewer, \
                 add events instead, or complete the run without details"
            ))),
            _ => Ok(Update::Rejected(run)),
        }
    }
}

fn non_empty_object(json: Json) -> Option<Map<String, Json>> {
    match json {
        Json::Object(object) if !object.is_empty() => Some(object),
        _ => None,
    }
}

/// Returns an update of the run with this ID, if it is in `scope` and has one of these statuses.
fn update_run(
    id: Uuid,
    scope: &WriteScope,
    from: impl Iterator<Item = SyncStatus>,
) -> UpdateStatement {
    let mut update = Query::update();
    update
        .table(run::Entity)
        .and_where(Column::Id.eq(id))
        .and_where(has_status(from))
        .and_where_option(scope.condition());
    update
}

pub(super) fn has_status(statuses: impl Iterator<Item = SyncStatus>) -> Expr {
    let statuses: Vec<String> = statuses.map(|status| status.to_string()).collect();
    Column::Status.is_in(statuses)
}

fn counts(counts: Counts) -> impl Iterator<Item = (Column, i32)> {
    [
        (Column::RecordsProcessed, counts.processed),
        (Column::RecordsCreated, counts.created),
        (Column::RecordsUpdated, counts.updated),
        (Column::RecordsFailed, counts.failed),
    ]
    .into_iter()
    .filter_map(|(column, total)| Some((column, total?)))
}

fn is_open(run: &Run) -> bool {
    run.status().is_ok_and(|status| !status::has_ended(status))
}

/// Returns why the status of `run` does not allow an update.
fn rejection(run: Run) -> Error {
    match run.status() {
        Ok(status) if status::has_ended(status) => Error::AlreadyFinished(Box::new(run)),
        // Created or changed after the rejected update; the same call succeeds when repeated.
        Ok(_) => Error::Unavailable(DbErr::RecordNotUpdated),
        Err(unknown) => Error::BadInput(format!(
            "the status stored for run {} is `{}`, which this server does not know; correct it \
             in the database first",
            run.id, unknown.text
        )),
    }
}
