//! Rows read by the places of their columns: to look each up by its name takes longer than to read it.

use std::sync::Arc;

use sea_orm::{
    DbErr, ModelTrait, QueryResult, RuntimeErr, TryGetable,
    sqlx::{Decode, Postgres, Row},
};

use crate::{event, run, user};

/// What is read of a row by the places of its columns.
pub trait FromColumns: ModelTrait + Sized {
    /// The columns as a select has them, in the order in which they are read. (Given one by one, to write
    /// them into a statement takes longer than to read a row.)
    const COLUMNS: &'static str;

    /// Reads it.
    ///
    /// # Errors
    /// A column holds something else.
    fn from_columns(row: &QueryResult) -> Result<Self, DbErr> {
        Self::from_next(&mut Columns::behind(row, 0))
    }

    /// Reads it from the columns that come next.
    ///
    /// # Errors
    /// A column holds something else.
    fn from_next(columns: &mut Columns<'_>) -> Result<Self, DbErr>;
}

/// The columns of a row, one after the other.
#[derive(Debug)]
pub struct Columns<'row> {
    row: &'row QueryResult,
    /// The one that comes next.
    index: usize,
    count: usize,
}

impl<'row> Columns<'row> {
    /// Those of a row that come behind so many.
    #[must_use]
    pub fn behind(row: &'row QueryResult, index: usize) -> Self {
        let count = row
            .try_as_pg_row()
            .map_or_else(|| row.try_as_sqlite_row().map_or(0, Row::len), Row::len);
        Self { row, index, count }
    }

    /// Passes the next one, and tells which it is.
    fn pass(&mut self) -> usize {
        self.index += 1;
        self.index - 1
    }

    /// What is in the next column. PostgreSQL's hold nothing but their type, which is not asked each time.
    ///
    /// # Errors
    /// Something else is in it.
    pub fn read<T>(&mut self) -> Result<T, DbErr>
    where
        T: TryGetable + for<'any> Decode<'any, Postgres>,
    {
        let index = self.pass();
        match self.row.try_as_pg_row() {
            Some(row) => {
                let cell = row.try_get_unchecked(index);
                cell.map_err(|error| DbErr::Query(RuntimeErr::SqlxError(Arc::new(error))))
            }
            None => self.row.try_get_by_index(index),
        }
    }

    /// What is in the next column, whatever the databases make of its type.
    fn read_of_any_type<T: TryGetable>(&mut self) -> Result<T, DbErr> {
        let index = self.pass();
        self.row.try_get_by_index(index)
    }

    /// Whether there is one more.
    fn has_next(&self) -> bool {
        self.index < self.count
    }

    /// What is in the next column; none if there is no more.
    fn read_if_any<T>(&mut self) -> Result<T, DbErr>
    where
        T: TryGetable + Default + for<'any> Decode<'any, Postgres>,
    {
        if self.has_next() {
            self.read()
        } else {
            Ok(T::default())
        }
    }
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

impl run::Model {
    /// The first of its columns: what a line in the log says of it, its start, its version and who started it.
    pub const BRIEF: &'static str = brief!();

    /// The first of its columns: all but what takes long to read and few look at.
    pub const LEAN: &'static str = lean!();
}

/// Where only the first columns were read, the rest is as if it was never set.
impl FromColumns for run::Model {
    const COLUMNS: &'static str = concat!(lean!(), ", records_expected, details, creation_digest");

    fn from_next(columns: &mut Columns<'_>) -> Result<Self, DbErr> {
        Ok(Self {
            id: columns.read()?,
            entity_type: columns.read()?,
            source: columns.read()?,
            status: columns.read()?,
            started_at: columns.read()?,
            version: columns.read()?,
            records_processed: columns.read()?,
            records_failed: columns.read()?,
            triggered_by_id: columns.read()?,
            completed_at: columns.read_if_any()?,
            updated_at: columns.read_if_any()?,
            records_created: columns.read_if_any()?,
            records_updated: columns.read_if_any()?,
            error_message: columns.read_if_any()?,
            records_expected: columns.read_if_any()?,
            details: if columns.has_next() {
                columns.read_of_any_type()?
            } else {
                None
            },
            creation_digest: columns.read_if_any()?,
        })
    }
}

impl FromColumns for event::Model {
    const COLUMNS: &'static str = "id, sync_id, event_type, \"timestamp\", message, details";

    fn from_next(columns: &mut Columns<'_>) -> Result<Self, DbErr> {
        Ok(Self {
            id: columns.read()?,
            sync_id: columns.read()?,
            event_type: columns.read()?,
            timestamp: columns.read()?,
            message: columns.read()?,
            details: columns.read_of_any_type()?,
        })
    }
}

impl FromColumns for user::Model {
    const COLUMNS: &'static str = "id, email, full_name";

    fn from_next(columns: &mut Columns<'_>) -> Result<Self, DbErr> {
        Ok(Self {
            id: columns.read()?,
            email: columns.read()?,
            full_name: columns.read()?,
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
        check::<run::Model>();
        check::<event::Model>();
        check::<user::Model>();
    }
}
