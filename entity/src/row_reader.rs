//! Decoding rows by position.

use std::sync::Arc;

use sea_orm::{
    DbErr, QueryResult, RuntimeErr, TryGetable,
    sqlx::{Decode, Postgres, Row},
};

/// Reads the columns of a row from left to right: finding each by its name takes longer than decoding it.
#[derive(Debug)]
pub struct RowReader<'row> {
    row: &'row QueryResult,
    index: usize,
}

impl<'row> RowReader<'row> {
    /// Starts at the first column.
    #[must_use]
    pub fn new(row: &'row QueryResult) -> Self {
        Self { row, index: 0 }
    }

    /// Decodes the next column. PostgreSQL's column types are known from its schema, and not checked again.
    ///
    /// # Errors
    /// Returns an error if there is no such column or its value is not of this type.
    pub fn read<T>(&mut self) -> Result<T, DbErr>
    where
        T: TryGetable + for<'any> Decode<'any, Postgres>,
    {
        match self.row.try_as_pg_row() {
            Some(row) => {
                let index = self.next_index();
                row.try_get_unchecked(index)
                    .map_err(|error| DbErr::Query(RuntimeErr::SqlxError(Arc::new(error))))
            }
            None => self.read_checked(),
        }
    }

    /// Decodes the next column of a type that depends on the database.
    ///
    /// # Errors
    /// Returns an error if there is no such column or its value is not of this type.
    pub fn read_checked<T: TryGetable>(&mut self) -> Result<T, DbErr> {
        let index = self.next_index();
        self.row.try_get_by_index(index)
    }

    fn next_index(&mut self) -> usize {
        self.index += 1;
        self.index - 1
    }
}
