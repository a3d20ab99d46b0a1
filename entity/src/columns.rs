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

/// The same of one of the last columns; none if fewer were read.
fn last_cell<T>(row: &QueryResult, index: usize, count: usize) -> Result<T, DbErr>
where
    T: TryGetable + Default + for<'row> Decode<'row, Postgres>,
{
    if index < count {
        cell(row, index)
    } else {
        Ok(T::default())
    }
}

/// How many columns a row has.
fn len(row: &QueryResult) -> usize {
    row.try_as_pg_row()
        .map_or_else(|| row.try_as_sqlite_row().map_or(0, Row::len), Row::len)
}

macro_rules! brief {
    () => {
        "id, entity_type, source, status, started_at, version, records_processed, records_failed, \
            triggered_by_id"
    };
}

macro_rules! lean {
    () => {
        concat!(
            brief!(),
            ", completed_at, updated_at, records_created, records_updated, error_message"
        )
    };
}

impl sync_history::Model {
    /// The first of its columns: what a line in the log says of it, its start, its version and who started it.
    pub const BRIEF: &'static str = brief!();

    /// The first of its columns: all but what takes long to read and few look at.
    pub const LEAN: &'static str = lean!();
}

/// Where only the first columns were read, the rest is as if it was never set.
impl FromColumns for sync_history::Model {
    const COLUMNS: &'static str = concat!(lean!(), ", records_expected, details, creation_digest");

    fn from_columns(row: &QueryResult) -> Result<Self, DbErr> {
        let count = len(row);
        Ok(Self {
            id: cell(row, 0)?,
            entity_type: cell(row, 1)?,
            source: cell(row, 2)?,
            status: cell(row, 3)?,
            started_at: cell(row, 4)?,
            version: cell(row, 5)?,
            records_processed: cell(row, 6)?,
            records_failed: cell(row, 7)?,
            triggered_by_id: cell(row, 8)?,
            completed_at: last_cell(row, 9, count)?,
            updated_at: last_cell(row, 10, count)?,
            records_created: last_cell(row, 11, count)?,
            records_updated: last_cell(row, 12, count)?,
            error_message: last_cell(row, 13, count)?,
            records_expected: last_cell(row, 14, count)?,
            details: if count > 15 {
                row.try_get_by_index(15)?
            } else {
                None
            },
            creation_digest: last_cell(row, 16, count)?,
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

    /// That the names are all of the entity's.
    fn check<T: FromColumns>()
    where
        <T::Entity as EntityTrait>::Column: Iterable + IdenStatic,
    {
        let columns = T::COLUMNS.split(", ");
        let mut columns: Vec<_> = columns.map(|column| column.replace('"', "")).collect();
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
