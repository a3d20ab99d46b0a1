//! Decoding rows, value by value.
//!
//! Other writers store values that no type here can hold: SQLite accepts any value in any column, PostgreSQL has
//! timestamps that `chrono` lacks. Such a value must not make its row unreadable, let alone the page around it. The
//! reader decodes it to the nearest value that can be represented, and notes what is stored.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sea_orm::sqlx::{
    self, Decode, Postgres, Row, Sqlite, Type, TypeInfo, ValueRef, postgres::PgRow,
    sqlite::SqliteRow,
};
use sea_orm::{DbErr, QueryResult, RuntimeErr};
use uuid::Uuid;

use crate::{Details, instant, stored::Stored};

/// A table's row.
pub trait FromRow: Sized {
    /// Decodes the table's columns, in the order of the entity.
    ///
    /// # Errors
    /// Returns an error if there are fewer columns.
    fn read(columns: &mut RowReader<'_>) -> Result<Self, DbErr>;

    /// Decodes a row that starts with the table's columns, in the order of the entity.
    ///
    /// # Errors
    /// Returns an error if there are fewer columns.
    fn from_row(row: &QueryResult) -> Result<Self, DbErr> {
        Self::read(&mut RowReader::new(row)?)
    }
}

/// A stored value that cannot be represented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadableValue {
    /// Name of the column.
    pub column: &'static str,
    /// The value as stored, shortened.
    pub value: String,
}

/// Reads the columns of a row from left to right: finding each by its name takes longer than decoding it.
///
/// A value that cannot be represented is read as null, or where null is not possible as the nearest value that can be.
pub struct RowReader<'row> {
    row: DriverRow<'row>,
    index: usize,
    unreadable: Vec<UnreadableValue>,
}

#[derive(Clone, Copy)]
enum DriverRow<'row> {
    Postgres(&'row PgRow),
    Sqlite(&'row SqliteRow),
}

impl<'row> RowReader<'row> {
    /// Starts at the first column.
    ///
    /// # Errors
    /// Returns an error if the row is of another database.
    pub fn new(row: &'row QueryResult) -> Result<Self, DbErr> {
        let postgres = row.try_as_pg_row().map(DriverRow::Postgres);
        let row = postgres.or_else(|| row.try_as_sqlite_row().map(DriverRow::Sqlite));
        Ok(Self {
            row: row.ok_or_else(|| DbErr::Type("a row of another database".to_owned()))?,
            index: 0,
            unreadable: Vec::new(),
        })
    }

    /// Returns the values read so far that could not be represented, and forgets them.
    pub fn take_unreadable(&mut self) -> Vec<UnreadableValue> {
        std::mem::take(&mut self.unreadable)
    }

    /// Reads a UUID; the nil UUID if it is none.
    ///
    /// # Errors
    /// Returns an error if there is no such column.
    pub fn uuid(&mut self, column: &'static str) -> Result<Uuid, DbErr> {
        self.required(column, |_| Uuid::nil())
    }

    /// Reads a UUID or null.
    ///
    /// # Errors
    /// Returns an error if there is no such column.
    pub fn optional_uuid(&mut self, column: &'static str) -> Result<Option<Uuid>, DbErr> {
        self.optional(column, |_| None)
    }

    /// Reads a text, with replacement characters for bytes that are not UTF-8.
    ///
    /// # Errors
    /// Returns an error if there is no such column.
    pub fn text(&mut self, column: &'static str) -> Result<String, DbErr> {
        self.required(column, |stored| stored.text().unwrap_or_default())
    }

    /// Reads a text or null, with replacement characters for bytes that are not UTF-8.
    ///
    /// # Errors
    /// Returns an error if there is no such column.
    pub fn optional_text(&mut self, column: &'static str) -> Result<Option<String>, DbErr> {
        self.optional(column, Stored::text)
    }

    /// Reads an integer, clamped to 32 bits; 0 if it is no number.
    ///
    /// # Errors
    /// Returns an error if there is no such column.
    pub fn integer(&mut self, column: &'static str) -> Result<i32, DbErr> {
        self.required(column, |stored| match *stored {
            Stored::Integer(integer) if integer < 0 => i32::MIN,
            Stored::Integer(_) => i32::MAX,
            #[expect(clippy::cast_possible_truncation, reason = "the cast is clamped")]
            Stored::Real(real) => real as i32,
            Stored::Null | Stored::Text(_) | Stored::Blob(_) => 0,
        })
    }

    /// Reads an integer of 32 bits or null.
    ///
    /// # Errors
    /// Returns an error if there is no such column.
    pub fn optional_integer(&mut self, column: &'static str) -> Result<Option<i32>, DbErr> {
        self.optional(column, |_| None)
    }

    /// Reads an integer of 64 bits; 0 if it is none.
    ///
    /// # Errors
    /// Returns an error if there is no such column.
    pub fn long(&mut self, column: &'static str) -> Result<i64, DbErr> {
        self.required(column, |_| 0)
    }

    /// Reads an integer of 64 bits or null.
    ///
    /// # Errors
    /// Returns an error if there is no such column.
    pub fn optional_long(&mut self, column: &'static str) -> Result<Option<i64>, DbErr> {
        self.optional(column, |_| None)
    }

    /// Reads an instant. One that is not [representable](instant::is_representable) is returned as it is, and noted.
    ///
    /// # Errors
    /// Returns an error if there is no such column.
    pub fn instant(&mut self, column: &'static str) -> Result<DateTime<Utc>, DbErr> {
        match self.optional_instant(column)? {
            Some(instant) => Ok(instant),
            None => Ok(self.note(column, &Stored::Null, |_| instant::NEGATIVE_INFINITY)),
        }
    }

    /// Reads an instant or null. One that is not [representable](instant::is_representable) is returned as it is, and
    /// noted.
    ///
    /// # Errors
    /// Returns an error if there is no such column.
    pub fn optional_instant(
        &mut self,
        column: &'static str,
    ) -> Result<Option<DateTime<Utc>>, DbErr> {
        match self.row {
            // The driver panics on an instant that `chrono` lacks.
            DriverRow::Postgres(_) => {
                let Some(micros) = self.optional(column, |_| None)? else {
                    return Ok(None);
                };
                let instant = instant::from_postgres(micros);
                if !instant::is_representable(instant) {
                    let value = instant::describe_postgres(micros);
                    self.unreadable.push(UnreadableValue { column, value });
                }
                Ok(Some(instant))
            }
            DriverRow::Sqlite(row) => {
                let index = self.next_index();
                let stored = match row.try_get::<Option<DateTime<Utc>>, _>(index) {
                    Ok(instant) if instant.is_none_or(instant::is_representable) => {
                        return Ok(instant);
                    }
                    Ok(_) => self.row.stored(index).map_err(driver_error)?,
                    Err(error) => self.stored(index, error)?,
                };
                Ok(Some(self.note(column, &stored, Stored::place_of_instant)))
            }
        }
    }

    /// Reads the bytes of a text; `None` if it is null.
    ///
    /// # Errors
    /// Returns an error if there is no such column.
    pub fn bytes(&mut self) -> Result<Option<Vec<u8>>, DbErr> {
        let index = self.next_index();
        self.row.decode(index).map_err(driver_error)
    }

    /// Reads details, which say themselves whether they are readable.
    ///
    /// # Errors
    /// Returns an error if there is no such column.
    pub fn details(&mut self) -> Result<Details, DbErr> {
        let index = self.next_index();
        match self.row {
            DriverRow::Postgres(row) => row.try_get_raw(index).map(Details::from),
            DriverRow::Sqlite(row) => row.try_get_raw(index).map(Details::from),
        }
        .map_err(driver_error)
    }

    fn required<T>(
        &mut self,
        column: &'static str,
        nearest: impl FnOnce(&Stored) -> T,
    ) -> Result<T, DbErr>
    where
        T: for<'any> Decode<'any, Postgres> + for<'any> Decode<'any, Sqlite> + Type<Sqlite>,
    {
        let index = self.next_index();
        match self.row.decode(index) {
            Ok(value) => Ok(value),
            Err(error) => {
                let stored = self.stored(index, error)?;
                Ok(self.note(column, &stored, nearest))
            }
        }
    }

    fn optional<T>(
        &mut self,
        column: &'static str,
        nearest: impl FnOnce(&Stored) -> Option<T>,
    ) -> Result<Option<T>, DbErr>
    where
        T: for<'any> Decode<'any, Postgres>
            + Type<Postgres>
            + for<'any> Decode<'any, Sqlite>
            + Type<Sqlite>,
    {
        self.required(column, nearest)
    }

    /// Notes a stored value, and returns the value that is nearest to it.
    fn note<T>(
        &mut self,
        column: &'static str,
        stored: &Stored,
        nearest: impl FnOnce(&Stored) -> T,
    ) -> T {
        self.unreadable.push(UnreadableValue {
            column,
            value: stored.to_string(),
        });
        nearest(stored)
    }

    /// Returns the value that could not be decoded because of `error`.
    ///
    /// # Errors
    /// Returns the error if it is another one.
    fn stored(&self, index: usize, error: sqlx::Error) -> Result<Stored, DbErr> {
        if !matches!(error, sqlx::Error::ColumnDecode { .. }) {
            return Err(driver_error(error));
        }
        self.row.stored(index).map_err(driver_error)
    }

    fn next_index(&mut self) -> usize {
        self.index += 1;
        self.index - 1
    }
}

impl<'row> DriverRow<'row> {
    fn decode<T>(self, index: usize) -> Result<T, sqlx::Error>
    where
        T: Decode<'row, Postgres> + Decode<'row, Sqlite> + Type<Sqlite>,
    {
        match self {
            // PostgreSQL's column types are known from its schema, and not checked again.
            Self::Postgres(row) => row.try_get_unchecked(index),
            Self::Sqlite(row) => row.try_get(index),
        }
    }

    fn stored(self, index: usize) -> Result<Stored, sqlx::Error> {
        match self {
            Self::Postgres(row) => {
                let value = row.try_get_raw(index)?;
                let bytes = || value.as_bytes().unwrap_or_default().to_vec();
                Ok(match value.type_info().name() {
                    _ if value.is_null() => Stored::Null,
                    "INT8" => Stored::Integer(row.try_get_unchecked(index)?),
                    "TEXT" | "VARCHAR" => Stored::Text(bytes()),
                    _ => Stored::Blob(bytes()),
                })
            }
            Self::Sqlite(row) => {
                let value = row.try_get_raw(index)?;
                let bytes = || row.try_get_unchecked::<&[u8], _>(index).map(<[u8]>::to_vec);
                Ok(match value.type_info().name() {
                    _ if value.is_null() => Stored::Null,
                    "INTEGER" => Stored::Integer(row.try_get_unchecked(index)?),
                    "REAL" => Stored::Real(row.try_get_unchecked(index)?),
                    "TEXT" => Stored::Text(bytes()?),
                    _ => Stored::Blob(bytes()?),
                })
            }
        }
    }
}

fn driver_error(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(Arc::new(error)))
}
