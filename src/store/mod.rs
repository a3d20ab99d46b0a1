//! Storage of runs and events: the statements of the domain.
//!
//! PostgreSQL and SQLite share everything that [`read`] holds. A statement that they do not share is written
//! once in `postgres` and once in `sqlite`; [`Store`] chooses between the two, so that its callers need not
//! know which database they use.

mod commit_position;
mod delete;
mod failures;
pub(crate) mod feed;
mod feed_position;
mod freshness;
mod heartbeats;
mod insert;
mod postgres;
mod read;
mod sqlite;
mod stats;
mod text_search;
mod types;

use std::ops::RangeInclusive;

use entity::{
    SyncEntityType, SyncSource, SyncStatus, event::Model as Event, run, run::Model as Run, user,
};
use sea_orm::sea_query::{Condition, Expr, Func, SelectStatement, UpdateStatement};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, QueryResult};
use strum::VariantArray;
use uuid::Uuid;

use crate::db::{
    Database, ScanBudget, SlowQueryError, StatementPool,
    keyset::{KeysetOrder, PageRows},
};
pub(crate) use commit_position::{CommitPosition, Snapshot};
pub(crate) use failures::{
    FINGERPRINT, FailedRun, FailureBatch, FingerprintedRuns, MAX_MESSAGE_CHARS, UnindexedFailure,
    is_failure, is_unindexed,
};
pub(crate) use feed_position::{FeedPosition, NewestChange};
pub(crate) use freshness::{EndedRun, HistoryLimits, PairHistory};
pub use freshness::{Neighbours, Pair};
pub(crate) use heartbeats::{ClosedRuns, SilentRun, last_report_in_row};
pub(crate) use read::{
    UnknownValues, count, count_rows, instant, read_all, read_by_ids, select_events, select_runs,
};
pub(crate) use stats::{BucketRange, StatsRow, StatsSelect};
pub(crate) use text_search::fold_case;
pub(crate) use types::{
    DetailsMerge, EventBatch, EventPage, InsertedEvents, RunRelations, UpdateResult,
};
pub use types::{EventPageSpec, LoadedRun, RunColumns};

/// The statements of the domain, for the database at hand.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    database: Database,
}

impl Store {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Returns the end of a run that has ended, as the database indexes it.
    pub(crate) fn ended_at(&self) -> Expr {
        match &self.database {
            Database::Postgres(_) => postgres::ended_at(),
            Database::Sqlite(_) => sqlite::ended_at(),
        }
    }

    /// Returns the time of the latest change of a run, as far as it is known.
    pub(crate) fn updated_at(&self) -> Expr {
        let column = |column: run::Column| Expr::col(column);
        let times = [
            column(run::Column::UpdatedAt),
            self.ended_at(),
            column(run::Column::StartedAt),
        ];
        Func::coalesce(times).into()
    }

    /// Returns the duration of a run that has ended, as the database computes and indexes it.
    pub(crate) fn duration(&self) -> Expr {
        match &self.database {
            Database::Postgres(_) => postgres::duration(),
            Database::Sqlite(_) => sqlite::duration(),
        }
    }

    /// Returns the function that makes a number of microseconds an operand to compare with
    /// [`duration`](Self::duration).
    pub(crate) fn duration_operand(&self) -> fn(i64) -> Expr {
        match &self.database {
            Database::Postgres(_) => postgres::duration_operand,
            Database::Sqlite(_) => Expr::val,
        }
    }

    /// Returns the order of events: by time, then in the order in which they were written. Events from before adoption come
    /// before others of the same time.
    pub(crate) fn event_order(&self, descending: bool) -> KeysetOrder {
        match &self.database {
            Database::Postgres(_) => postgres::event_order(descending),
            Database::Sqlite(_) => sqlite::event_order(descending),
        }
    }

    /// Returns the condition that `column` contains `text`, ignoring case.
    pub(crate) fn contains_text(&self, column: Expr, text: &str) -> Expr {
        match &self.database {
            Database::Postgres(_) => postgres::contains_text(column, text),
            Database::Sqlite(_) => sqlite::contains_text(column, text),
        }
    }

    /// Returns a condition that an index supports, and that all runs meet whose error message contains `text`. Others may
    /// meet it, too. `None` if no index supports it.
    pub(crate) fn preselects_text(&self, text: &str) -> Option<Expr> {
        let is_indexed = self.database.has_text_index();
        is_indexed.then(|| match &self.database {
            Database::Postgres(_) => postgres::key_contains_text(text),
            Database::Sqlite(_) => sqlite::text_index::is_candidate(text),
        })?
    }

    /// Finds the runs that meet [`preselects_text`](Self::preselects_text). Returns the condition that they are those; `None`
    /// if they are more than `limit`.
    pub(crate) async fn preselected_runs(
        &self,
        text: &str,
        limit: u32,
        budget: &ScanBudget,
    ) -> Result<Option<Expr>, SlowQueryError> {
        let find = async |pool: &StatementPool| match &self.database {
            Database::Postgres(_) => postgres::few_candidates(pool, text, limit).await,
            Database::Sqlite(_) => sqlite::text_index::few_candidates(pool, text, limit).await,
        };
        self.database.slow_query(budget, find).await
    }

    /// Returns whether the server has to index error messages. PostgreSQL does so itself.
    pub(crate) fn indexes_messages(&self) -> bool {
        matches!(self.database, Database::Sqlite(_))
    }

    /// Indexes the error messages of up to `limit` runs that are not indexed, and returns their number.
    pub(crate) async fn index_messages(&self, limit: u32) -> Result<u64, DbErr> {
        if !sqlite::text_index::has_queued(self.read()).await? {
            return Ok(0);
        }
        let write = self.database.transaction(move |transaction| {
            Box::pin(sqlite::text_index::index_batch(transaction, limit))
        });
        write.await
    }

    /// Returns the condition that the text of a run's details contains `text`.
    pub(crate) fn details_contain(&self, text: &str) -> Expr {
        match &self.database {
            Database::Postgres(_) => postgres::details_contain(text),
            Database::Sqlite(_) => sqlite::details_contain(text),
        }
    }

    /// Returns the connections for queries that an index supports.
    pub(crate) fn read(&self) -> &StatementPool {
        self.database.read()
    }

    /// Runs a query on the connections for queries that an index supports, or on those for slow queries, where its
    /// time is charged to `budget`.
    pub(crate) async fn query<T>(
        &self,
        is_indexed: bool,
        budget: &ScanBudget,
        query: impl AsyncFnOnce(&StatementPool) -> Result<T, DbErr>,
    ) -> Result<T, SlowQueryError> {
        if is_indexed {
            let read = query(self.database.read()).await;
            read.map_err(SlowQueryError::Database)
        } else {
            self.database.slow_query(budget, query).await
        }
    }

    /// Returns the IDs of runs in a range; `None` if there are more than `limit`.
    pub(crate) async fn ids_between(
        &self,
        range: RangeInclusive<Uuid>,
        limit: usize,
    ) -> Result<Option<Vec<Uuid>>, DbErr> {
        let ids = read::ids_between(self.read(), range, limit + 1).await?;
        Ok((ids.len() <= limit).then_some(ids))
    }

    /// Reads one run; `None` if it does not exist.
    pub(crate) async fn find_run(
        &self,
        id: Uuid,
        columns: RunColumns,
    ) -> Result<Option<Run>, DbErr> {
        read::read_run(self.read(), id, columns).await
    }

    /// Returns whether [`read_runs`](Self::read_runs) returns the runs in the order in which they are selected. SQLite
    /// joins row by row; PostgreSQL may join in another order.
    pub(crate) fn keeps_order(&self, relations: &RunRelations) -> bool {
        match &self.database {
            Database::Postgres(_) => !relations.user && relations.events.is_none(),
            Database::Sqlite(_) => true,
        }
    }

    /// Returns a select of these columns of the runs whose IDs `ids` selects, in no particular order. The runs are looked up
    /// by their IDs, whatever number of rows the planner expects.
    pub(crate) fn select_page(&self, columns: RunColumns, ids: SelectStatement) -> SelectStatement {
        match &self.database {
            Database::Postgres(_) => postgres::select_page(columns, ids),
            Database::Sqlite(_) => sqlite::select_page(columns, ids),
        }
    }

    /// Finds the texts in the column of an enum that are none of its values.
    pub(crate) async fn unknown_values(&self, column: run::Column) -> Result<UnknownValues, DbErr> {
        read::unknown_values(self.read(), column, known_texts(column).into_iter()).await
    }

    /// Reads the runs that `runs` selects with these columns, and what belongs to them.
    pub(crate) async fn read_runs(
        &self,
        connection: &impl ConnectionTrait,
        runs: SelectStatement,
        columns: RunColumns,
        relations: &RunRelations,
    ) -> Result<Vec<LoadedRun>, DbErr> {
        if !relations.user && relations.events.is_none() {
            let rows = read::query_all(connection, &runs).await?;
            return rows
                .iter()
                .map(|row| read::decode_run(row, columns, false))
                .collect();
        }
        let mut select = read::with_relations(runs, relations.user);
        if let Some(page) = &relations.events {
            match &self.database {
                Database::Postgres(_) => postgres::join_event_page(&mut select, page),
                Database::Sqlite(_) => sqlite::select_event_page(&mut select, page),
            }
        }
        let rows = read::query_all(connection, &select).await?;
        let runs = rows.iter().map(|row| {
            let mut loaded = read::decode_run(row, columns, relations.user)?;
            if let Some(EventPage { spec, .. }) = &relations.events {
                loaded.events = Some(self.decode_event_page(row, loaded.run.id, *spec)?);
            }
            Ok(loaded)
        });
        runs.collect()
    }

    /// Reads a page of events for each of these runs, together with the position of the run.
    pub(crate) async fn read_event_pages(
        &self,
        connection: &impl ConnectionTrait,
        run_ids: &[Uuid],
        page: &EventPage,
    ) -> Result<Vec<(usize, PageRows<Event>)>, DbErr> {
        let rows = match &self.database {
            Database::Postgres(_) => postgres::read_event_pages(connection, run_ids, page).await?,
            Database::Sqlite(_) => sqlite::read_event_pages(connection, run_ids, page).await?,
        };
        let pages = rows.iter().map(|row| {
            let position = read::position(row)?;
            let run_id = run_ids.get(position).copied().unwrap_or_default();
            Ok((position, self.decode_event_page(row, run_id, page.spec)?))
        });
        pages.collect()
    }

    /// Decodes the page of events that a row holds.
    fn decode_event_page(
        &self,
        row: &QueryResult,
        run_id: Uuid,
        spec: EventPageSpec,
    ) -> Result<PageRows<Event>, DbErr> {
        match &self.database {
            Database::Postgres(_) => postgres::decode_event_page(row, run_id, spec),
            Database::Sqlite(_) => sqlite::decode_event_page(row, run_id, spec),
        }
    }

    /// Counts the matching events of each of these runs, up to `limit`, together with the position of the run.
    pub(crate) async fn count_events(
        &self,
        connection: &impl ConnectionTrait,
        run_ids: &[Uuid],
        condition: &Condition,
        limit: u32,
    ) -> Result<Vec<(usize, u32)>, DbErr> {
        let rows = match &self.database {
            Database::Postgres(_) => {
                postgres::count_events(connection, run_ids, condition, limit).await?
            }
            Database::Sqlite(_) => {
                sqlite::count_events(connection, run_ids, condition, limit).await?
            }
        };
        let counts = rows
            .iter()
            .map(|row| Ok((read::position(row)?, read::decode_count(row, limit)?)));
        counts.collect()
    }

    /// Inserts a run, and returns it; `None` if its ID is taken: by a run, or by an event or a user if the caller chose the
    /// ID.
    pub(crate) async fn insert_run(
        &self,
        id: Uuid,
        is_id_chosen: bool,
        row: &run::ActiveModel,
        columns: RunColumns,
    ) -> Result<Option<Run>, DbErr> {
        let chosen_id = is_id_chosen.then_some(id);
        match &self.database {
            Database::Postgres(database) => {
                let insert = insert::insert_run(row, chosen_id, postgres::json)?;
                postgres::insert_run(database, insert, columns).await
            }
            Database::Sqlite(database) => {
                let insert = insert::insert_run(row, chosen_id, |text| text)?;
                sqlite::insert_run(database, id, insert, columns).await
            }
        }
    }

    /// Returns the first of these IDs that a row of a table, `E`, or a user has.
    pub(crate) async fn find_taken_id<E: EntityTrait>(
        &self,
        ids: &[Uuid],
    ) -> Result<Option<Uuid>, DbErr> {
        let mut taken = read::existing_ids::<E>(self.read(), ids).await?;
        taken.extend(read::existing_ids::<user::Entity>(self.read(), ids).await?);
        Ok(ids.iter().copied().find(|id| taken.contains(id)))
    }

    /// Executes an update of the run with this ID. `details` are merged into those of the run, key by key.
    pub(crate) async fn update_run(
        &self,
        id: Uuid,
        update: UpdateStatement,
        details: Option<DetailsMerge>,
        columns: RunColumns,
    ) -> Result<UpdateResult, DbErr> {
        match &self.database {
            Database::Postgres(database) => {
                postgres::update_run(database, id, update, details, columns).await
            }
            Database::Sqlite(database) => {
                sqlite::update_run(database, id, update, details, columns).await
            }
        }
    }

    /// Returns whether a select has a row; true if the database fails.
    pub(crate) async fn has_rows(&self, select: &SelectStatement) -> bool {
        let first = select.clone().limit(1).take();
        let rows = self.read().query_all(&first).await;
        rows.map_or(true, |rows| !rows.is_empty())
    }

    /// Executes an update of the runs whose IDs `ids` selects, and returns these columns of the updated runs, in no
    /// particular order.
    pub(crate) async fn update_runs(
        &self,
        ids: SelectStatement,
        update: UpdateStatement,
        columns: RunColumns,
    ) -> Result<Vec<Run>, DbErr> {
        match &self.database {
            Database::Postgres(database) => {
                postgres::update_runs(database, ids, update, columns).await
            }
            Database::Sqlite(database) => sqlite::update_runs(database, ids, update, columns).await,
        }
    }

    /// Deletes a run with its events, and what the change log holds of its texts. Returns the run as it was, without its
    /// details; `None` if it does not exist. `verify` receives the run, which nobody changes meanwhile; its error undoes the
    /// write.
    pub(crate) async fn delete_run<E>(
        &self,
        id: Uuid,
        verify: impl FnOnce(&Run) -> Result<(), E> + Send + 'static,
    ) -> Result<Option<Run>, E>
    where
        E: From<DbErr> + Send + 'static,
    {
        self.database
            .transaction(move |transaction| Box::pin(delete::delete_run(transaction, id, verify)))
            .await
    }

    /// Adds events to a run, all or none; `None` if the run does not exist or is of no allowed source. `verify`
    /// receives the events as they are stored, if some of them had been stored before; its error undoes the write.
    pub(crate) async fn add_events<E>(
        &self,
        batch: EventBatch,
        verify: impl FnOnce(&[Event]) -> Result<(), E> + Send + 'static,
    ) -> Result<Option<InsertedEvents>, E>
    where
        E: From<DbErr> + Send + 'static,
    {
        match &self.database {
            Database::Postgres(database) => postgres::add_events(database, batch, verify).await,
            Database::Sqlite(database) => sqlite::add_events(database, batch, verify).await,
        }
    }
}

/// Returns the texts of the values of the enum in a column; none for other columns.
fn known_texts(column: run::Column) -> Vec<&'static str> {
    match column {
        run::Column::Status => SyncStatus::VARIANTS.iter().map(AsRef::as_ref).collect(),
        run::Column::Source => SyncSource::VARIANTS.iter().map(AsRef::as_ref).collect(),
        run::Column::EntityType => SyncEntityType::VARIANTS.iter().map(AsRef::as_ref).collect(),
        _ => Vec::new(),
    }
}
