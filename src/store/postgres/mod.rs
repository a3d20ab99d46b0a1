//! Statements for PostgreSQL.

mod events;
pub(super) mod feed;

pub(super) use events::{
    add_events, count_events, decode_event_page, join_event_page, read_event_pages,
};

use entity::run;
use sea_orm::sea_query::extension::postgres::PgExpr;
use sea_orm::sea_query::{
    Expr, ExprTrait, LockType, OnConflict, Query, ReturningClause, SelectStatement, UpdateStatement,
};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, EntityTrait, QueryTrait, StatementBuilder};
use serde_json::{Map, Value as Json};

use super::RunColumns;
use crate::db::Postgres;

/// The end of a run that has ended, exactly as the index on it has it: NULL if the run is open, whatever another writer
/// has stored in `completed_at`.
pub(super) fn ended_at() -> Expr {
    Expr::cust("(CASE WHEN status IN ('completed', 'failed', 'cancelled') THEN completed_at END)")
}

/// The duration of a run that has ended, exactly as the index on it has it: NULL if the run is open or its times are
/// infinite, never negative.
pub(super) fn duration() -> Expr {
    Expr::cust(
        "(CASE WHEN status IN ('completed', 'failed', 'cancelled') \
         AND isfinite(completed_at) AND isfinite(started_at) \
         THEN greatest(completed_at - started_at, interval '0') END)",
    )
}

/// Returns a number of microseconds as an operand to compare with [`duration`].
pub(super) fn duration_operand(micros: i64) -> Expr {
    Expr::cust_with_values("($1::bigint * interval '1 microsecond')", [micros])
}

/// Returns the condition that `column` contains `text`, ignoring case.
pub(super) fn contains_text(column: Expr, text: &str) -> Expr {
    // The backslash is the default escape character of LIKE.
    let escaped = text
        .replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_");
    column.ilike(format!("%{escaped}%"))
}

/// Inserts a run unless its ID is taken, and returns it.
pub(super) async fn insert_run(
    database: &Postgres,
    row: run::ActiveModel,
    columns: RunColumns,
) -> Result<Option<run::Model>, DbErr> {
    let mut insert = run::Entity::insert(row)
        .on_conflict(OnConflict::column(run::Column::Id).do_nothing().to_owned())
        .into_query();
    insert.returning(returning(columns));
    Ok(write_runs(database, &insert, columns).await?.pop())
}

/// Executes an update of one run, and returns the run if it was updated. `details` are merged into those of the run.
pub(super) async fn update_run(
    database: &Postgres,
    mut update: UpdateStatement,
    details: Option<Map<String, Json>>,
    columns: RunColumns,
) -> Result<Option<run::Model>, DbErr> {
    if let Some(details) = details {
        update.value(run::Column::Details, merged(details));
    }
    update.returning(returning(columns));
    Ok(write_runs(database, &update, columns).await?.pop())
}

/// Executes an update of the runs whose IDs `ids` selects, and returns the updated runs.
pub(super) async fn update_runs(
    database: &Postgres,
    mut ids: SelectStatement,
    mut update: UpdateStatement,
) -> Result<Vec<run::Model>, DbErr> {
    // Locked in the order of the select, so that two such updates do not deadlock.
    ids.lock(LockType::Update);
    update
        .and_where(Expr::col(run::Column::Id).in_subquery(ids))
        .returning(returning(RunColumns::All));
    write_runs(database, &update, RunColumns::All).await
}

async fn write_runs(
    database: &Postgres,
    statement: &impl StatementBuilder,
    columns: RunColumns,
) -> Result<Vec<run::Model>, DbErr> {
    let statement = DbBackend::Postgres.build(statement);
    let rows = database.write().query_all_raw(statement).await?;
    rows.iter().map(|row| columns.decode(row)).collect()
}

fn returning(columns: RunColumns) -> ReturningClause {
    Query::returning().expr(columns.list())
}

/// Returns the details of a run with these keys set. Other writers store JSON `null` where there are none.
fn merged(details: Map<String, Json>) -> Expr {
    Expr::cust_with_values(
        "(CASE WHEN json_typeof(details) = 'object' THEN details::jsonb ELSE '{}' END || $1)::json",
        [Json::Object(details)],
    )
}
