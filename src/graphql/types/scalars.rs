//! The scalars of the schema.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{DateTime as ChronoDateTime, Utc};
use entity::instant;
use serde::{Serialize, Serializer};

use super::id::MAX_QUOTED_CHARS;
use crate::{clock::to_microseconds, graphql::lossy_numbers::LossyNumbers, runs::Error};

/// The scalar `DateTime`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DateTime(pub(crate) ChronoDateTime<Utc>);

/// An ISO 8601 date and time with an offset, as in RFC 3339. Output is always in UTC (`Z`) with
/// microseconds, such as `2026-11-23T09:30:00.000000Z`. Input without an offset is rejected. A stored
/// time before the year 0 or after 9999 is returned as the first or last microsecond of these years.
#[Scalar(
    name = "DateTime",
    specified_by_url = "https://datatracker.ietf.org/doc/html/rfc3339"
)]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else {
            return Err(InputValueError::expected_type(value));
        };
        parse_date_time(text)
            .map(Self)
            .map_err(InputValueError::custom)
    }

    fn to_value(&self) -> Value {
        Value::String(instant::to_rfc3339(self.0))
    }
}

impl Serialize for DateTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&instant::to_rfc3339(self.0))
    }
}

/// Parses a date and time, rounded to microseconds. In UTC its year must have four digits, so that it
/// can be written back.
///
/// # Errors
/// Returns a message for the client if the text is malformed.
pub(crate) fn parse_date_time(text: &str) -> Result<ChronoDateTime<Utc>, String> {
    let instant = ChronoDateTime::parse_from_rfc3339(text).ok();
    let instant = instant.map(|instant| to_microseconds(instant.to_utc()));
    let instant = instant.filter(|instant| instant::is_representable(*instant));
    instant.ok_or_else(|| {
        let text: String = text.chars().take(MAX_QUOTED_CHARS).collect();
        format!(
            "`{text}` is not a date and time with an offset (RFC 3339), such as 2026-11-23T09:30:00Z or \
             2026-11-23T10:30:00+01:00"
        )
    })
}

/// The scalar `Long`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Long(pub(crate) i64);

/// A whole number of up to 2^53 - 1, which is exact in JavaScript: a sum over many runs.
#[Scalar(name = "Long")]
impl ScalarType for Long {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::Number(number) if number.is_i64() => {
                Ok(Self(number.as_i64().unwrap_or_default()))
            }
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        self.0.into()
    }
}

/// The scalar `JSON` of inputs.
#[derive(Clone, Debug)]
pub(crate) struct Json(Value);

impl Json {
    /// Returns the value of an input.
    ///
    /// # Errors
    /// Returns [`Error::BadInput`] if it is no JSON, or contains a number that cannot be stored exactly.
    pub(crate) fn into_input(self, lossy: &LossyNumbers) -> Result<serde_json::Value, Error> {
        let json = self.into_json()?;
        match lossy.find_in(&json) {
            None => Ok(json),
            Some((literal, number)) => Err(Error::BadInput(format!(
                "details contains the number {literal}, which would be stored as {number}; give it as a string"
            ))),
        }
    }

    /// Returns the value of an input that stored values are compared with.
    ///
    /// # Errors
    /// Returns [`Error::BadInput`] if it is no JSON, or contains a number that cannot be compared exactly.
    pub(crate) fn into_operand(self, lossy: &LossyNumbers) -> Result<serde_json::Value, Error> {
        let json = self.into_json()?;
        match lossy.find_in(&json) {
            None => Ok(json),
            Some((literal, number)) => Err(Error::BadInput(format!(
                "equals contains the number {literal}, which would be compared as {number}"
            ))),
        }
    }

    fn into_json(self) -> Result<serde_json::Value, Error> {
        let json = self.0.into_json();
        json.map_err(|error| Error::BadInput(format!("invalid JSON: {error}")))
    }
}

/// A JSON object.
#[Scalar(
    name = "JSON",
    specified_by_url = "https://datatracker.ietf.org/doc/html/rfc8259"
)]
impl ScalarType for Json {
    fn parse(value: Value) -> InputValueResult<Self> {
        Ok(Self(value))
    }

    fn to_value(&self) -> Value {
        self.0.clone()
    }
}
