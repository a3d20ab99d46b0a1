//! The baseline on PostgreSQL.

use std::time::Duration;

use axum::{Json, Router, extract::State, routing::post};
use chrono::{DateTime, Utc};
use sqlx::{
    PgPool, Row,
    postgres::{PgPoolOptions, PgRow},
};
use uuid::Uuid;

use super::{
    JsonResult,
    model::{
        AddEvent, AddEvents, ById, Complete, Create, Deep, List, Nested, NestedRun, Run, RunEvent,
        RunRow, User, WriteResponse, WriteRow,
    },
};
use crate::database::now;

/// Connections of each pool, as in the server.
const CONNECTIONS: u32 = 10;
/// As in the server.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

const LIST: &str = "SELECT id, entity_type, source, status, started_at, completed_at, \
     records_processed, records_created, records_updated, records_failed, error_message, \
     triggered_by_id, version FROM sync_history.sync_history WHERE status = $1 AND source = $2 \
     ORDER BY started_at DESC, id DESC LIMIT 20";
const RUN: &str = "SELECT id, entity_type, source, status, started_at, completed_at, \
     records_processed, records_created, records_updated, records_failed, error_message, \
     triggered_by_id, version FROM sync_history.sync_history WHERE id = $1";
const DEEP: &str = "SELECT id, entity_type, source, status, started_at, completed_at, \
     records_processed, records_created, records_updated, records_failed, error_message, \
     triggered_by_id, version FROM sync_history.sync_history WHERE (started_at, id) < ($1, $2) \
     ORDER BY started_at DESC, id DESC LIMIT 20";
// The events of a run are arrays, one per column: one row per event would repeat the run, and JSON takes
// PostgreSQL longer than rows.
const NESTED: &str = "SELECT run.id, run.status, run.started_at, run.records_processed, \
     u.id, u.email, u.full_name, events.ids, events.types, events.timestamps, events.messages \
     FROM (SELECT id, status, started_at, records_processed, triggered_by_id \
         FROM sync_history.sync_history WHERE source = $1 AND started_at < $2 \
         ORDER BY started_at DESC, id DESC LIMIT 20) run \
     LEFT JOIN \"user\".\"user\" u ON u.id = run.triggered_by_id \
     CROSS JOIN LATERAL (SELECT array_agg(id) AS ids, array_agg(event_type::text) AS types, \
         array_agg(\"timestamp\") AS timestamps, array_agg(message) AS messages \
         FROM (SELECT id, event_type, \"timestamp\", message FROM sync_history.sync_event \
             WHERE sync_id = run.id ORDER BY \"timestamp\", id LIMIT 10) first) events \
     ORDER BY run.started_at DESC, run.id DESC";
const CREATE: &str = "INSERT INTO sync_history.sync_history \
     (id, entity_type, source, status, started_at, records_processed, records_created, \
      records_updated, records_failed, records_expected, details) \
     VALUES ($1, $2, $3, 'running', $4, 0, 0, 0, 0, $5, $6::text::json) \
     RETURNING id, status, version";
const COMPLETE: &str = "UPDATE sync_history.sync_history \
     SET status = 'completed', completed_at = greatest($2, started_at), \
         records_processed = $3, records_updated = $4 \
     WHERE id = $1 AND status IN ('pending', 'running') RETURNING id, status, version";
const ADD_EVENT: &str = "WITH run AS (SELECT id, status, version \
         FROM sync_history.sync_history WHERE id = $1), \
     added AS (INSERT INTO sync_history.sync_event \
         (id, sync_id, event_type, \"timestamp\", message) \
         SELECT $2, run.id, $3, $4, $5 FROM run) \
     SELECT id, status, version FROM run";
const ADD_EVENTS: &str = "WITH run AS (SELECT id, status, version \
         FROM sync_history.sync_history WHERE id = $1), \
     added AS (INSERT INTO sync_history.sync_event \
         (id, sync_id, event_type, \"timestamp\", message) \
         SELECT event.id, run.id, event.type, $5, event.message \
         FROM run, unnest($2, $3, $4) AS event(id, type, message)) \
     SELECT id, status, version FROM run";

#[derive(Clone, Debug)]
struct Pools {
    read: PgPool,
    write: PgPool,
}

pub(super) async fn router(url: &str) -> sqlx::Result<Router> {
    let pool = || {
        PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .connect(url)
    };
    let pools = Pools {
        read: pool().await?,
        write: pool().await?,
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
    let insert = sqlx::query_as::<_, WriteRow>(ADD_EVENT)
        .bind(input.run_id)
        .bind(input.event.id)
        .bind(input.event.event_type)
        .bind(now())
        .bind(input.event.message);
    Ok(Json(WriteResponse::single(
        insert.fetch_all(&pools.write).await?,
    )?))
}

async fn add_events(
    State(pools): State<Pools>,
    Json(input): Json<AddEvents>,
) -> JsonResult<WriteResponse> {
    let ids: Vec<Uuid> = input.events.iter().map(|event| event.id).collect();
    let types: Vec<&str> = input
        .events
        .iter()
        .map(|event| &*event.event_type)
        .collect();
    let messages: Vec<&str> = input.events.iter().map(|event| &*event.message).collect();
    let insert = sqlx::query_as::<_, WriteRow>(ADD_EVENTS)
        .bind(input.run_id)
        .bind(ids)
        .bind(types)
        .bind(messages)
        .bind(now());
    Ok(Json(WriteResponse::several(
        insert.fetch_all(&pools.write).await?,
    )?))
}

fn nested_run(row: &PgRow) -> sqlx::Result<NestedRun> {
    let triggered_by = match row.try_get(4)? {
        Some(id) => Some(User {
            id,
            email: row.try_get(5)?,
            full_name: row.try_get(6)?,
        }),
        None => None,
    };
    // The arrays are NULL if the run has no events.
    let ids: Option<Vec<Uuid>> = row.try_get(7)?;
    let types: Option<Vec<String>> = row.try_get(8)?;
    let timestamps: Option<Vec<DateTime<Utc>>> = row.try_get(9)?;
    let messages: Option<Vec<String>> = row.try_get(10)?;
    let columns = ids.into_iter().flatten().zip(types.into_iter().flatten());
    let columns = columns.zip(
        timestamps
            .into_iter()
            .flatten()
            .zip(messages.into_iter().flatten()),
    );
    let events = columns.map(|((id, event_type), (timestamp, message))| RunEvent {
        id,
        event_type,
        timestamp,
        message,
    });
    Ok(NestedRun {
        id: row.try_get(0)?,
        status: row.try_get(1)?,
        started_at: row.try_get(2)?,
        records_processed: row.try_get(3)?,
        triggered_by,
        events: events.collect(),
    })
}
