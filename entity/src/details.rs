//! The JSON column.

use std::sync::Arc;

use sea_orm::sea_query::{ArrayType, ColumnType, Nullable, ValueType, ValueTypeErr};
use sea_orm::sqlx::{
    Decode, Row, Sqlite, TypeInfo, ValueRef, postgres::PgValueRef, sqlite::SqliteValueRef,
};
use sea_orm::{ColIdx, DbErr, QueryResult, RuntimeErr, TryGetError, TryGetable, Value};
use serde_json::Value as Json;

/// JSON as stored. Other writers may store what PostgreSQL takes for JSON and this server cannot
/// read, such as half of a surrogate pair or a thousand levels; SQLite takes any text. That must not
/// take down the row, and the row its page.
#[derive(Clone, Debug, PartialEq)]
pub enum Details {
    /// As it can be read.
    Json(Json),
    /// Why it cannot.
    Unreadable(String),
}

impl Details {
    /// What is stored; none for JSON `null` and for what cannot be read.
    #[must_use]
    pub fn json(&self) -> Option<&Json> {
        match self {
            Self::Json(json) => Some(json).filter(|json| !json.is_null()),
            Self::Unreadable(_) => None,
        }
    }

    /// What is stored as this text.
    #[must_use]
    pub fn read(text: &[u8]) -> Self {
        match serde_json::from_slice(text) {
            Ok(json) => Self::Json(json),
            Err(error) => Self::Unreadable(error.to_string()),
        }
    }
}

impl From<Details> for Value {
    fn from(details: Details) -> Self {
        match details {
            Details::Json(json) => json.into(),
            Details::Unreadable(_) => Details::null(),
        }
    }
}

impl TryGetable for Details {
    fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
        let stored = if let Some(row) = row.try_as_pg_row() {
            let value = row.try_get_raw(index.as_sqlx_postgres_index());
            value.map(|value| from_postgres(&value))
        } else if let Some(row) = row.try_as_sqlite_row() {
            row.try_get_raw(index.as_sqlx_sqlite_index())
                .map(from_sqlite)
        } else {
            Ok(None)
        };
        let failed = |error| DbErr::Query(RuntimeErr::SqlxError(Arc::new(error)));
        let stored = stored.map_err(failed)?;
        stored.ok_or_else(|| TryGetError::Null(format!("{index:?}")))
    }
}

fn from_postgres(value: &PgValueRef<'_>) -> Option<Details> {
    if value.is_null() {
        return None;
    }
    let bytes = value.as_bytes().unwrap_or_default();
    // The binary form of jsonb begins with its version.
    let text = if value.type_info().name() == "JSONB" {
        bytes.get(1..).unwrap_or_default()
    } else {
        bytes
    };
    Some(Details::read(text))
}

fn from_sqlite(value: SqliteValueRef<'_>) -> Option<Details> {
    if value.is_null() {
        return None;
    }
    let text = <&[u8] as Decode<Sqlite>>::decode(value).unwrap_or_default();
    Some(Details::read(text))
}

impl ValueType for Details {
    fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
        <Json as ValueType>::try_from(value).map(Self::Json)
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

impl Nullable for Details {
    fn null() -> Value {
        Json::null()
    }
}
