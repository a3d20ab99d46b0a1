//! The append-only record of every change to a run, written by triggers whoever changes it.

use sea_orm::entity::prelude::*;

use crate::words::{SyncChangeKind, SyncStatus, UnknownWord, read};

/// A change as stored. On PostgreSQL the table also holds `xid`, the writing transaction, which
/// only the feed's own statements read.
///
/// Of the values that a filter looks at and that may change, it holds what the run had behind the
/// change, and as `previous_*` what it had before: so whether the run entered or left a filter by this
/// change is told the same whenever it is read. All `previous_*` are NULL for
/// [`SyncChangeKind::Created`].
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "sync_change")]
pub struct Model {
    /// Order of writing, which is not the order of committing.
    #[sea_orm(primary_key)]
    pub seq: i64,
    /// The run that changed.
    pub run_id: Uuid,
    /// A word of [`SyncChangeKind`].
    pub kind: String,
    /// A word of [`SyncStatus`].
    pub previous_status: Option<String>,
    /// A word of [`SyncStatus`]: what the change led to.
    pub status: String,
    /// The run's version after the change.
    pub version: i32,
    /// When, by the database's clock.
    pub changed_at: DateTimeUtc,
    /// The run's, behind the change.
    pub completed_at: Option<DateTimeUtc>,
    /// The run's, behind the change.
    pub records_processed: i32,
    /// The run's, behind the change.
    pub records_failed: i32,
    /// The run's, behind the change.
    #[sea_orm(column_type = "Text", nullable)]
    pub error_message: Option<String>,
    /// What `completed_at` was.
    pub previous_completed_at: Option<DateTimeUtc>,
    /// What `records_processed` was.
    pub previous_records_processed: Option<i32>,
    /// What `records_failed` was.
    pub previous_records_failed: Option<i32>,
    /// What `error_message` was.
    #[sea_orm(column_type = "Text", nullable)]
    pub previous_error_message: Option<String>,
}

impl Model {
    /// What changed.
    ///
    /// # Errors
    /// The stored text is none of the known words.
    pub fn kind(&self) -> Result<SyncChangeKind, UnknownWord> {
        read("kind", &self.kind)
    }

    /// The status this change led to.
    ///
    /// # Errors
    /// The stored text is none of the known words.
    pub fn status(&self) -> Result<SyncStatus, UnknownWord> {
        read("status", &self.status)
    }
}

/// Kept apart from the run: changes outlive neither pruning nor the run's deletion by others.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
