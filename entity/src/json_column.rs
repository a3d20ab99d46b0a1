//! JSON columns that other applications write, too.

use std::sync::Arc;

use sea_orm::sea_query::{ArrayType, ColumnType, ValueType, ValueTypeErr};
use sea_orm::sqlx::{
    self, Decode, Row, Sqlite, TypeInfo, ValueRef, postgres::PgValueRef, sqlite::SqliteValueRef,
};
use sea_orm::{ColIdx, DbErr, QueryResult, RuntimeErr, TryGetError, TryGetable, Value};
use serde_json::Value as Json;

/// The `details` of a row, which may not have been loaded and may be unreadable.
///
/// Details can be as large as all other columns of a row together, so most statements do not select them.
/// A row that was read without the column holds [`Details::NotLoaded`], which is not the same as a row
/// without details.
///
/// Other writers may store JSON that PostgreSQL accepts and `serde_json` rejects, such as a lone
/// surrogate or a thousand levels of nesting; SQLite accepts any text. Such a value must not make its
/// row, and with it a whole page, unreadable.
#[derive(Clone, Debug, PartialEq)]
pub enum Details {
    /// The statement that read the row did not select the column.
    NotLoaded,
    /// SQL NULL or JSON `null`.
    Null,
    /// The parsed value.
    Json(Json),
    /// Why the stored text cannot be parsed.
    Unreadable(String),
}

/// The details of a row were used although the row was read without them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the row was read without its details")]
pub struct DetailsNotLoaded;

impl Details {
    /// Returns the value; `None` if there is none or it is unreadable.
    ///
    /// # Errors
    /// Returns [`DetailsNotLoaded`] if the row was read without its details.
    pub fn json(&self) -> Result<Option<&Json>, DetailsNotLoaded> {
        match self {
            Self::NotLoaded => Err(DetailsNotLoaded),
            Self::Null | Self::Unreadable(_) => Ok(None),
            Self::Json(json) => Ok(Some(json)),
        }
    }

    /// Parses a stored text.
    #[must_use]
    pub fn parse(text: &[u8]) -> Self {
        match serde_json::from_slice(text) {
            Ok(Json::Null) => Self::Null,
            Ok(json) => Self::Json(json),
            Err(error) => Self::Unreadable(error.to_string()),
        }
    }
}

impl From<Option<Json>> for Details {
    fn from(json: Option<Json>) -> Self {
        json.map_or(Self::Null, Self::Json)
    }
}

impl From<Details> for Value {
    fn from(details: Details) -> Self {
        match details {
            Details::Json(json) => json.into(),
            Details::NotLoaded | Details::Null | Details::Unreadable(_) => None::<Json>.into(),
        }
    }
}

impl TryGetable for Details {
    fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
        let details = if let Some(row) = row.try_as_pg_row() {
            let value = row.try_get_raw(index.as_sqlx_postgres_index());
            value.map(Self::from)
        } else if let Some(row) = row.try_as_sqlite_row() {
            let value = row.try_get_raw(index.as_sqlx_sqlite_index());
            value.map(Self::from)
        } else {
            Ok(Self::NotLoaded)
        };
        match details {
            Ok(details) => Ok(details),
            Err(sqlx::Error::ColumnNotFound(_)) => Ok(Self::NotLoaded),
            Err(error) => Err(DbErr::Query(RuntimeErr::SqlxError(Arc::new(error))).into()),
        }
    }
}

impl From<PgValueRef<'_>> for Details {
    fn from(value: PgValueRef<'_>) -> Self {
        if value.is_null() {
            return Self::Null;
        }
        let bytes = value.as_bytes().unwrap_or_default();
        // The binary format of jsonb starts with a version byte.
        let text = if value.type_info().name() == "JSONB" {
            bytes.get(1..).unwrap_or_default()
        } else {
            bytes
        };
        Self::parse(text)
    }
}

impl From<SqliteValueRef<'_>> for Details {
    fn from(value: SqliteValueRef<'_>) -> Self {
        if value.is_null() {
            return Self::Null;
        }
        let text = <&[u8] as Decode<Sqlite>>::decode(value).unwrap_or_default();
        Self::parse(text)
    }
}

impl ValueType for Details {
    fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
        <Option<Json> as ValueType>::try_from(value).map(Self::from)
    }

    fn type_name() -> String {
        "Details".to_owned()
    }

    fn array_type() -> ArrayType {
        ArrayType::Json
    }

    fn column_type() -> ColumnType {
        ColumnType::Json
    }
}
