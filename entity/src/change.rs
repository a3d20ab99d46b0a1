//! The append-only log of changes to runs, written by database triggers.

use sea_orm::entity::prelude::*;

use crate::enums::{SyncChangeKind, SyncStatus, UnknownValue, parse};
use crate::{FromRow, RowReader};

/// A change as stored. On PostgreSQL the table also has the column `xid`, the ID of the writing
/// transaction, which only the change feed reads.
///
/// A row holds the values that a filter can test, as they were after the change and, in `previous_*`, before it. So
/// whether a run entered or left a filter by this change does not depend on when the change is read, or on whether the
/// run still exists. All `previous_*` are NULL for [`SyncChangeKind::Created`]; for [`SyncChangeKind::Deleted`], only
/// they are set. The values from `entity_type` on are NULL in rows that an earlier release wrote.
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
    /// Status after the change, a value of [`SyncStatus`]; the last one of a deleted run.
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
    /// Entity type after the change.
    pub entity_type: Option<String>,
    /// Source after the change.
    pub source: Option<String>,
    /// Start time after the change.
    pub started_at: Option<DateTimeUtc>,
    /// `triggered_by_id` after the change.
    pub triggered_by_id: Option<Uuid>,
    /// `records_created` after the change.
    pub records_created: Option<i32>,
    /// `records_updated` after the change.
    pub records_updated: Option<i32>,
    /// Entity type before the change.
    pub previous_entity_type: Option<String>,
    /// Source before the change.
    pub previous_source: Option<String>,
    /// Start time before the change.
    pub previous_started_at: Option<DateTimeUtc>,
    /// `triggered_by_id` before the change.
    pub previous_triggered_by_id: Option<Uuid>,
    /// `records_created` before the change.
    pub previous_records_created: Option<i32>,
    /// `records_updated` before the change.
    pub previous_records_updated: Option<i32>,
    /// `updated_at` before the change; after it, that is `changed_at`.
    pub previous_updated_at: Option<DateTimeUtc>,
}

/// The kind of the row that PostgreSQL writes when the table of runs is truncated.
const TRUNCATED: &str = "truncated";

impl Model {
    /// Returns the kind of change.
    ///
    /// # Errors
    /// Returns [`UnknownValue`] if the stored text is no [`SyncChangeKind`].
    pub fn kind(&self) -> Result<SyncChangeKind, UnknownValue> {
        parse("kind", &self.kind)
    }

    /// Returns whether the row says that all runs were removed, without their deletions being recorded.
    #[must_use]
    pub fn is_truncation(&self) -> bool {
        self.kind == TRUNCATED
    }

    /// Returns whether the row holds all values that a filter can test.
    #[must_use]
    pub fn has_filter_values(&self) -> bool {
        self.entity_type.is_some() || self.previous_entity_type.is_some()
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
            entity_type: columns.optional_text("entity_type")?,
            source: columns.optional_text("source")?,
            started_at: columns.optional_instant("started_at")?,
            triggered_by_id: columns.optional_uuid("triggered_by_id")?,
            records_created: columns.optional_integer("records_created")?,
            records_updated: columns.optional_integer("records_updated")?,
            previous_entity_type: columns.optional_text("previous_entity_type")?,
            previous_source: columns.optional_text("previous_source")?,
            previous_started_at: columns.optional_instant("previous_started_at")?,
            previous_triggered_by_id: columns.optional_uuid("previous_triggered_by_id")?,
            previous_records_created: columns.optional_integer("previous_records_created")?,
            previous_records_updated: columns.optional_integer("previous_records_updated")?,
            previous_updated_at: columns.optional_instant("previous_updated_at")?,
        })
    }
}

/// Empty: the change log has no foreign keys.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
