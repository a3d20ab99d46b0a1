//! The contract's scalars.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{DateTime as ChronoDateTime, Datelike, SecondsFormat, Utc};
use serde::{Serialize, Serializer};

use crate::clock::to_microseconds;

/// An instant, RFC 3339. Answers are always UTC (`Z`), microsecond precision. An input without an offset is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DateTime(pub(crate) ChronoDateTime<Utc>);

/// An instant, RFC 3339. Answers are always UTC (`Z`), microsecond precision. An input without an offset is refused.
#[Scalar(name = "DateTime")]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else {
            return Err(InputValueError::expected_type(value));
        };
        read_instant(text)
            .map(Self)
            .map_err(InputValueError::custom)
    }

    fn to_value(&self) -> Value {
        Value::String(self.text())
    }
}

impl DateTime {
    fn text(self) -> String {
        self.0.to_rfc3339_opts(SecondsFormat::Micros, true)
    }
}

impl Serialize for DateTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

/// Reads an instant, or tells what is wrong with it. In UTC it must have a year of four digits, as
/// the answer will.
pub(crate) fn read_instant(text: &str) -> Result<ChronoDateTime<Utc>, String> {
    let instant = ChronoDateTime::parse_from_rfc3339(text).map(|instant| instant.to_utc());
    let instant = instant
        .ok()
        .filter(|instant| (0..=9999).contains(&instant.year()));
    instant.map(to_microseconds).ok_or_else(|| {
        let text: String = text.chars().take(50).collect();
        format!(
            "`{text}` is not an instant of RFC 3339 with an offset, such as 2026-11-23T09:30:00Z or \
             2026-11-23T10:30:00+01:00"
        )
    })
}

/// A JSON object.
#[derive(Clone, Debug)]
pub(crate) struct Json(pub(crate) serde_json::Value);

/// A JSON object.
#[Scalar(name = "JSON")]
impl ScalarType for Json {
    fn parse(value: Value) -> InputValueResult<Self> {
        Ok(Self(value.into_json()?))
    }

    fn to_value(&self) -> Value {
        Value::from_json(self.0.clone()).unwrap_or_default()
    }
}
