//! What callers hand in, and the checks that need no database.

use chrono::{DateTime, Utc};
use entity::{SyncEntityType, SyncSource, SyncStatus};
use serde_json::Value as Json;
use uuid::Uuid;

use super::{
    Limits, Run,
    error::{Error, Result},
    status,
};

/// A run to create.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// The worker's own id makes the call safe to repeat.
    pub id: Option<Uuid>,
    /// What is synchronised.
    pub entity_type: SyncEntityType,
    /// Where it is read from.
    pub source: SyncSource,
    /// Pending or running.
    pub status: SyncStatus,
    /// Now, unless given.
    pub started_at: Option<DateTime<Utc>>,
    /// How many records the worker expects.
    pub records_expected: Option<i32>,
    /// The user who started it.
    pub triggered_by_id: Option<Uuid>,
    /// A JSON object.
    pub details: Option<Json>,
}

impl NewRun {
    pub(super) fn check(&self, limits: &Limits) -> Result<()> {
        if status::has_ended(self.status) {
            return Err(Error::BadInput(
                "a run is created PENDING or RUNNING; end it with completeSyncRun".into(),
            ));
        }
        not_negative("recordsExpected", self.records_expected)?;
        check_details(self.details.as_ref(), limits)
    }

    /// A digest of the call: equal for its repetition, different for any other call.
    pub(super) fn digest(&self) -> Uuid {
        let call = serde_json::json!([
            self.entity_type.as_ref(),
            self.source.as_ref(),
            self.status.as_ref(),
            self.started_at.map(|at| at.timestamp_micros()),
            self.records_expected,
            self.triggered_by_id,
            self.details,
        ]);
        Uuid::new_v5(&Uuid::NAMESPACE_OID, call.to_string().as_bytes())
    }
}

/// Totals so far; None leaves one as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Records read.
    pub processed: Option<i32>,
    /// Records made in the target.
    pub created: Option<i32>,
    /// Records altered in the target.
    pub updated: Option<i32>,
    /// Records that could not be taken over.
    pub failed: Option<i32>,
}

impl Counts {
    fn check(self) -> Result<()> {
        not_negative("recordsProcessed", self.processed)?;
        not_negative("recordsCreated", self.created)?;
        not_negative("recordsUpdated", self.updated)?;
        not_negative("recordsFailed", self.failed)
    }

    /// Whether `run` has these counts, as far as they are given.
    fn hold_for(self, run: &Run) -> bool {
        let equal = |given: Option<i32>, stored| given.is_none_or(|given| given == stored);
        equal(self.processed, run.records_processed)
            && equal(self.created, run.records_created)
            && equal(self.updated, run.records_updated)
            && equal(self.failed, run.records_failed)
    }
}

/// How far an open run has come.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// A total never falls: of reports that overtake one another the highest stands.
    pub counts: Counts,
    /// How many records the worker expects.
    pub records_expected: Option<i32>,
    /// Merged, key by key, into the run's.
    pub details: Option<Json>,
}

impl Progress {
    pub(super) fn check(&self, limits: &Limits) -> Result<()> {
        self.counts.check()?;
        not_negative("recordsExpected", self.records_expected)?;
        check_details(self.details.as_ref(), limits)
    }
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// A status of the ended.
    pub status: SyncStatus,
    /// Final totals.
    pub counts: Counts,
    /// Now, unless given.
    pub completed_at: Option<DateTime<Utc>>,
    /// Why it failed or was cancelled.
    pub error_message: Option<String>,
    /// Merged, key by key, into the run's.
    pub details: Option<Json>,
}

impl Outcome {
    /// Cancelled by a person, who may say why.
    #[must_use]
    pub fn cancelled(reason: Option<String>) -> Self {
        Self {
            status: SyncStatus::Cancelled,
            counts: Counts::default(),
            completed_at: None,
            error_message: reason,
            details: None,
        }
    }

    pub(super) fn check(&self, limits: &Limits) -> Result<()> {
        if !status::has_ended(self.status) {
            return Err(Error::BadInput(format!(
                "a run does not end {}; it ends COMPLETED, FAILED or CANCELLED",
                self.status
            )));
        }
        self.counts.check()?;
        if let Some(message) = &self.error_message {
            check_text("errorMessage", message)?;
        }
        check_details(self.details.as_ref(), limits)
    }

    /// Whether `run` ended just so, as far as this outcome says: then the call that reports it is
    /// a repetition.
    pub(super) fn is_replay_of(&self, run: &Run) -> bool {
        let details_hold = match (&self.details, run.details()) {
            (Some(Json::Object(given)), Some(Json::Object(stored))) => given
                .iter()
                .all(|(key, value)| stored.get(key).is_some_and(|stored| is_same(value, stored))),
            (Some(Json::Object(given)), _) => given.is_empty(),
            _ => true,
        };
        run.status == self.status.as_ref()
            && self.counts.hold_for(run)
            && self
                .completed_at
                .is_none_or(|at| run.completed_at == Some(at))
            && (self.error_message.is_none() || self.error_message == run.error_message)
            && details_hold
    }
}

/// Whether two values are the same, numbers by what they are worth: PostgreSQL gives back a large
/// float as a whole number.
pub(crate) fn is_same(one: &Json, other: &Json) -> bool {
    match (one, other) {
        (Json::Number(one), Json::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (Json::Array(one), Json::Array(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .zip(other)
                    .all(|(one, other)| is_same(one, other))
        }
        (Json::Object(one), Json::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(key, one)| other.get(key).is_some_and(|other| is_same(one, other)))
        }
        _ => one == other,
    }
}

fn not_negative(name: &str, count: Option<i32>) -> Result<()> {
    match count {
        Some(count) if count < 0 => Err(Error::BadInput(format!(
            "{name} is {count}; it counts records and cannot be negative"
        ))),
        _ => Ok(()),
    }
}

/// PostgreSQL stores no NUL in a text.
pub(crate) fn check_text(name: &str, text: &str) -> Result<()> {
    if text.contains('\0') {
        return Err(Error::BadInput(format!(
            "{name} contains the character U+0000, which cannot be stored; leave it out"
        )));
    }
    Ok(())
}

pub(crate) fn check_details(details: Option<&Json>, limits: &Limits) -> Result<()> {
    let Some(details) = details else {
        return Ok(());
    };
    if !details.is_object() {
        return Err(Error::BadInput(
            "details must be a JSON object, such as {\"batch\": 1}".into(),
        ));
    }
    let bytes = details.to_string().len();
    if bytes > limits.details_bytes {
        return Err(Error::BadInput(format!(
            "details has {bytes} bytes as JSON; at most {} are stored",
            limits.details_bytes
        )));
    }
    check_texts(details, limits.details_depth)
}

/// Checks the texts in a value, which has at most so many levels.
fn check_texts(json: &Json, depth: usize) -> Result<()> {
    let Some(inner) = depth.checked_sub(1) else {
        return Err(Error::BadInput(
            "details has too many levels; store it flatter".into(),
        ));
    };
    match json {
        Json::String(text) => check_text("details", text),
        Json::Array(items) => items.iter().try_for_each(|item| check_texts(item, inner)),
        Json::Object(fields) => fields.iter().try_for_each(|(key, value)| {
            check_text("details", key)?;
            check_texts(value, inner)
        }),
        Json::Null | Json::Bool(_) | Json::Number(_) => Ok(()),
    }
}
