//! The floor's statements on SQLite.

use std::{num::NonZero, thread, time::Duration};

use sqlx::{
    QueryBuilder, Row, Sqlite, SqlitePool,
    sqlite::{
        SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
    },
};
use uuid::Uuid;

use super::super::now;
use super::rows::{
    Added, Completion, Creation, Deep, Event, Events, List, Nested, NestedRun, One, Run, User,
    Written, WrittenRow, only,
};

/// At most; as in the server, no more than there are processors, but two.
const READERS: u32 = 4;
/// As the server's.
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
// A run's events come as JSON: a row for each event would say the run again, and rows are what costs.
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
// RETURNING tells what the row was before the triggers, which add one to the version.
const COMPLETE: &str = "UPDATE sync_history \
     SET status = 'completed', completed_at = max($2, started_at), \
         records_processed = $3, records_updated = $4 \
     WHERE id = $1 AND status IN ('pending', 'running') RETURNING id, status, version + 1";
const EVENT: &str = "INSERT INTO sync_event (id, sync_id, event_type, \"timestamp\", message) \
     SELECT $2, id, $3, $4, $5 FROM sync_history WHERE id = $1";
const EVENTS: &str = "INSERT INTO sync_event (id, sync_id, event_type, \"timestamp\", message) ";
// Apart from the insert: a statement that returns has the row looked up for each event.
const WRITTEN: &str = "SELECT id, status, version FROM sync_history WHERE id = $1";

/// Connections to read with, and one to write with.
#[derive(Clone, Debug)]
pub(super) struct Store {
    read: SqlitePool,
    write: SqlitePool,
}

impl Store {
    pub(super) async fn open(url: &str) -> sqlx::Result<Self> {
        let options: SqliteConnectOptions = url.parse()?;
        let options = options
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(ACQUIRE_TIMEOUT);
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        let readers = u32::try_from(processors).map_or(READERS, |n| n.clamp(2, READERS));
        let pool = |connections, options| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .idle_timeout(None)
                .max_lifetime(None)
                .test_before_acquire(false)
                .connect_with(options)
        };
        Ok(Self {
            write: pool(1, options.clone()).await?,
            read: pool(readers, options.pragma("query_only", "ON")).await?,
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
        let insert = sqlx::query(EVENT)
            .bind(asked.run_id)
            .bind(asked.event.id)
            .bind(asked.event.event_type)
            .bind(now())
            .bind(asked.event.message);
        insert.execute(&self.write).await?;
        self.written(asked.run_id).await
    }

    pub(super) async fn events(&self, asked: Events) -> sqlx::Result<Added> {
        let timestamp = now();
        let mut insert = QueryBuilder::<Sqlite>::new(EVENTS);
        insert.push_values(&asked.events, |mut row, event| {
            row.push_bind(event.id)
                .push_bind(asked.run_id)
                .push_bind(&*event.event_type)
                .push_bind(timestamp)
                .push_bind(&*event.message);
        });
        insert.build().execute(&self.write).await?;
        self.written(asked.run_id).await
    }

    async fn written<T: From<WrittenRow>>(&self, run_id: Uuid) -> sqlx::Result<T> {
        let select = sqlx::query_as(WRITTEN).bind(run_id);
        only(select.fetch_all(&self.read).await?)
    }
}

fn nested_run(row: &SqliteRow) -> sqlx::Result<NestedRun> {
    let user: Option<Uuid> = row.try_get(4)?;
    let triggered_by = match user {
        Some(id) => Some(User {
            id,
            email: row.try_get(5)?,
            full_name: row.try_get(6)?,
        }),
        None => None,
    };
    let events: &str = row.try_get(7)?;
    let events = serde_json::from_str(events);
    Ok(NestedRun {
        id: row.try_get(0)?,
        status: row.try_get(1)?,
        started_at: row.try_get(2)?,
        records_processed: row.try_get(3)?,
        triggered_by,
        events: events.map_err(|error| sqlx::Error::Decode(error.into()))?,
    })
}
