//! Rows read by the places of their columns: to look each up by its name takes longer than to read it.

use std::sync::Arc;

use sea_orm::{
    DbErr, ModelTrait, QueryResult, RuntimeErr, TryGetable,
    sqlx::{Decode, Postgres, Row},
};

use crate::{sync_event, sync_history, user};

/// What is read of a row by the places of its columns.
pub trait FromColumns: ModelTrait + Sized {
    /// The columns as a select has them, in the order in which they are read. (Given one by one, to write
    /// them into a statement takes longer than to read a row.)
    const COLUMNS: &'static str;

    /// The same with NULL in place of what takes long to read and few look at.
    const LEAN: &'static str = Self::COLUMNS;

    /// What tells it from others and what state it is in; anything in place of the rest.
    const BRIEF: &'static str = Self::COLUMNS;

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
    const COLUMNS: &'static str = "id, entity_type, source, status, started_at, completed_at, \
        records_processed, records_created, records_updated, records_failed, triggered_by_id, \
        error_message, version, updated_at, records_expected, details, creation_digest";

    const LEAN: &'static str = "id, entity_type, source, status, started_at, completed_at, \
        records_processed, records_created, records_updated, records_failed, triggered_by_id, \
        error_message, version, updated_at, records_expected, NULL AS details, NULL AS creation_digest";

    const BRIEF: &'static str = "id, entity_type, source, status, started_at, NULL, 0, 0, 0, 0, NULL, \
        NULL, version, NULL, NULL, NULL, NULL";

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
            triggered_by_id: cell(row, 10)?,
            error_message: cell(row, 11)?,
            version: cell(row, 12)?,
            updated_at: cell(row, 13)?,
            records_expected: cell(row, 14)?,
            details: row.try_get_by_index(15)?,
            creation_digest: cell(row, 16)?,
        })
    }
}

impl FromColumns for sync_event::Model {
    const COLUMNS: &'static str = "id, sync_id, event_type, \"timestamp\", message, details";

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
    const COLUMNS: &'static str = "id, email, full_name";

    fn from_columns(row: &QueryResult) -> Result<Self, DbErr> {
        Ok(Self {
            id: cell(row, 0)?,
            email: cell(row, 1)?,
            full_name: cell(row, 2)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::{EntityTrait, IdenStatic, Iterable};

    use super::*;

    /// That the names are all of the entity's, and the lean ones as many.
    fn check<T: FromColumns>()
    where
        <T::Entity as EntityTrait>::Column: Iterable + IdenStatic,
    {
        let names = |columns: &'static str| {
            let names = columns.split(", ").map(|column| column.replace('"', ""));
            names.collect::<Vec<_>>()
        };
        let mut columns = names(T::COLUMNS);
        let lean = names(T::LEAN);
        let lean = lean.iter().map(|column| column.replace("NULL AS ", ""));
        assert_eq!(lean.collect::<Vec<_>>(), columns);
        columns.sort_unstable();
        let all = <T::Entity as EntityTrait>::Column::iter();
        let mut all: Vec<_> = all.map(|column| column.as_str().to_owned()).collect();
        all.sort_unstable();
        assert_eq!(columns, all);
    }

    #[test]
    fn all_columns_are_read() {
        check::<sync_history::Model>();
        check::<sync_event::Model>();
        check::<user::Model>();
    }
}
