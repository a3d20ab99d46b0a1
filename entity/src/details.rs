//! The `details` of runs and events, which other applications write, too.

use std::{borrow::Cow, sync::Arc};

use sea_orm::sea_query::{ArrayType, ColumnType, ValueType, ValueTypeErr};
use sea_orm::sqlx::{
    self, Decode, Row, Sqlite, TypeInfo, ValueRef, postgres::PgValueRef, sqlite::SqliteValueRef,
};
use sea_orm::{ColIdx, DbErr, QueryResult, RuntimeErr, TryGetError, TryGetable, Value};
use serde_json::{Map, Value as Json};

use crate::{raw_object::RawObject, valid_json};

/// The `details` of a row, which may not have been loaded and may be unreadable.
///
/// Details can be as large as all other columns of a row together, so most statements do not select them.
/// A row that was read without the column holds [`Details::NotLoaded`], which is not the same as a row
/// without details.
///
/// The text is kept as it is stored: parsing it would change numbers that a float does not hold exactly.
///
/// Other writers may store JSON that PostgreSQL accepts and clients reject, such as a lone surrogate or a
/// thousand levels of nesting; SQLite accepts any text. Such a value must not make its row, and with it a
/// whole page, unreadable.
#[derive(Clone, Debug, PartialEq)]
pub enum Details {
    /// The statement that read the row did not select the column.
    NotLoaded,
    /// SQL NULL or JSON `null`.
    Null,
    /// Valid JSON, on one line.
    Json(String),
    /// A text that clients cannot read.
    Unreadable {
        /// The text as stored.
        text: String,
        /// Why it cannot be read.
        reason: String,
    },
}

/// Bytes of details that are read. This server stores less; other writers may store any number.
const MAX_BYTES: usize = 1024 * 1024;

/// The details of a row were used although the row was read without them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the row was read without its details")]
pub struct DetailsNotLoaded;

impl Details {
    /// Returns the value as JSON; `None` if there is none or it is unreadable.
    ///
    /// # Errors
    /// Returns [`DetailsNotLoaded`] if the row was read without its details.
    pub fn json(&self) -> Result<Option<&str>, DetailsNotLoaded> {
        match self {
            Self::NotLoaded => Err(DetailsNotLoaded),
            Self::Null | Self::Unreadable { .. } => Ok(None),
            Self::Json(text) => Ok(Some(text)),
        }
    }

    /// Returns the parsed value; `None` if there is none or it is unreadable.
    ///
    /// # Errors
    /// Returns [`DetailsNotLoaded`] if the row was read without its details.
    pub fn value(&self) -> Result<Option<Json>, DetailsNotLoaded> {
        let text = self.json()?;
        Ok(text.and_then(|text| serde_json::from_str(text).ok()))
    }

    /// Returns the value of a key if the details are an object that has it, even if another part of it is unreadable.
    ///
    /// # Errors
    /// Returns [`DetailsNotLoaded`] if the row was read without its details.
    pub fn get(&self, key: &str) -> Result<Option<Json>, DetailsNotLoaded> {
        if matches!(self, Self::NotLoaded) {
            return Err(DetailsNotLoaded);
        }
        let value = self.object().and_then(|object| object.get(key));
        Ok(value.and_then(|value| serde_json::from_str(value).ok()))
    }

    /// Returns the details if they are an object, even if a part of it is unreadable.
    #[must_use]
    pub fn object(&self) -> Option<RawObject<'_>> {
        match self {
            Self::NotLoaded | Self::Null => None,
            Self::Json(text) | Self::Unreadable { text, .. } => RawObject::parse(text),
        }
    }

    /// Parses a stored text.
    #[must_use]
    pub fn parse(text: &[u8]) -> Self {
        if text.len() > MAX_BYTES {
            return Self::Unreadable {
                text: String::from_utf8_lossy(text).into_owned(),
                reason: format!("they have {} bytes, more than {MAX_BYTES}", text.len()),
            };
        }
        match valid_json::validate(text) {
            Ok("null") => Self::Null,
            Ok(text) => Self::Json(on_one_line(text).into_owned()),
            Err(error) => Self::Unreadable {
                text: String::from_utf8_lossy(text).into_owned(),
                reason: error.to_string(),
            },
        }
    }

    /// Returns the text that is stored, if there is any.
    fn into_text(self) -> Option<String> {
        match self {
            Self::Json(text) | Self::Unreadable { text, .. } => Some(text),
            Self::NotLoaded | Self::Null => None,
        }
    }
}

/// Replaces line breaks, which are insignificant in valid JSON: a server-sent event has a line of data.
fn on_one_line(text: &str) -> Cow<'_, str> {
    if text.contains(['\n', '\r']) {
        text.replace(['\n', '\r'], " ").into()
    } else {
        text.into()
    }
}

/// Details as a caller gives them.
impl From<Option<&Map<String, Json>>> for Details {
    fn from(object: Option<&Map<String, Json>>) -> Self {
        object.map_or(Self::Null, |object| {
            // Serialising a map with text keys to memory cannot fail.
            Self::Json(serde_json::to_string(object).unwrap_or_default())
        })
    }
}

impl From<Details> for Value {
    fn from(details: Details) -> Self {
        details.into_text().into()
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
        let text = <Option<String> as ValueType>::try_from(value)?;
        Ok(text.map_or(Self::Null, |text| Self::parse(text.as_bytes())))
    }

    fn type_name() -> String {
        "Details".to_owned()
    }

    fn array_type() -> ArrayType {
        ArrayType::String
    }

    fn column_type() -> ColumnType {
        ColumnType::Json
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_as_it_is_stored() {
        for text in [
            r#"{"n": 1.50,  "ean": 12345678901234567890123}"#,
            "[1, 2]",
            "\"text\"",
        ] {
            assert_eq!(
                Details::parse(text.as_bytes()),
                Details::Json(text.to_owned())
            );
        }
        assert_eq!(Details::parse(b" null\n"), Details::Null);
        assert_eq!(
            Details::parse(b"{\r\n\"a\\n\": 1}\n"),
            Details::Json("{  \"a\\n\": 1}".into())
        );
    }

    #[test]
    fn a_text_that_clients_cannot_read_is_unreadable() {
        for text in [
            "",
            "{oops",
            r#"{"a": "\udce9"}"#,
            r#"{"\ud800": 1}"#,
            "[1e400]",
            "[NaN]",
        ] {
            assert!(
                matches!(Details::parse(text.as_bytes()), Details::Unreadable { .. }),
                "{text}"
            );
        }
        let deep = "[".repeat(1000) + &"]".repeat(1000);
        assert!(matches!(
            Details::parse(deep.as_bytes()),
            Details::Unreadable { .. }
        ));
        assert!(matches!(
            Details::parse(b"\"\xff\""),
            Details::Unreadable { .. }
        ));
    }

    #[test]
    fn a_key_is_found_beside_an_unreadable_value() {
        let details = Details::parse(br#"{"bad": "\udce9", "good": 7}"#);
        assert_eq!(details.get("good"), Ok(Some(7.into())));
        assert_eq!(details.get("bad"), Ok(None));
        assert_eq!(Details::NotLoaded.get("a"), Err(DetailsNotLoaded));
    }
}
