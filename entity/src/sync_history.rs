//! One synchronisation run: one entity type, read from one source.

use std::fmt;

use sea_orm::entity::prelude::*;

use crate::Details;
use crate::words::{SyncEntityType, SyncSource, SyncStatus, UnknownWord, read};

/// A run as stored. `sync_duration` is left to the predecessor's readers: this server derives durations from
/// the instants.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "sync_history")]
pub struct Model {
    /// Chosen by the worker, or a version 7 UUID of the server's.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// A word of [`SyncEntityType`].
    pub entity_type: String,
    /// A word of [`SyncSource`].
    pub source: String,
    /// A word of [`SyncStatus`].
    pub status: String,
    /// When the worker began, by its own account.
    pub started_at: DateTimeUtc,
    /// Set exactly when the run has ended.
    pub completed_at: Option<DateTimeUtc>,
    /// Records read so far.
    pub records_processed: i32,
    /// Records made in the target so far.
    pub records_created: i32,
    /// Records altered in the target so far.
    pub records_updated: i32,
    /// Records that could not be taken over so far.
    pub records_failed: i32,
    /// The user who started it, if a person did.
    pub triggered_by_id: Option<Uuid>,
    /// Why it failed or was cancelled.
    #[sea_orm(column_type = "Text", nullable)]
    pub error_message: Option<String>,
    /// A JSON object; the predecessor also stored JSON `null`.
    pub details: Option<Details>,
    /// Grows by one with every change, by a trigger.
    pub version: i32,
    /// Time of the latest change, by a trigger; rows from before adoption have none.
    pub updated_at: Option<DateTimeUtc>,
    /// How many records the worker expects.
    pub records_expected: Option<i32>,
    /// Digest (version 5 UUID) of the call that created the run: tells a repetition of that call
    /// from a different run under the same id. None for runs of other writers.
    pub creation_digest: Option<Uuid>,
}

impl Model {
    /// What is synchronised.
    ///
    /// # Errors
    /// The stored text is none of the known words.
    pub fn entity_type(&self) -> Result<SyncEntityType, UnknownWord> {
        read("entity_type", &self.entity_type)
    }

    /// The system it is read from.
    ///
    /// # Errors
    /// The stored text is none of the known words.
    pub fn source(&self) -> Result<SyncSource, UnknownWord> {
        read("source", &self.source)
    }

    /// Where the run stands.
    ///
    /// # Errors
    /// The stored text is none of the known words.
    pub fn status(&self) -> Result<SyncStatus, UnknownWord> {
        read("status", &self.status)
    }

    /// The details, where there are some that can be read.
    #[must_use]
    pub fn details(&self) -> Option<&Json> {
        self.details.as_ref()?.json()
    }

    /// Microseconds from start to end; none for an open run, never negative.
    #[must_use]
    pub fn duration_micros(&self) -> Option<i64> {
        let micros = (self.completed_at? - self.started_at).num_microseconds()?;
        Some(micros.max(0))
    }
}

/// One line for logs: `run 0197… stock from as400: completed, 44 processed, 2 failed`.
impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "run {} {} from {}: {}, {} processed, {} failed",
            self.id,
            self.entity_type,
            self.source,
            self.status,
            self.records_processed,
            self.records_failed
        )
    }
}

/// None: the server reads one table at a time.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
