//! The baseline on SQLite.

use std::{num::NonZero, thread, time::Duration};

use axum::{Json, Router, extract::State, routing::post};
use sqlx::{
    QueryBuilder, Row, Sqlite, SqlitePool,
    sqlite::{
        SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
    },
};
use uuid::Uuid;

use super::{
    JsonResult,
    model::{
        AddEvent, AddEvents, ById, Complete, Create, Deep, List, Nested, NestedRun, Run, RunRow,
        User, WriteResponse, WriteRow,
    },
};
use crate::database::now;

/// Upper limit of connections that read; as in the server, one per processor and at least two.
const MAX_READERS: usize = 4;
/// As in the server.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

const LIST: &str = "SELECT id, entity_type, source, status, started_at, completed_at, \
     records_processed, records_created, records_updated, records_failed, error_message, \
     triggered_by_id, version FROM sync_history WHERE status = $1 AND source = $2 \
     ORDER BY started_at DESC, id DESC LIMIT 20";
const RUN: &str = "SELECT id, entity_type, source, status, started_at, completed_at, \
     records_processed, records_created, records_updated, records_failed, error_message, \
     triggered_by_id, version FROM sync_history WHERE id = $1";
const DEEP: &str = "SELECT id, entity_type, source, status, started_at, completed_at, \
     records_processed, records_created, records_updated, records_failed, error_message, \
     triggered_by_id, version FROM sync_history WHERE (started_at, id) < ($1, $2) \
     ORDER BY started_at DESC, id DESC LIMIT 20";
// The events of a run are JSON: one row per event would repeat the run, and rows dominate the cost.
const NESTED: &str = "SELECT run.id, run.status, run.started_at, run.records_processed, \
     u.id, u.email, u.full_name, \
     (SELECT json_group_array(json_array(hex(id), event_type, \"timestamp\", message)) \
         FROM (SELECT id, event_type, \"timestamp\", message FROM sync_event \
             WHERE sync_id = run.id ORDER BY \"timestamp\", id LIMIT 10)) \
     FROM (SELECT id, status, started_at, records_processed, triggered_by_id \
         FROM sync_history WHERE source = $1 AND started_at < $2 \
         ORDER BY started_at DESC, id DESC LIMIT 20) run \
     LEFT JOIN \"user\" u ON u.id = run.triggered_by_id \
     ORDER BY run.started_at DESC, run.id DESC";
const CREATE: &str = "INSERT INTO sync_history \
     (id, entity_type, source, status, started_at, records_processed, records_created, \
      records_updated, records_failed, records_expected, details) \
     VALUES ($1, $2, $3, 'running', $4, 0, 0, 0, 0, $5, $6) RETURNING id, status, version";
// RETURNING yields the row before the triggers, which increment the version.
const COMPLETE: &str = "UPDATE sync_history \
     SET status = 'completed', completed_at = max($2, started_at), \
         records_processed = $3, records_updated = $4 \
     WHERE id = $1 AND status IN ('pending', 'running') RETURNING id, status, version + 1";
const ADD_EVENT: &str = "INSERT INTO sync_event (id, sync_id, event_type, \"timestamp\", message) \
     SELECT $2, id, $3, $4, $5 FROM sync_history WHERE id = $1";
const ADD_EVENTS: &str =
    "INSERT INTO sync_event (id, sync_id, event_type, \"timestamp\", message) ";
// A separate statement: RETURNING in the insert would look up the run once per event.
const WRITTEN: &str = "SELECT id, status, version FROM sync_history WHERE id = $1";

#[derive(Clone, Debug)]
struct Pools {
    read: SqlitePool,
    /// One connection.
    write: SqlitePool,
}

pub(super) async fn router(url: &str) -> anyhow::Result<Router> {
    let options: SqliteConnectOptions = url.parse()?;
    let options = options
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(ACQUIRE_TIMEOUT);
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let readers = u32::try_from(processors.clamp(2, MAX_READERS))?;
    let pool = |connections, options| {
        SqlitePoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_with(options)
    };
    let pools = Pools {
        write: pool(1, options.clone()).await?,
        read: pool(readers, options.pragma("query_only", "ON")).await?,
    };
    Ok(Router::new()
        .route("/list", post(list))
        .route("/nested", post(nested))
        .route("/run", post(run))
        .route("/deep", post(deep))
        .route("/create", post(create))
        .route("/complete", post(complete))
        .route("/event", post(add_event))
        .route("/events", post(add_events))
        .with_state(pools))
}

async fn list(State(pools): State<Pools>, Json(input): Json<List>) -> JsonResult<Vec<Run>> {
    let select = sqlx::query_as::<_, RunRow>(LIST)
        .bind(input.status)
        .bind(input.source);
    let rows = select.fetch_all(&pools.read).await?;
    Ok(Json(rows.into_iter().map(Run::from).collect()))
}

async fn nested(
    State(pools): State<Pools>,
    Json(input): Json<Nested>,
) -> JsonResult<Vec<NestedRun>> {
    let select = sqlx::query(NESTED).bind(input.source).bind(input.before);
    let rows = select.fetch_all(&pools.read).await?;
    let runs: sqlx::Result<_> = rows.iter().map(nested_run).collect();
    Ok(Json(runs?))
}

async fn run(State(pools): State<Pools>, Json(input): Json<ById>) -> JsonResult<Option<Run>> {
    let select = sqlx::query_as::<_, RunRow>(RUN).bind(input.id);
    Ok(Json(
        select.fetch_optional(&pools.read).await?.map(Run::from),
    ))
}

async fn deep(State(pools): State<Pools>, Json(input): Json<Deep>) -> JsonResult<Vec<Run>> {
    let select = sqlx::query_as::<_, RunRow>(DEEP)
        .bind(input.started_at)
        .bind(input.id);
    let rows = select.fetch_all(&pools.read).await?;
    Ok(Json(rows.into_iter().map(Run::from).collect()))
}

async fn create(
    State(pools): State<Pools>,
    Json(input): Json<Create>,
) -> JsonResult<WriteResponse> {
    let insert = sqlx::query_as::<_, WriteRow>(CREATE)
        .bind(input.id)
        .bind(input.entity_type)
        .bind(input.source)
        .bind(now())
        .bind(input.records_expected)
        .bind(input.details.to_string());
    Ok(Json(WriteResponse::single(
        insert.fetch_all(&pools.write).await?,
    )?))
}

async fn complete(
    State(pools): State<Pools>,
    Json(input): Json<Complete>,
) -> JsonResult<WriteResponse> {
    let update = sqlx::query_as::<_, WriteRow>(COMPLETE)
        .bind(input.run_id)
        .bind(now())
        .bind(input.records_processed)
        .bind(input.records_updated);
    Ok(Json(WriteResponse::single(
        update.fetch_all(&pools.write).await?,
    )?))
}

async fn add_event(
    State(pools): State<Pools>,
    Json(input): Json<AddEvent>,
) -> JsonResult<WriteResponse> {
    let insert = sqlx::query(ADD_EVENT)
        .bind(input.run_id)
        .bind(input.event.id)
        .bind(input.event.event_type)
        .bind(now())
        .bind(input.event.message);
    insert.execute(&pools.write).await?;
    Ok(Json(WriteResponse::single(
        written(&pools, input.run_id).await?,
    )?))
}

async fn add_events(
    State(pools): State<Pools>,
    Json(input): Json<AddEvents>,
) -> JsonResult<WriteResponse> {
    let timestamp = now();
    let mut insert = QueryBuilder::<Sqlite>::new(ADD_EVENTS);
    insert.push_values(&input.events, |mut row, event| {
        row.push_bind(event.id)
            .push_bind(input.run_id)
            .push_bind(&*event.event_type)
            .push_bind(timestamp)
            .push_bind(&*event.message);
    });
    insert.build().execute(&pools.write).await?;
    Ok(Json(WriteResponse::several(
        written(&pools, input.run_id).await?,
    )?))
}

async fn written(pools: &Pools, run_id: Uuid) -> sqlx::Result<Vec<WriteRow>> {
    let select = sqlx::query_as(WRITTEN).bind(run_id);
    select.fetch_all(&pools.read).await
}

fn nested_run(row: &SqliteRow) -> sqlx::Result<NestedRun> {
    let triggered_by = match row.try_get(4)? {
        Some(id) => Some(User {
            id,
            email: row.try_get(5)?,
            full_name: row.try_get(6)?,
        }),
        None => None,
    };
    let events = serde_json::from_str(row.try_get(7)?);
    Ok(NestedRun {
        id: row.try_get(0)?,
        status: row.try_get(1)?,
        started_at: row.try_get(2)?,
        records_processed: row.try_get(3)?,
        triggered_by,
        events: events.map_err(|error| sqlx::Error::Decode(error.into()))?,
    })
}
