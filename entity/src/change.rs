//! The append-only log of changes to runs, written by database triggers.

use sea_orm::entity::prelude::*;

use crate::enums::{SyncChangeKind, SyncStatus, UnknownValue, parse};
use crate::{FromRow, RowReader};

/// A change as stored. On PostgreSQL the table also has the column `xid`, the ID of the writing
/// transaction, which only the change feed reads.
///
/// A row holds every mutable value that a filter can test, as it was after the change and, in
/// `previous_*`, before it. So whether a run entered or left a filter by this change does not depend on
/// when the change is read. All `previous_*` are NULL for [`SyncChangeKind::Created`].
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "sync_change")]
pub struct Model {
    /// Order in which changes were written, which can differ from the order of their commits.
    #[sea_orm(primary_key)]
    pub seq: i64,
    /// ID of the changed run.
    pub run_id: Uuid,
    /// A value of [`SyncChangeKind`].
    pub kind: String,
    /// Status before the change, a value of [`SyncStatus`].
    pub previous_status: Option<String>,
    /// Status after the change, a value of [`SyncStatus`].
    pub status: String,
    /// Version of the run after the change.
    pub version: i32,
    /// Time of the change by the database's clock.
    pub changed_at: DateTimeUtc,
    /// `completed_at` after the change.
    pub completed_at: Option<DateTimeUtc>,
    /// `records_processed` after the change.
    pub records_processed: i32,
    /// `records_failed` after the change.
    pub records_failed: i32,
    /// `error_message` after the change.
    #[sea_orm(column_type = "Text", nullable)]
    pub error_message: Option<String>,
    /// `completed_at` before the change.
    pub previous_completed_at: Option<DateTimeUtc>,
    /// `records_processed` before the change.
    pub previous_records_processed: Option<i32>,
    /// `records_failed` before the change.
    pub previous_records_failed: Option<i32>,
    /// `error_message` before the change.
    #[sea_orm(column_type = "Text", nullable)]
    pub previous_error_message: Option<String>,
}

impl Model {
    /// Returns the kind of change.
    ///
    /// # Errors
    /// Returns [`UnknownValue`] if the stored text is no [`SyncChangeKind`].
    pub fn kind(&self) -> Result<SyncChangeKind, UnknownValue> {
        parse("kind", &self.kind)
    }

    /// Returns the status after the change.
    ///
    /// # Errors
    /// Returns [`UnknownValue`] if the stored text is no [`SyncStatus`].
    pub fn status(&self) -> Result<SyncStatus, UnknownValue> {
        parse("status", &self.status)
    }
}

impl FromRow for Model {
    fn read(columns: &mut RowReader<'_>) -> Result<Self, DbErr> {
        Ok(Self {
            seq: columns.long("seq")?,
            run_id: columns.uuid("run_id")?,
            kind: columns.text("kind")?,
            previous_status: columns.optional_text("previous_status")?,
            status: columns.text("status")?,
            version: columns.integer("version")?,
            changed_at: columns.instant("changed_at")?,
            completed_at: columns.optional_instant("completed_at")?,
            records_processed: columns.integer("records_processed")?,
            records_failed: columns.integer("records_failed")?,
            error_message: columns.optional_text("error_message")?,
            previous_completed_at: columns.optional_instant("previous_completed_at")?,
            previous_records_processed: columns.optional_integer("previous_records_processed")?,
            previous_records_failed: columns.optional_integer("previous_records_failed")?,
            previous_error_message: columns.optional_text("previous_error_message")?,
        })
    }
}

/// Empty: the change log has no foreign keys.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
