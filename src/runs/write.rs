//! How the ledger changes. Each rule stands in the condition of the statement that writes, so that
//! it holds whoever else writes at the same time; what was read before decides nothing.

use entity::{FromColumns, StoredJson, SyncEntityType, SyncSource, SyncStatus, run, run::Column};
use sea_orm::sea_query::{Expr, ExprTrait, Func, FunctionCall, LockType, Query, UpdateStatement};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, QuerySelect,
};
use serde_json::{Map, Value as Json};
use tracing::debug;
use uuid::Uuid;

use super::{
    Run, RunColumns, Runs,
    commands::{Counts, NewRun, Outcome, Progress, check_text},
    error::{Error, Result},
    statement::returning_run,
    status,
};
use crate::db::error::{Failure, classify};

/// A run as a call left it.
#[derive(Clone, Debug)]
pub struct WriteResult {
    /// The run as it is now.
    pub run: Run,
    /// The very call had been made before; nothing was changed.
    pub replayed: bool,
}

impl Runs {
    /// Creates a run, and tells so much of it. The same call under the same id is answered with the run there is.
    ///
    /// # Errors
    /// Bad input, an unknown user, an id that a different run has, or the database does not answer.
    pub async fn create(&self, new: NewRun, columns: RunColumns) -> Result<WriteResult> {
        new.check(&self.limits)?;
        let digest = new.digest();
        let id = new.id.unwrap_or_else(|| self.clock.new_id());
        let row = run::ActiveModel {
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
            details: Set(new.details.map(StoredJson::Json)),
            records_expected: Set(new.records_expected),
            creation_digest: Set(Some(digest)),
            ..Default::default()
        };
        let created = self.insert_run(id, row, columns).await.map_err(|error| {
            match (classify(&error), new.triggered_by_id) {
                (Failure::ForeignKey, Some(id)) => Error::NotFound { what: "user", id },
                _ => error.into(),
            }
        })?;
        if let Some(run) = created {
            debug!(%run, "created");
            return Ok(WriteResult {
                run,
                replayed: false,
            });
        }
        let run = self.get(id).await?;
        if run.creation_digest == Some(digest) {
            Ok(WriteResult {
                run,
                replayed: true,
            })
        } else {
            Err(Error::IdConflict { what: "run", id })
        }
    }

    /// Sets a pending run running.
    ///
    /// # Errors
    /// No such run, it has ended, or the database does not answer.
    pub async fn start(&self, id: Uuid) -> Result<WriteResult> {
        let mut update = update_run(id, status::predecessors_of(SyncStatus::Running));
        update.value(Column::Status, SyncStatus::Running.as_ref());
        match self
            .write_open_run(id, update, None, RunColumns::All)
            .await?
        {
            Update::Applied(run) => {
                debug!(%run, "started");
                Ok(WriteResult {
                    run,
                    replayed: false,
                })
            }
            Update::Rejected(run) if run.status() == Ok(SyncStatus::Running) => Ok(WriteResult {
                run,
                replayed: true,
            }),
            Update::Rejected(run) => Err(rejection(run)),
        }
    }

    /// Notes how far an open run has come.
    ///
    /// # Errors
    /// Bad input, no such run, it has ended, or the database does not answer.
    pub async fn report_progress(&self, id: Uuid, progress: &Progress) -> Result<Run> {
        progress.check(&self.limits)?;
        let mut update = update_run(id, status::open());
        for (column, total) in counts(progress.counts) {
            let highest = Func::greatest([Expr::col(column), Expr::val(total)]);
            update.value(column, highest);
        }
        if let Some(expected) = progress.records_expected {
            update.value(Column::RecordsExpected, expected);
        }
        // An empty report changes nothing, and is answered with the run all the same.
        update.value(Column::Version, Expr::col(Column::Version));
        match self
            .write_open_run(id, update, progress.details.as_ref(), RunColumns::All)
            .await?
        {
            Update::Applied(run) => {
                debug!(%run, "progressed");
                Ok(run)
            }
            Update::Rejected(run) => Err(rejection(run)),
        }
    }

    /// Ends a run, and tells so much of it. Of several calls at once one wins; a repetition of it is
    /// told so, and any other outcome is refused.
    ///
    /// # Errors
    /// Bad input, no such run, it has ended otherwise, or the database does not answer.
    pub async fn complete(
        &self,
        id: Uuid,
        outcome: &Outcome,
        columns: RunColumns,
    ) -> Result<WriteResult> {
        outcome.check(&self.limits)?;
        let mut update = update_run(id, status::predecessors_of(outcome.status));
        update.value(Column::Status, outcome.status.as_ref());
        for (column, total) in counts(outcome.counts) {
            update.value(column, total);
        }
        if let Some(at) = outcome.completed_at {
            update.value(Column::CompletedAt, at);
            update.and_where(Column::StartedAt.lte(at));
        } else {
            update.value(Column::CompletedAt, self.end());
        }
        if let Some(message) = &outcome.error_message {
            update.value(Column::ErrorMessage, message.as_str());
        }
        match self
            .write_open_run(id, update, outcome.details.as_ref(), columns)
            .await?
        {
            Update::Applied(run) => {
                debug!(%run, "ended");
                Ok(WriteResult {
                    run,
                    replayed: false,
                })
            }
            Update::Rejected(run) if outcome.is_replay_of(&run) => Ok(WriteResult {
                run,
                replayed: true,
            }),
            Update::Rejected(run) => match outcome.completed_at {
                Some(at) if is_open(&run) && at < run.started_at => Err(Error::BadInput(format!(
                    "completedAt {} is before the run's startedAt {}; a run does not end before it began",
                    at.to_rfc3339(),
                    run.started_at.to_rfc3339()
                ))),
                _ => Err(rejection(run)),
            },
        }
    }

    /// Cancels all open runs of these entity types and sources; None stands for all.
    ///
    /// # Errors
    /// Bad input, or the database does not answer.
    pub async fn cancel_active(
        &self,
        entity_types: Option<&[SyncEntityType]>,
        sources: Option<&[SyncSource]>,
        reason: Option<&str>,
    ) -> Result<Vec<Run>> {
        if let Some(reason) = reason {
            check_text("reason", reason)?;
        }
        let mut select = Query::select();
        select
            .column(Column::Id)
            .from(run::Entity)
            .and_where(is_any_of(status::predecessors_of(SyncStatus::Cancelled)))
            .order_by(Column::Id, sea_orm::Order::Asc);
        if let Some(types) = entity_types {
            select.and_where(Column::EntityType.is_in(types.iter().map(AsRef::as_ref)));
        }
        if let Some(sources) = sources {
            select.and_where(Column::Source.is_in(sources.iter().map(AsRef::as_ref)));
        }
        if self.database.backend() == DbBackend::Postgres {
            // In the order of their ids, so that two such calls do not deadlock.
            select.lock(LockType::Update);
        }
        let mut update = Query::update();
        update
            .table(run::Entity)
            .and_where(Expr::col(Column::Id).in_subquery(select))
            .value(Column::Status, SyncStatus::Cancelled.as_ref())
            .value(Column::CompletedAt, self.end());
        if let Some(reason) = reason {
            update.value(Column::ErrorMessage, reason);
        }
        let mut runs = self.write_runs(update).await?;
        self.changes.notify();
        runs.sort_by_key(|run| (run.started_at, run.id));
        for run in &runs {
            debug!(%run, "ended");
        }
        Ok(runs)
    }

    /// The end of a run that ends now. A worker's clock may be ahead of this one; a run does not end
    /// before it began.
    fn end(&self) -> FunctionCall {
        let now = Expr::val(self.clock.now());
        Func::greatest([now, Expr::col(Column::StartedAt)])
    }

    /// Executes an update of one run whose condition holds the rule, and reads the run if the rule
    /// said no.
    async fn write_open_run(
        &self,
        id: Uuid,
        mut update: UpdateStatement,
        details: Option<&Json>,
        columns: RunColumns,
    ) -> Result<Update> {
        let details = details
            .and_then(Json::as_object)
            .filter(|details| !details.is_empty());
        let written = match (details, self.database.backend()) {
            (Some(details), DbBackend::Postgres) => {
                update.value(Column::Details, merged_in_postgres(details));
                self.write_run(id, update, columns).await?
            }
            (Some(details), _) => self.write_run_merging(id, update, details, columns).await?,
            (None, _) => self.write_run(id, update, columns).await?,
        };
        match written {
            Some(run) => Ok(Update::Applied(run)),
            None => Ok(Update::Rejected(self.get(id).await?)),
        }
    }

    /// SQLite has no function that merges two objects key by key, but one writer: within its
    /// transaction the details that were read are those that will be replaced.
    async fn write_run_merging(
        &self,
        id: Uuid,
        update: UpdateStatement,
        details: &Map<String, Json>,
        columns: RunColumns,
    ) -> std::result::Result<Option<Run>, DbErr> {
        let details = details.clone();
        let run = self
            .database
            .transaction(move |connection| {
                Box::pin(merge_and_read(connection, id, update, details, columns))
            })
            .await?;
        self.changes.notify();
        Ok(run)
    }
}

async fn merge_and_read(
    connection: &impl ConnectionTrait,
    id: Uuid,
    mut update: UpdateStatement,
    details: Map<String, Json>,
    columns: RunColumns,
) -> std::result::Result<Option<Run>, DbErr> {
    let stored: Option<Option<StoredJson>> = run::Entity::find_by_id(id)
        .select_only()
        .column(Column::Details)
        .into_tuple()
        .one(connection)
        .await?;
    let mut merged = match stored.flatten() {
        Some(StoredJson::Json(Json::Object(stored))) => stored,
        _ => Map::new(),
    };
    merged.extend(details);
    update.value(Column::Details, Json::Object(merged));
    let statement = returning_run(connection.get_database_backend(), id, update, columns);
    let rows = connection.query_all_raw(statement).await?;
    rows.first().map(Run::from_columns).transpose()
}

/// What became of an update that its own condition may refuse.
enum Update {
    Applied(Run),
    Rejected(Run),
}

/// An update of the run with this id, if its status is one of these.
fn update_run(id: Uuid, from: impl Iterator<Item = SyncStatus>) -> UpdateStatement {
    let mut update = Query::update();
    update
        .table(run::Entity)
        .and_where(Column::Id.eq(id))
        .and_where(is_any_of(from));
    update
}

fn is_any_of(statuses: impl Iterator<Item = SyncStatus>) -> Expr {
    let words: Vec<String> = statuses.map(|status| status.to_string()).collect();
    Column::Status.is_in(words)
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

/// The run's details with these keys set. Other writers store JSON `null` for "none".
fn merged_in_postgres(details: &Map<String, Json>) -> Expr {
    Expr::cust_with_values(
        "(CASE WHEN json_typeof(details) = 'object' THEN details::jsonb ELSE '{}' END || $1)::json",
        [Json::Object(details.clone())],
    )
}

fn is_open(run: &Run) -> bool {
    run.status().is_ok_and(|status| !status::has_ended(status))
}

/// Why an update of `run` was refused.
fn rejection(run: Run) -> Error {
    match run.status() {
        Ok(status) if status::has_ended(status) => Error::AlreadyFinished(Box::new(run)),
        // Created or changed between the refused update and the reading; the same call again will
        // find it so.
        Ok(_) => Error::Unavailable(DbErr::RecordNotUpdated),
        Err(unknown) => Error::BadInput(format!(
            "the status stored for run {} is `{}`, which this server does not know; correct it \
             in the database first",
            run.id, unknown.text
        )),
    }
}
