//! The floor's statements on PostgreSQL.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{
    PgPool, Row,
    postgres::{PgPoolOptions, PgRow},
};
use uuid::Uuid;

use super::super::now;
use super::rows::{
    Added, Completion, Creation, Deep, Event, Events, List, Nested, NestedRun, One, Run, RunEvent,
    User, Written, WrittenRow, only,
};

/// As many as the server has of each.
const READERS: u32 = 10;
const WRITERS: u32 = 10;
/// As the server's.
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
// A run's events come as arrays, one for each field: a row for each event would say the run again,
// and JSON made by the database costs it more than rows.
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
const EVENT: &str = "WITH run AS (SELECT id, status, version \
         FROM sync_history.sync_history WHERE id = $1), \
     added AS (INSERT INTO sync_history.sync_event \
         (id, sync_id, event_type, \"timestamp\", message) \
         SELECT $2, run.id, $3, $4, $5 FROM run) \
     SELECT id, status, version FROM run";
const EVENTS: &str = "WITH run AS (SELECT id, status, version \
         FROM sync_history.sync_history WHERE id = $1), \
     added AS (INSERT INTO sync_history.sync_event \
         (id, sync_id, event_type, \"timestamp\", message) \
         SELECT event.id, run.id, event.type, $5, event.message \
         FROM run, unnest($2, $3, $4) AS event(id, type, message)) \
     SELECT id, status, version FROM run";

/// Connections to read with, and to write with.
#[derive(Clone, Debug)]
pub(super) struct Store {
    read: PgPool,
    write: PgPool,
}

impl Store {
    pub(super) async fn open(url: &str) -> sqlx::Result<Self> {
        let pool = |connections| {
            PgPoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .test_before_acquire(false)
                .connect(url)
        };
        Ok(Self {
            read: pool(READERS).await?,
            write: pool(WRITERS).await?,
        })
    }

    pub(super) async fn list(&self, asked: List) -> sqlx::Result<Vec<Run>> {
        let select = sqlx::query_as(LIST).bind(asked.status).bind(asked.source);
        select.fetch_all(&self.read).await
    }

    pub(super) async fn run(&self, asked: One) -> sqlx::Result<Option<Run>> {
        let select = sqlx::query_as(RUN).bind(asked.id);
        select.fetch_optional(&self.read).await
    }

    pub(super) async fn deep(&self, asked: Deep) -> sqlx::Result<Vec<Run>> {
        let select = sqlx::query_as(DEEP).bind(asked.started_at).bind(asked.id);
        select.fetch_all(&self.read).await
    }

    pub(super) async fn nested(&self, asked: Nested) -> sqlx::Result<Vec<NestedRun>> {
        let select = sqlx::query(NESTED).bind(asked.source).bind(asked.before);
        let rows = select.fetch_all(&self.read).await?;
        rows.iter().map(nested_run).collect()
    }

    pub(super) async fn create(&self, asked: Creation) -> sqlx::Result<Written> {
        let insert = sqlx::query_as::<_, WrittenRow>(CREATE)
            .bind(asked.id)
            .bind(asked.entity_type)
            .bind(asked.source)
            .bind(now())
            .bind(asked.records_expected)
            .bind(asked.details.to_string());
        only(insert.fetch_all(&self.write).await?)
    }

    pub(super) async fn complete(&self, asked: Completion) -> sqlx::Result<Written> {
        let update = sqlx::query_as::<_, WrittenRow>(COMPLETE)
            .bind(asked.run_id)
            .bind(now())
            .bind(asked.records_processed)
            .bind(asked.records_updated);
        only(update.fetch_all(&self.write).await?)
    }

    pub(super) async fn event(&self, asked: Event) -> sqlx::Result<Written> {
        let insert = sqlx::query_as::<_, WrittenRow>(EVENT)
            .bind(asked.run_id)
            .bind(asked.event.id)
            .bind(asked.event.event_type)
            .bind(now())
            .bind(asked.event.message);
        only(insert.fetch_all(&self.write).await?)
    }

    pub(super) async fn events(&self, asked: Events) -> sqlx::Result<Added> {
        let events = &asked.events;
        let ids: Vec<Uuid> = events.iter().map(|event| event.id).collect();
        let types: Vec<&str> = events.iter().map(|event| &*event.event_type).collect();
        let messages: Vec<&str> = events.iter().map(|event| &*event.message).collect();
        let insert = sqlx::query_as::<_, WrittenRow>(EVENTS)
            .bind(asked.run_id)
            .bind(ids)
            .bind(types)
            .bind(messages)
            .bind(now());
        only(insert.fetch_all(&self.write).await?)
    }
}

fn nested_run(row: &PgRow) -> sqlx::Result<NestedRun> {
    let user: Option<Uuid> = row.try_get(4)?;
    let triggered_by = match user {
        Some(id) => Some(User {
            id,
            email: row.try_get(5)?,
            full_name: row.try_get(6)?,
        }),
        None => None,
    };
    // NULL where there are none.
    let ids: Option<Vec<Uuid>> = row.try_get(7)?;
    let types: Option<Vec<String>> = row.try_get(8)?;
    let timestamps: Option<Vec<DateTime<Utc>>> = row.try_get(9)?;
    let messages: Option<Vec<String>> = row.try_get(10)?;
    let fields = ids.into_iter().flatten().zip(types.into_iter().flatten());
    let fields = fields.zip(
        timestamps
            .into_iter()
            .flatten()
            .zip(messages.into_iter().flatten()),
    );
    let events = fields.map(|((id, event_type), (timestamp, message))| RunEvent {
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
