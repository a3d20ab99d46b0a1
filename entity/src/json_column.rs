//! JSON columns that other applications write, too.

use std::sync::Arc;

use sea_orm::sea_query::{ArrayType, ColumnType, Nullable, ValueType, ValueTypeErr};
use sea_orm::sqlx::{
    Decode, Row, Sqlite, TypeInfo, ValueRef, postgres::PgValueRef, sqlite::SqliteValueRef,
};
use sea_orm::{ColIdx, DbErr, QueryResult, RuntimeErr, TryGetError, TryGetable, Value};
use serde_json::Value as Json;

/// A stored JSON value, which may be unreadable.
///
/// Other writers may store JSON that PostgreSQL accepts and `serde_json` rejects, such as a lone
/// surrogate or a thousand levels of nesting; SQLite accepts any text. Such a value must not make its
/// row, and with it a whole page, unreadable.
#[derive(Clone, Debug, PartialEq)]
pub enum StoredJson {
    /// The parsed value.
    Json(Json),
    /// Why the stored text cannot be parsed.
    Unreadable(String),
}

impl StoredJson {
    /// Returns the value; `None` for JSON `null` and for an unreadable text.
    #[must_use]
    pub fn json(&self) -> Option<&Json> {
        match self {
            Self::Json(json) => Some(json).filter(|json| !json.is_null()),
            Self::Unreadable(_) => None,
        }
    }

    /// Parses a stored text.
    #[must_use]
    pub fn parse(text: &[u8]) -> Self {
        match serde_json::from_slice(text) {
            Ok(json) => Self::Json(json),
            Err(error) => Self::Unreadable(error.to_string()),
        }
    }
}

impl From<StoredJson> for Value {
    fn from(details: StoredJson) -> Self {
        match details {
            StoredJson::Json(json) => json.into(),
            StoredJson::Unreadable(_) => StoredJson::null(),
        }
    }
}

impl TryGetable for StoredJson {
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

fn from_postgres(value: &PgValueRef<'_>) -> Option<StoredJson> {
    if value.is_null() {
        return None;
    }
    let bytes = value.as_bytes().unwrap_or_default();
    // The binary format of jsonb starts with a version byte.
    let text = if value.type_info().name() == "JSONB" {
        bytes.get(1..).unwrap_or_default()
    } else {
        bytes
    };
    Some(StoredJson::parse(text))
}

fn from_sqlite(value: SqliteValueRef<'_>) -> Option<StoredJson> {
    if value.is_null() {
        return None;
    }
    let text = <&[u8] as Decode<Sqlite>>::decode(value).unwrap_or_default();
    Some(StoredJson::parse(text))
}

impl ValueType for StoredJson {
    fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
        <Json as ValueType>::try_from(value).map(Self::Json)
    }

    fn type_name() -> String {
        "StoredJson".to_owned()
    }

    fn array_type() -> ArrayType {
        ArrayType::Json
    }

    fn column_type() -> ColumnType {
        ColumnType::Json
    }
}

impl Nullable for StoredJson {
    fn null() -> Value {
        Json::null()
    }
}
