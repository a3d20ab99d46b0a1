//! Requests and responses of the baseline.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// Runs by status and source, newest first.
#[derive(Debug, Deserialize)]
pub(super) struct List {
    pub(super) status: String,
    pub(super) source: String,
}

/// Runs of a source before a time, each with its user and first events.
#[derive(Debug, Deserialize)]
pub(super) struct Nested {
    pub(super) source: String,
    pub(super) before: DateTime<Utc>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ById {
    pub(super) id: Uuid,
}

/// Runs after a position in the list of all runs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Deep {
    pub(super) started_at: DateTime<Utc>,
    pub(super) id: Uuid,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Create {
    pub(super) id: Uuid,
    pub(super) entity_type: String,
    pub(super) source: String,
    pub(super) records_expected: i32,
    pub(super) details: Value,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Complete {
    pub(super) run_id: Uuid,
    pub(super) records_processed: i32,
    pub(super) records_updated: i32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AddEvent {
    pub(super) run_id: Uuid,
    pub(super) event: NewEvent,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AddEvents {
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

/// The columns of a [`Run`].
pub(super) type RunRow = (
    Uuid,
    String,
    String,
    String,
    DateTime<Utc>,
    Option<DateTime<Utc>>,
    i32,
    i32,
    i32,
    i32,
    Option<String>,
    Option<Uuid>,
    i32,
);

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

impl From<RunRow> for Run {
    fn from(row: RunRow) -> Self {
        let (started_at, completed_at) = (row.4, row.5);
        let duration = completed_at.map(|completed_at| completed_at - started_at);
        Self {
            id: row.0,
            entity_type: row.1,
            source: row.2,
            status: row.3,
            started_at,
            completed_at,
            duration_seconds: duration.map(|duration| duration.as_seconds_f64().max(0.0)),
            records_processed: row.6,
            records_created: row.7,
            records_updated: row.8,
            records_failed: row.9,
            error_message: row.10,
            triggered_by_id: row.11,
            version: row.12,
        }
    }
}

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

/// An event; deserialized from an array of its fields in this order.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RunEvent {
    pub(super) id: Uuid,
    pub(super) event_type: String,
    pub(super) timestamp: DateTime<Utc>,
    pub(super) message: String,
}

/// Id, status and version of a run.
pub(super) type WriteRow = (Uuid, String, i32);

/// The response to a write.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WriteResponse {
    #[serde(skip_serializing_if = "Option::is_none")]
    replayed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replayed_count: Option<usize>,
    run: WrittenRun,
}

#[derive(Debug, Serialize)]
struct WrittenRun {
    id: Uuid,
    status: String,
    version: i32,
}

impl WriteResponse {
    /// Creates the response from the only row of a statement. The statement's rows are fetched to the end:
    /// one that is read no further than its first row may not have been committed.
    pub(super) fn single(mut rows: Vec<WriteRow>) -> sqlx::Result<Self> {
        let (id, status, version) = rows.pop().ok_or(sqlx::Error::RowNotFound)?;
        Ok(Self {
            replayed: Some(false),
            replayed_count: None,
            run: WrittenRun {
                id,
                status,
                version,
            },
        })
    }

    /// Creates the response to a request that adds several events.
    pub(super) fn several(rows: Vec<WriteRow>) -> sqlx::Result<Self> {
        Ok(Self {
            replayed: None,
            replayed_count: Some(0),
            ..Self::single(rows)?
        })
    }
}
