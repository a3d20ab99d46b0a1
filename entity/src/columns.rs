//! Rows read by the places of their columns: to look each up by its name takes longer than to read it.

use std::sync::Arc;

use sea_orm::{
    DbErr, QueryResult, RuntimeErr, TryGetable,
    sqlx::{Decode, Postgres, Row},
};

use crate::{sync_event, sync_history, user};

/// A row whose select answers the entity's columns in their order.
pub trait FromColumns: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// A column holds something else.
    fn from_columns(row: &QueryResult) -> Result<Self, DbErr>;
}

/// What is in a column. PostgreSQL's columns hold nothing but their type, which is not asked each time.
fn cell<T>(row: &QueryResult, index: usize) -> Result<T, DbErr>
where
    T: TryGetable + for<'row> Decode<'row, Postgres>,
{
    match row.try_as_pg_row() {
        Some(row) => {
            let cell = row.try_get_unchecked(index);
            cell.map_err(|error| DbErr::Query(RuntimeErr::SqlxError(Arc::new(error))))
        }
        None => row.try_get_by_index(index),
    }
}

impl FromColumns for sync_history::Model {
    fn from_columns(row: &QueryResult) -> Result<Self, DbErr> {
        Ok(Self {
            id: cell(row, 0)?,
            entity_type: cell(row, 1)?,
            source: cell(row, 2)?,
            status: cell(row, 3)?,
            started_at: cell(row, 4)?,
            completed_at: cell(row, 5)?,
            records_processed: cell(row, 6)?,
            records_created: cell(row, 7)?,
            records_updated: cell(row, 8)?,
            records_failed: cell(row, 9)?,
            sync_duration: cell(row, 10)?,
            triggered_by_id: cell(row, 11)?,
            error_message: cell(row, 12)?,
            details: row.try_get_by_index(13)?,
            version: cell(row, 14)?,
            updated_at: cell(row, 15)?,
            records_expected: cell(row, 16)?,
            creation_digest: cell(row, 17)?,
        })
    }
}

impl FromColumns for sync_event::Model {
    fn from_columns(row: &QueryResult) -> Result<Self, DbErr> {
        Ok(Self {
            id: cell(row, 0)?,
            sync_id: cell(row, 1)?,
            event_type: cell(row, 2)?,
            timestamp: cell(row, 3)?,
            message: cell(row, 4)?,
            details: row.try_get_by_index(5)?,
        })
    }
}

impl FromColumns for user::Model {
    fn from_columns(row: &QueryResult) -> Result<Self, DbErr> {
        Ok(Self {
            id: cell(row, 0)?,
            email: cell(row, 1)?,
            full_name: cell(row, 2)?,
        })
    }
}
