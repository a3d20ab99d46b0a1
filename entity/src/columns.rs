//! Rows read by the places of their columns: to look each up by its name takes longer than to read it.

use sea_orm::{DbErr, QueryResult};

use crate::{sync_event, sync_history, user};

/// A row whose select answers the entity's columns in their order.
pub trait FromColumns: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// A column holds something else.
    fn from_columns(row: &QueryResult) -> Result<Self, DbErr>;
}

impl FromColumns for sync_history::Model {
    fn from_columns(row: &QueryResult) -> Result<Self, DbErr> {
        Ok(Self {
            id: row.try_get_by_index(0)?,
            entity_type: row.try_get_by_index(1)?,
            source: row.try_get_by_index(2)?,
            status: row.try_get_by_index(3)?,
            started_at: row.try_get_by_index(4)?,
            completed_at: row.try_get_by_index(5)?,
            records_processed: row.try_get_by_index(6)?,
            records_created: row.try_get_by_index(7)?,
            records_updated: row.try_get_by_index(8)?,
            records_failed: row.try_get_by_index(9)?,
            sync_duration: row.try_get_by_index(10)?,
            triggered_by_id: row.try_get_by_index(11)?,
            error_message: row.try_get_by_index(12)?,
            details: row.try_get_by_index(13)?,
            version: row.try_get_by_index(14)?,
            updated_at: row.try_get_by_index(15)?,
            records_expected: row.try_get_by_index(16)?,
            creation_digest: row.try_get_by_index(17)?,
        })
    }
}

impl FromColumns for sync_event::Model {
    fn from_columns(row: &QueryResult) -> Result<Self, DbErr> {
        Ok(Self {
            id: row.try_get_by_index(0)?,
            sync_id: row.try_get_by_index(1)?,
            event_type: row.try_get_by_index(2)?,
            timestamp: row.try_get_by_index(3)?,
            message: row.try_get_by_index(4)?,
            details: row.try_get_by_index(5)?,
        })
    }
}

impl FromColumns for user::Model {
    fn from_columns(row: &QueryResult) -> Result<Self, DbErr> {
        Ok(Self {
            id: row.try_get_by_index(0)?,
            email: row.try_get_by_index(1)?,
            full_name: row.try_get_by_index(2)?,
        })
    }
}
