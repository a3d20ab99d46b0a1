//! Statements for SQLite.
//!
//! SQLite returns rows as they are before its triggers run, and it is the triggers that set a run's version. So a
//! write reads the run again, in the same transaction. No other write comes in between: SQLite has one writer.

mod events;
pub(super) mod feed;
pub(super) mod heartbeats;
mod stats;
pub(super) mod text_index;

use chrono::{DateTime, Utc};
use entity::{merge_details, run};
use sea_orm::sea_query::{
    Expr, ExprTrait, Func, InsertStatement, Query, SelectStatement, UpdateStatement,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, QueryResult, Statement, StatementBuilder,
};
use uuid::Uuid;

use super::{
    DetailsMerge, Pair, RunColumns, UpdateResult,
    read::{query_all, read_details, select_runs},
    stats::{BUCKET, BucketRange},
    text_search::hex_pattern,
};
use crate::db::Sqlite;
pub(super) use events::{
    add_events, count_events, decode_event_page, event_order, read_event_pages, read_last_reports,
    select_event_page,
};
pub(super) use stats::{read_percentiles, select_percentiles};

/// The end of a run that has ended, a generated column: NULL if the run is open, whatever another writer has stored in
/// `completed_at`.
pub(super) fn ended_at() -> Expr {
    Expr::col("ended_at")
}

/// The duration of a run that has ended in microseconds, a generated column: NULL if the run is open, never negative.
pub(super) fn duration() -> Expr {
    Expr::col("ended_duration_us")
}

/// Returns the number of the period of this many seconds since 1970 in which a run started, rounded down.
pub(super) fn period(seconds: i64) -> Expr {
    let started = "CAST(strftime('%s', substr(started_at, 1, 19)) AS integer)";
    Expr::cust_with_values(
        format!("{started} / ? - ({started} % ? < 0)"),
        [seconds, seconds],
    )
}

/// Selects from the runs in these ranges, with the index of the start of their bucket as [`BUCKET`]. An index on
/// `started_at` finds the runs of each range.
pub(super) fn bucket_runs(
    runs: &mut SelectStatement,
    ranges: &[BucketRange],
    starts: &[DateTime<Utc>],
) {
    const RANGE: &str = "bucket_range";
    let text = |at: DateTime<Utc>| at.format("%Y-%m-%dT%H:%M:%S+00:00").to_string();
    let number = ranges.len() as u64;
    let ranges = ranges.iter().map(|range| {
        let bucket = starts.binary_search(&range.start).ok();
        (text(range.from), text(range.to), bucket)
    });
    // Serialising texts and numbers cannot fail.
    let ranges = serde_json::to_string(&ranges.collect::<Vec<_>>()).unwrap_or_default();
    let columns = Query::select()
        .expr_as(Expr::cust("value ->> 0"), "range_start")
        .expr_as(Expr::cust("value ->> 1"), "range_end")
        .expr_as(Expr::cust("value ->> 2"), BUCKET)
        .from_function(Func::cust("json_each").arg(ranges), RANGE)
        // Prevents SQLite from parsing the JSON again for each run.
        .limit(number)
        .take();
    let column = |name: &'static str| Expr::col((RANGE, name));
    let started_at = || run::Column::StartedAt.into_expr();
    let is_in_range = started_at()
        .gte(column("range_start"))
        .and(started_at().lt(column("range_end")));
    // CROSS JOIN keeps the order of the loops.
    runs.column((RANGE, BUCKET))
        .from_subquery(columns, RANGE)
        .cross_join(run::Entity)
        .and_where(is_in_range);
}

/// Before all other instants.
pub(super) const FIRST_INSTANT: &str = "''";

/// The rows of [`pair_instants`].
pub(super) const PAIR_INSTANTS: &str = "(SELECT CAST(key AS bigint) AS position, value ->> 0 AS entity_type, \
     value ->> 1 AS source, value ->> 2 AS at FROM json_each($1)) AS looked_up";

/// Returns pairs and instants as JSON.
pub(super) fn pair_instants(instants: &[(Pair, DateTime<Utc>)]) -> String {
    let rows = instants.iter().map(|(pair, at)| {
        let at = at.format("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string();
        serde_json::json!([pair.entity_type.as_ref(), pair.source.as_ref(), at])
    });
    serde_json::Value::Array(rows.collect()).to_string()
}

/// Returns the condition that `column` contains `text`, ignoring case.
pub(super) fn contains_text(column: Expr, text: &str) -> Expr {
    let pattern = Expr::val(hex_pattern(text));
    Expr::cust_with_exprs("hex(?) REGEXP ?", [column, pattern])
}

/// Returns the condition that the text of a run's details contains `text`.
pub(super) fn details_contain(text: &str) -> Expr {
    Expr::cust_with_values("instr(CAST(details AS text), ?) > 0", [text])
}

/// Returns a select of these columns of the runs whose IDs `ids` selects.
pub(super) fn select_page(columns: RunColumns, ids: SelectStatement) -> SelectStatement {
    select_runs(columns)
        .and_where(run::Column::Id.in_subquery(ids))
        .take()
}

/// Executes the insert of a run, and returns the run if it was inserted.
pub(super) async fn insert_run(
    database: &Sqlite,
    id: Uuid,
    insert: InsertStatement,
    columns: RunColumns,
) -> Result<Option<run::Model>, DbErr> {
    database
        .transaction(move |connection| {
            Box::pin(async move { write_run(connection, &insert, id, columns).await })
        })
        .await
}

/// Executes an update of one run, and returns the run if it was updated. `details` are merged into those of the run.
pub(super) async fn update_run(
    database: &Sqlite,
    id: Uuid,
    mut update: UpdateStatement,
    details: Option<DetailsMerge>,
    columns: RunColumns,
) -> Result<UpdateResult, DbErr> {
    database
        .transaction(move |connection| {
            Box::pin(async move {
                if let Some(details) = details {
                    // SQLite has no function that merges two objects key by key: `json_patch` does so recursively,
                    // and removes keys that are null.
                    let stored = read_details(connection, id).await?;
                    let merged = merge_details(stored.as_deref(), &details.given);
                    if merged.len() > details.max_bytes {
                        return Ok(UpdateResult::DetailsTooLarge(merged.len()));
                    }
                    update.value(run::Column::Details, merged);
                }
                let updated = write_run(connection, &update, id, columns).await?;
                Ok(updated.into())
            })
        })
        .await
}

/// Executes a statement that writes one run, and returns the run if it was written.
async fn write_run(
    connection: &impl ConnectionTrait,
    write: &impl StatementBuilder,
    id: Uuid,
    columns: RunColumns,
) -> Result<Option<run::Model>, DbErr> {
    let read = select_runs(columns)
        .and_where(run::Column::Id.eq(id))
        .and_where(changes().gt(0))
        .take();
    let rows = write_and_read(connection, write, &read).await?;
    rows.first().map(|row| columns.decode(row)).transpose()
}

/// Executes two statements, and returns the rows of the second. They are sent together, since the way to SQLite's thread
/// and back takes longer than most statements.
async fn write_and_read(
    connection: &impl ConnectionTrait,
    write: &impl StatementBuilder,
    read: &SelectStatement,
) -> Result<Vec<QueryResult>, DbErr> {
    let write = DbBackend::Sqlite.build(write);
    let read = DbBackend::Sqlite.build(read);
    let sql = format!("{}; {}", write.sql, read.sql);
    let values = [write.values, read.values].into_iter().flatten().flatten();
    let both = Statement::from_sql_and_values(DbBackend::Sqlite, sql, values);
    connection.query_all_raw(both).await
}

/// Returns the number of rows that the statement before wrote, without those that triggers wrote.
fn changes() -> Expr {
    Func::cust("changes").into()
}

/// Executes an update of the runs whose IDs `ids` selects, and returns these columns of the updated runs.
pub(super) async fn update_runs(
    database: &Sqlite,
    ids: SelectStatement,
    mut update: UpdateStatement,
    columns: RunColumns,
) -> Result<Vec<run::Model>, DbErr> {
    update
        .and_where(Expr::col(run::Column::Id).in_subquery(ids))
        .returning(Query::returning().column(run::Column::Id));
    database
        .transaction(move |connection| {
            Box::pin(async move {
                let rows = connection.query_all(&update).await?;
                let ids = rows.iter().map(|row| row.try_get("", "id"));
                let ids = ids.collect::<Result<Vec<Uuid>, _>>()?;
                let select = select_runs(columns)
                    .and_where(run::Column::Id.is_in(ids))
                    .take();
                let rows = query_all(connection, &select).await?;
                rows.iter().map(|row| columns.decode(row)).collect()
            })
        })
        .await
}
