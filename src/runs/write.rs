//! Creating and changing runs.
//!
//! Every rule is part of the condition of the statement that writes, so that it holds no matter who else writes at the
//! same time. Nothing is decided by what was read before.

use entity::{Details, SyncStatus, event, run, run::Column};
use sea_orm::sea_query::{Expr, Func, Query, UpdateStatement};
use sea_orm::{ActiveValue::Set, ColumnTrait, DbErr};
use serde_json::{Map, Value as Json};
use tracing::debug;
use uuid::Uuid;

use super::{
    Run, RunColumns, Runs, WriteScope,
    commands::{Counts, NewRun, Progress},
    creation,
    error::{Error, Result},
    status::{self, Actor},
};
use crate::{
    db::error::{Failure, classify},
    store::{DetailsMerge, UpdateResult},
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
    pub(super) fn written(run: Run) -> Self {
        Self {
            run,
            replayed: false,
        }
    }

    pub(super) fn replayed(run: Run) -> Self {
        Self {
            run,
            replayed: true,
        }
    }
}

/// The result of an update whose condition may not hold.
pub(super) enum Update {
    /// The run after the update.
    Applied(Run),
    /// The run, which the update did not change.
    Rejected(Run),
    /// The run, whose details would have this many bytes.
    DetailsTooLarge(Run, usize),
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
            heartbeat_timeout_seconds: Set(new.heartbeat_timeout_seconds),
            ..Default::default()
        }
    }

    /// Changes a pending run to running. Idempotent.
    ///
    /// # Errors
    /// Returns [`Error::NotFound`] if there is no such run, [`Error::SourceNotAllowed`] if `scope` does not include its
    /// source, [`Error::AlreadyFinished`] if it has ended, and an error if the database is unavailable.
    pub async fn start(&self, id: Uuid, scope: &WriteScope) -> Result<WriteResult> {
        let from = status::predecessors_of(SyncStatus::Running, Actor::Worker);
        let mut update = update_run(id, scope, has_status(from));
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
            Update::Rejected(run) | Update::DetailsTooLarge(run, _) => Err(rejection(run)),
        }
    }

    /// Updates the progress of a run that has not ended. Without any progress this is a heartbeat, which is not recorded as a
    /// change.
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
        let mut update = update_run(id, scope, has_status(status::open()));
        for (column, total) in counts(progress.counts) {
            let highest = Func::greatest([Expr::col(column), Expr::val(total)]);
            update.value(column, highest);
        }
        if let Some(expected) = progress.records_expected {
            update.value(Column::RecordsExpected, expected);
        }
        update.value(Column::LastHeartbeatAt, self.store.now());
        let details = progress.details;
        match self
            .update(id, scope, update, details, RunColumns::All)
            .await?
        {
            Update::Applied(run) => {
                debug!(%run, "progressed");
                Ok(run)
            }
            Update::DetailsTooLarge(run, bytes) if is_open(&run) => {
                Err(self.details_too_large(bytes))
            }
            Update::Rejected(run) | Update::DetailsTooLarge(run, _) => Err(rejection(run)),
        }
    }

    /// Executes an update of one run whose condition holds the rules. Reads the run if the condition does not hold.
    pub(super) async fn update(
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
        Ok(match updated {
            UpdateResult::DetailsTooLarge(bytes) => Update::DetailsTooLarge(run, bytes),
            _ => Update::Rejected(run),
        })
    }

    pub(super) fn details_too_large(&self, bytes: usize) -> Error {
        let max_bytes = self.limits.merged_details_bytes;
        Error::BadInput(format!(
            "the run's details would have {bytes} bytes with these; at most {max_bytes} are stored: send fewer, \
             add events instead, or complete the run without details"
        ))
    }
}

fn non_empty_object(json: Json) -> Option<Map<String, Json>> {
    match json {
        Json::Object(object) if !object.is_empty() => Some(object),
        _ => None,
    }
}

/// Returns an update of the run with this ID, if it is in `scope` and in a state that this condition allows.
pub(super) fn update_run(id: Uuid, scope: &WriteScope, state: Expr) -> UpdateStatement {
    let mut update = Query::update();
    update
        .table(run::Entity)
        .and_where(Column::Id.eq(id))
        .and_where(state)
        .and_where_option(scope.condition());
    update
}

pub(super) fn has_status(statuses: impl Iterator<Item = SyncStatus>) -> Expr {
    let statuses: Vec<String> = statuses.map(|status| status.to_string()).collect();
    Column::Status.is_in(statuses)
}

pub(super) fn counts(counts: Counts) -> impl Iterator<Item = (Column, i32)> {
    [
        (Column::RecordsProcessed, counts.processed),
        (Column::RecordsCreated, counts.created),
        (Column::RecordsUpdated, counts.updated),
        (Column::RecordsFailed, counts.failed),
    ]
    .into_iter()
    .filter_map(|(column, total)| Some((column, total?)))
}

pub(super) fn is_open(run: &Run) -> bool {
    run.status().is_ok_and(|status| !status::has_ended(status))
}

/// Returns why the status of `run` does not allow an update.
pub(super) fn rejection(run: Run) -> Error {
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
