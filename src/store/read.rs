//! Reading runs and events: the statements that both databases share.

use std::ops::RangeInclusive;

use chrono::DateTime;
use entity::{FromRow, RowReader, event, run, user};
use sea_orm::sea_query::{
    Asterisk, Condition, Expr, ExprTrait, Func, IntoTableRef, JoinType, LockType, Order, Query,
    SelectStatement,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, IdenStatic, Iterable,
    PrimaryKeyToColumn, QueryResult, Statement,
};
use uuid::Uuid;

use super::{LoadedRun, RunColumns};
use crate::db::keyset::{KeysetOrder, PageRequest, PageRows, Tie};

/// IDs in one statement; SQLite accepts 32,766 parameters.
const MAX_IDS: usize = 10_000;
/// The alias under which the runs of a statement are joined with what belongs to them.
pub(super) const RUN: &str = "run";
/// The alias of the user who triggered a run.
const USER: &str = "triggered_by";
/// The prefix of that user's columns in a row, which also has the columns of the run.
const USER_PREFIX: &str = "user_";

/// Returns a select of these columns of all runs.
pub(crate) fn select_runs(columns: RunColumns) -> SelectStatement {
    Query::select()
        .expr(columns.list())
        .from(run::Entity)
        .take()
}

/// Returns a select of all events.
pub(crate) fn select_events() -> SelectStatement {
    Query::select()
        .columns(event::Column::iter())
        .from(event::Entity)
        .take()
}

/// Executes a select and returns its rows.
pub(super) async fn query_all(
    connection: &impl ConnectionTrait,
    select: &SelectStatement,
) -> Result<Vec<QueryResult>, DbErr> {
    let statement = connection.get_database_backend().build(select);
    connection.query_all_raw(statement).await
}

/// Executes a select of all columns of a table and decodes its rows.
pub(crate) async fn read_all<M: FromRow>(
    connection: &impl ConnectionTrait,
    select: &SelectStatement,
) -> Result<Vec<M>, DbErr> {
    let rows = query_all(connection, select).await?;
    rows.iter().map(M::from_row).collect()
}

/// Reads the rows with these IDs, those that exist, in no particular order.
pub(crate) async fn read_by_ids<E>(
    connection: &impl ConnectionTrait,
    ids: &[Uuid],
) -> Result<Vec<E::Model>, DbErr>
where
    E: EntityTrait,
    E::Model: FromRow + Send,
{
    let mut models = Vec::with_capacity(ids.len());
    for ids in ids.chunks(MAX_IDS) {
        let Some(id) = E::PrimaryKey::iter().next() else {
            break;
        };
        let select = Query::select()
            .columns(E::Column::iter())
            .from(E::default())
            .and_where(id.into_column().is_in(ids.iter().copied()))
            .take();
        models.extend(read_all::<E::Model>(connection, &select).await?);
    }
    Ok(models)
}

/// Returns those of these IDs that rows of a table have.
pub(super) async fn existing_ids<E: EntityTrait>(
    connection: &impl ConnectionTrait,
    ids: &[Uuid],
) -> Result<Vec<Uuid>, DbErr> {
    let select = Query::select()
        .column("id")
        .from(E::default())
        .and_where(Expr::col("id").is_in(ids.iter().copied()))
        .take();
    let rows = query_all(connection, &select).await?;
    let ids = rows.iter().map(|row| RowReader::new(row)?.uuid("id"));
    ids.collect()
}

/// Returns the first IDs of runs in a range.
pub(super) async fn ids_between(
    connection: &impl ConnectionTrait,
    range: RangeInclusive<Uuid>,
    limit: usize,
) -> Result<Vec<Uuid>, DbErr> {
    let id = run::Column::Id;
    let select = Query::select()
        .column(id)
        .from(run::Entity)
        .and_where(id.gte(*range.start()))
        .and_where(id.lte(*range.end()))
        .order_by(id, Order::Asc)
        .limit(limit as u64)
        .take();
    let rows = query_all(connection, &select).await?;
    let ids = rows.iter().map(|row| RowReader::new(row)?.uuid("id"));
    ids.collect()
}

/// Reads one run; `None` if it does not exist.
pub(super) async fn read_run(
    connection: &impl ConnectionTrait,
    id: Uuid,
    columns: RunColumns,
) -> Result<Option<run::Model>, DbErr> {
    let select = select_runs(columns)
        .and_where(run::Column::Id.eq(id))
        .take();
    let rows = query_all(connection, &select).await?;
    rows.first().map(|row| columns.decode(row)).transpose()
}

/// Reads the text of a run's details; `None` if there are none. On PostgreSQL locks the run until the transaction ends.
pub(super) async fn read_details(
    transaction: &impl ConnectionTrait,
    id: Uuid,
) -> Result<Option<Vec<u8>>, DbErr> {
    let mut select = Query::select();
    select
        .expr(Expr::col(run::Column::Details).cast_as("text"))
        .from(run::Entity)
        .and_where(run::Column::Id.eq(id));
    if transaction.get_database_backend() == DbBackend::Postgres {
        select.lock(LockType::Update);
    }
    let rows = query_all(transaction, &select).await?;
    let details = rows.first().map(|row| RowReader::new(row)?.bytes());
    Ok(details.transpose()?.flatten())
}

/// The texts in the column of an enum that are none of its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum UnknownValues {
    /// These.
    Few(Vec<String>),
    /// Any: there are many, or some are no texts.
    Any,
}

/// Distinct unknown texts of an enum column, at most.
const MAX_UNKNOWN_VALUES: usize = 8;

/// Finds the texts in the column of an enum that are none of its values. An index leads from each distinct value to the
/// next.
pub(super) async fn unknown_values(
    connection: &impl ConnectionTrait,
    column: run::Column,
    known: impl Iterator<Item = &str>,
) -> Result<UnknownValues, DbErr> {
    let known: Vec<_> = known.map(|value| format!("'{value}'")).collect();
    let sql = format!(
        "WITH RECURSIVE stored (value) AS (SELECT min({column}) FROM sync_history UNION ALL \
         SELECT (SELECT min({column}) FROM sync_history WHERE {column} > value) FROM stored \
         WHERE value IS NOT NULL) SELECT value FROM stored WHERE value NOT IN ({known}) LIMIT {limit}",
        column = column.as_str(),
        known = known.join(", "),
        limit = MAX_UNKNOWN_VALUES + 1,
    );
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let rows = connection.query_all_raw(statement).await?;
    // Another writer may store bytes that are no text on SQLite.
    let texts = rows.iter().map(|row| row.try_get::<String>("", "value"));
    let texts = texts.collect::<Result<Vec<_>, _>>().ok();
    let texts = texts.filter(|texts| texts.len() <= MAX_UNKNOWN_VALUES);
    Ok(texts.map_or(UnknownValues::Any, UnknownValues::Few))
}

/// Counts the rows of a table that match a condition, up to `limit`.
pub(crate) async fn count<E: EntityTrait>(
    connection: &impl ConnectionTrait,
    condition: Condition,
    limit: u32,
) -> Result<u32, DbErr> {
    // Without columns, an index that supports the condition need not be joined with the table.
    let rows = Query::select()
        .expr(Expr::cust("1"))
        .from(E::default())
        .cond_where(condition)
        .limit(limit.into())
        .take();
    count_rows(connection, rows, limit).await
}

/// Counts the rows of a select, which has up to `limit`.
pub(crate) async fn count_rows(
    connection: &impl ConnectionTrait,
    rows: SelectStatement,
    limit: u32,
) -> Result<u32, DbErr> {
    let count = count_all(rows);
    let rows = query_all(connection, &count).await?;
    rows.first().map_or(Ok(0), |row| decode_count(row, limit))
}

/// The column that holds a count.
pub(super) const COUNT: &str = "count";

/// Returns the select that counts the rows of another.
pub(super) fn count_all(rows: SelectStatement) -> SelectStatement {
    Query::select()
        .expr_as(Func::count(Expr::col(Asterisk)), COUNT)
        .from_subquery(rows, "counted")
        .take()
}

/// Decodes a count of up to `limit` rows.
pub(super) fn decode_count(row: &QueryResult, limit: u32) -> Result<u32, DbErr> {
    let count: i64 = row.try_get("", COUNT)?;
    Ok(u32::try_from(count).unwrap_or(limit))
}

/// The column that holds the position of a run among the requested ones.
pub(super) const POSITION: &str = "position";

/// Decodes the position of a run among the requested ones.
pub(super) fn position(row: &QueryResult) -> Result<usize, DbErr> {
    let position: i64 = row.try_get("", POSITION)?;
    usize::try_from(position).map_err(|error| DbErr::Type(error.to_string()))
}

/// Returns the select of the events of one run that match a condition.
pub(super) fn events_of_run(condition: &Condition, run_id: Expr) -> SelectStatement {
    Query::select()
        .from(event::Entity)
        .cond_where(condition.clone())
        .and_where(Expr::col(event::Column::SyncId).eq(run_id))
        .take()
}

/// Returns a select of the rows of `runs`, to be joined with what belongs to them. The page of runs is a subquery:
/// so the database looks up nothing for runs outside the page, whatever its plan.
pub(super) fn with_relations(runs: SelectStatement, user: bool) -> SelectStatement {
    let mut select = Query::select();
    select.column((RUN, Asterisk)).from_subquery(runs, RUN);
    if user {
        for column in user::Column::iter() {
            let alias = format!("{USER_PREFIX}{}", column.as_str());
            select.expr_as(Expr::col((USER, column)), alias);
        }
        let triggered =
            Expr::col((USER, user::Column::Id)).equals((RUN, run::Column::TriggeredById));
        select.join_as(JoinType::LeftJoin, user::Entity, USER, triggered);
    }
    select
}

/// Decodes a run, and its user if that was selected.
pub(super) fn decode_run(
    row: &QueryResult,
    columns: RunColumns,
    user: bool,
) -> Result<LoadedRun, DbErr> {
    let mut reader = RowReader::new(row)?;
    Ok(LoadedRun {
        run: columns.read(&mut reader)?,
        user: if user {
            user::Model::read_joined(&mut reader)?
        } else {
            None
        },
        events: None,
    })
}

/// The order of events: by time, then in the order in which they were written, which `ties` say.
pub(super) fn event_order(ties: Vec<Tie>, descending: bool) -> KeysetOrder {
    KeysetOrder {
        table: event::Entity.into_table_ref(),
        by: Expr::col(event::Column::Timestamp),
        ties,
        id: Expr::col(event::Column::Id),
        descending,
        operand: instant,
    }
}

/// Returns an instant in microseconds since 1970 as an operand.
pub(crate) fn instant(micros: i64) -> Expr {
    // Out of chrono's range only in a forged cursor, whose checksum has failed before.
    Expr::val(DateTime::from_timestamp_micros(micros).unwrap_or_default())
}

/// Puts the events of a page in order, by time as stored: no aggregate promises to keep that of its subquery.
pub(super) fn page_of_events<T: Ord>(
    mut events: Vec<(T, event::Model)>,
    page: &PageRequest,
) -> PageRows<event::Model> {
    events.sort_unstable_by(|(one_time, one), (other_time, other)| {
        let times = one_time.cmp(other_time);
        times.then_with(|| (one.seq, one.id).cmp(&(other.seq, other.id)))
    });
    let mut events: Vec<_> = events.into_iter().map(|(_, event)| event).collect();
    if page.from_end {
        events.reverse();
    }
    PageRows::from_read(events, page)
}
