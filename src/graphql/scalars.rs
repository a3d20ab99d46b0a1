//! The contract's scalars.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{DateTime as ChronoDateTime, SecondsFormat, Utc};

use crate::clock::to_microseconds;

/// An instant, RFC 3339. Answers are always UTC (`Z`), microsecond precision. An input without an offset is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DateTime(pub(crate) ChronoDateTime<Utc>);

/// An instant, RFC 3339. Answers are always UTC (`Z`), microsecond precision. An input without an offset is refused.
#[Scalar(name = "DateTime")]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else {
            return Err(InputValueError::expected_type(value));
        };
        match ChronoDateTime::parse_from_rfc3339(text) {
            Ok(instant) => Ok(Self(to_microseconds(instant.to_utc()))),
            Err(_) => Err(InputValueError::custom(format!(
                "`{}` is not an instant of RFC 3339 with an offset, such as 2026-11-23T09:30:00Z or \
                 2026-11-23T10:30:00+01:00",
                text.chars().take(50).collect::<String>()
            ))),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

/// A JSON object.
#[derive(Clone, Debug)]
pub(super) struct Json(pub(crate) serde_json::Value);

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
