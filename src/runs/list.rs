//! What can be asked of the ledger. `find` gives an option, `get` an error, `list` a page.

use std::collections::HashMap;

use entity::{FromColumns, run, user};
use sea_orm::sea_query::{Expr, Query, SelectStatement};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, DbErr};
use strum::VariantArray;
use uuid::Uuid;

use super::{
    LoadedRun, Run, RunColumns, RunSelection, Runs, User, duration,
    error::{Error, Result},
    filter::RunFilter,
    index_support::union_all,
};
use crate::db::{
    ScanBudget, StatementPool,
    keyset::{KeysetOrder, PageRequest, PageRows, Position},
    query::{read_all, select, with_limit},
};

/// Ids in one statement; SQLite takes 32,766 values.
const IDS: usize = 10_000;

/// What a list of runs can be ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
pub enum RunOrderField {
    /// When they began.
    StartedAt,
    /// When they ended.
    CompletedAt,
    /// How long they took.
    Duration,
    /// How many records were read.
    RecordsProcessed,
    /// How many records could not be taken over.
    RecordsFailed,
}

/// How a list of runs is ordered.
#[derive(Clone, Copy, Debug)]
pub struct RunOrder {
    /// By what.
    pub field: RunOrderField,
    /// Largest first.
    pub descending: bool,
}

impl RunOrderField {
    /// How much of a run tells where it stands.
    fn extent(self) -> RunColumns {
        match self {
            Self::StartedAt | Self::RecordsProcessed | Self::RecordsFailed => RunColumns::Summary,
            Self::CompletedAt | Self::Duration => RunColumns::Standard,
        }
    }

    /// Where `run` stands in a list ordered by this field.
    #[must_use]
    pub fn position(self, run: &Run) -> Position {
        let value = match self {
            Self::StartedAt => Some(run.started_at.timestamp_micros()),
            Self::CompletedAt => run.completed_at.map(|at| at.timestamp_micros()),
            Self::Duration => run.duration_micros(),
            Self::RecordsProcessed => Some(run.records_processed.into()),
            Self::RecordsFailed => Some(run.records_failed.into()),
        };
        Position { value, id: run.id }
    }
}

impl Runs {
    /// The run with this id.
    ///
    /// # Errors
    /// There is none, or the database does not answer.
    pub async fn get(&self, id: Uuid) -> Result<Run> {
        let read = self.find(id, &RunColumns::All.into()).await?;
        let read = read.ok_or(Error::NotFound { what: "run", id })?;
        Ok(read.run)
    }

    /// So much of the run with this id, if there is one.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn find(&self, id: Uuid, parts: &RunSelection) -> Result<Option<LoadedRun>> {
        let mut select = select::<Run>(parts.columns.columns());
        select.and_where(run::Column::Id.eq(id));
        let mut runs = parts.read_all(self.database.read(), select).await?;
        Ok(runs.pop())
    }

    /// The runs with these ids, those that exist.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn find_runs(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, Run>> {
        let runs = find_runs(self.database.read(), ids).await?;
        Ok(runs.into_iter().map(|run| (run.id, run)).collect())
    }

    /// The users with these ids, those that exist.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn find_users(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, User>> {
        let mut select = select::<User>(User::COLUMNS);
        select.and_where(user::Column::Id.is_in(ids.iter().copied()));
        let users: Vec<User> = read_all(self.database.read(), select).await?;
        Ok(users.into_iter().map(|user| (user.id, user)).collect())
    }

    /// A page of the runs that match, so much of each, and what they are ordered by.
    ///
    /// # Errors
    /// The database does not answer, or has too much to read.
    pub async fn list(
        &self,
        filter: &RunFilter,
        order: RunOrder,
        page: &PageRequest,
        parts: &RunSelection,
        time: &ScanBudget,
    ) -> Result<PageRows<LoadedRun>> {
        let columns = parts.columns.max(order.field.extent()).columns();
        let select = |filter: &RunFilter| self.matching_runs(filter, columns);
        let is_indexed = filter.is_indexed(order.field);
        let field = order.field;
        let order = self.run_order(order);
        self.read(is_indexed, time, async |connection| {
            let upwards = order.descending == page.from_end;
            let read = |runs| parts.read_in_order(connection, runs, field, upwards);
            match filter.split_by_value() {
                Some(filters) if is_indexed => {
                    let lists = filters
                        .iter()
                        .map(|filter| order.select(select(filter), page));
                    let runs = match union_all(lists) {
                        Some(runs) => read(runs).await?,
                        None => Vec::new(),
                    };
                    Ok(PageRows::from_read(runs, page))
                }
                _ => order.read(select(filter), page, read).await,
            }
        })
        .await
    }

    /// How many runs match, counted up to `up_to`.
    ///
    /// # Errors
    /// The database does not answer, or has too much to read.
    pub async fn count(&self, filter: &RunFilter, up_to: u32, time: &ScanBudget) -> Result<u32> {
        let select = self.matching_runs(filter, "1");
        self.read(filter.is_indexed_for_count(), time, async |connection| {
            count_up_to(connection, select, up_to).await
        })
        .await
    }

    fn matching_runs(&self, filter: &RunFilter, columns: &'static str) -> SelectStatement {
        let mut select = select::<Run>(columns);
        select.cond_where(filter.condition(self.database.backend()));
        select
    }

    fn run_order(&self, order: RunOrder) -> KeysetOrder {
        use run::Column;
        let backend = self.database.backend();
        let (by, nullable, operand): (Expr, bool, fn(i64) -> Expr) = match order.field {
            RunOrderField::StartedAt => (Expr::col(Column::StartedAt), false, instant),
            RunOrderField::CompletedAt => (Expr::col(Column::CompletedAt), true, instant),
            RunOrderField::Duration => (
                duration::expression(backend),
                true,
                match backend {
                    DbBackend::Postgres => |micros| duration::operand(DbBackend::Postgres, micros),
                    _ => |micros| duration::operand(DbBackend::Sqlite, micros),
                },
            ),
            RunOrderField::RecordsProcessed => {
                (Expr::col(Column::RecordsProcessed), false, Expr::val)
            }
            RunOrderField::RecordsFailed => (Expr::col(Column::RecordsFailed), false, Expr::val),
        };
        KeysetOrder {
            by,
            id: Expr::col(Column::Id),
            nullable,
            descending: order.descending,
            operand,
        }
    }

    /// Reads beside other readers what an index finds, and apart from them what none does.
    pub(crate) async fn read<T>(
        &self,
        is_indexed: bool,
        time: &ScanBudget,
        read: impl AsyncFnOnce(&StatementPool) -> std::result::Result<T, DbErr>,
    ) -> Result<T> {
        if is_indexed {
            Ok(read(self.database.read()).await?)
        } else {
            Ok(self.database.slow_query(time, read).await?)
        }
    }
}

pub(crate) async fn count_up_to(
    connection: &impl ConnectionTrait,
    mut rows: SelectStatement,
    up_to: u32,
) -> std::result::Result<u32, DbErr> {
    let count = Query::select()
        .expr_as(Expr::cust("count(*)"), "count")
        .from_subquery(rows.limit(up_to.into()).take(), "counted")
        .take();
    let count = with_limit(&count, connection.get_database_backend());
    let row = connection.query_one_raw(count).await?;
    let count: i64 = row.map_or(Ok(0), |row| row.try_get("", "count"))?;
    Ok(u32::try_from(count).unwrap_or(up_to))
}

/// The runs with these ids, those that exist, in no order.
pub(crate) async fn find_runs(
    connection: &impl ConnectionTrait,
    ids: &[Uuid],
) -> std::result::Result<Vec<Run>, DbErr> {
    let mut runs = Vec::with_capacity(ids.len());
    for ids in ids.chunks(IDS) {
        let mut select = select::<Run>(Run::COLUMNS);
        select.and_where(run::Column::Id.is_in(ids.iter().copied()));
        runs.extend(read_all(connection, select).await?);
    }
    Ok(runs)
}

pub(crate) fn instant(micros: i64) -> Expr {
    // A place outside of chrono's range lies in a mangled cursor, whose checksum has failed before.
    Expr::val(chrono::DateTime::from_timestamp_micros(micros).unwrap_or_default())
}
