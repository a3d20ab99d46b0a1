//! What is asked of the floor, and what it answers.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{ColumnIndex, Database, Decode, FromRow, Row, Type};
use uuid::Uuid;

/// Runs by status and source, newest first.
#[derive(Debug, Deserialize)]
pub(super) struct List {
    pub(super) status: String,
    pub(super) source: String,
}

/// Runs of a source before an instant, with who started them and their first events.
#[derive(Debug, Deserialize)]
pub(super) struct Nested {
    pub(super) source: String,
    pub(super) before: DateTime<Utc>,
}

/// One run.
#[derive(Debug, Deserialize)]
pub(super) struct One {
    pub(super) id: Uuid,
}

/// Runs behind a place in the list of all.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Deep {
    pub(super) started_at: DateTime<Utc>,
    pub(super) id: Uuid,
}

/// A run to be created, running from now on.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Creation {
    pub(super) id: Uuid,
    pub(super) entity_type: String,
    pub(super) source: String,
    pub(super) records_expected: i32,
    pub(super) details: Value,
}

/// A run to be completed, now.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Completion {
    pub(super) run_id: Uuid,
    pub(super) records_processed: i32,
    pub(super) records_updated: i32,
}

/// An event to be added.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event {
    pub(super) run_id: Uuid,
    pub(super) event: NewEvent,
}

/// Events to be added.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Events {
    pub(super) run_id: Uuid,
    pub(super) events: Vec<NewEvent>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewEvent {
    pub(super) id: Uuid,
    pub(super) event_type: String,
    pub(super) message: String,
}

/// A run, all of its fields that are asked for; read from columns in this order, the duration left out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Run {
    id: Uuid,
    entity_type: String,
    source: String,
    status: String,
    started_at: DateTime<Utc>,
    completed_at: Option<DateTime<Utc>>,
    duration_seconds: Option<f64>,
    records_processed: i32,
    records_created: i32,
    records_updated: i32,
    records_failed: i32,
    error_message: Option<String>,
    triggered_by_id: Option<Uuid>,
    version: i32,
}

impl<'r, R> FromRow<'r, R> for Run
where
    R: Row,
    usize: ColumnIndex<R>,
    Uuid: Decode<'r, R::Database> + Type<R::Database>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    DateTime<Utc>: Decode<'r, R::Database> + Type<R::Database>,
    i32: Decode<'r, R::Database> + Type<R::Database>,
    R::Database: Database,
{
    fn from_row(row: &'r R) -> sqlx::Result<Self> {
        let started_at: DateTime<Utc> = row.try_get(4)?;
        let completed_at: Option<DateTime<Utc>> = row.try_get(5)?;
        Ok(Self {
            id: row.try_get(0)?,
            entity_type: row.try_get(1)?,
            source: row.try_get(2)?,
            status: row.try_get(3)?,
            started_at,
            completed_at,
            duration_seconds: completed_at
                .map(|completed_at| (completed_at - started_at).as_seconds_f64().max(0.0)),
            records_processed: row.try_get(6)?,
            records_created: row.try_get(7)?,
            records_updated: row.try_get(8)?,
            records_failed: row.try_get(9)?,
            error_message: row.try_get(10)?,
            triggered_by_id: row.try_get(11)?,
            version: row.try_get(12)?,
        })
    }
}

/// A run with who started it and its first events.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NestedRun {
    pub(super) id: Uuid,
    pub(super) status: String,
    pub(super) started_at: DateTime<Utc>,
    pub(super) records_processed: i32,
    pub(super) triggered_by: Option<User>,
    pub(super) events: Vec<RunEvent>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct User {
    pub(super) id: Uuid,
    pub(super) email: String,
    pub(super) full_name: String,
}

/// Read from an array too, which holds the fields in this order.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RunEvent {
    pub(super) id: Uuid,
    pub(super) event_type: String,
    pub(super) timestamp: DateTime<Utc>,
    pub(super) message: String,
}

/// A run that was written.
#[derive(Debug, Serialize)]
pub(super) struct Written {
    pub(super) replayed: bool,
    pub(super) run: WrittenRun,
}

/// Events that were added to a run.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Added {
    pub(super) replayed_count: usize,
    pub(super) run: WrittenRun,
}

#[derive(Debug, Serialize)]
pub(super) struct WrittenRun {
    pub(super) id: Uuid,
    pub(super) status: String,
    pub(super) version: i32,
}

/// A [`WrittenRun`] as a row.
pub(super) type WrittenRow = (Uuid, String, i32);

impl From<WrittenRow> for WrittenRun {
    fn from((id, status, version): WrittenRow) -> Self {
        Self {
            id,
            status,
            version,
        }
    }
}

impl From<WrittenRow> for Written {
    fn from(row: WrittenRow) -> Self {
        Self {
            replayed: false,
            run: row.into(),
        }
    }
}

impl From<WrittenRow> for Added {
    fn from(row: WrittenRow) -> Self {
        Self {
            replayed_count: 0,
            run: row.into(),
        }
    }
}

/// The row of a statement that writes one run; all there were, since one read no further than its first
/// row is not known to be committed.
pub(super) fn only<T: From<WrittenRow>>(mut rows: Vec<WrittenRow>) -> sqlx::Result<T> {
    rows.pop().map(T::from).ok_or(sqlx::Error::RowNotFound)
}
