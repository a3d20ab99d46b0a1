//! Numbers of a request that cannot be stored exactly.
//!
//! Numbers are parsed as integers of 64 bits or as floats. A literal such as `12345678901234567890123` becomes the
//! nearest float, and only the text of the request has its digits. In `details`, whose numbers are to be returned as
//! they were given, such a literal is rejected; elsewhere, as in a filter by duration, the nearest float is meant.

use std::{any::TypeId, collections::HashMap, sync::Arc};

use async_graphql::Request;
use entity::Decimal;
use serde_json::{Number, Value as Json};

/// Shorter literals without an exponent are exact.
const MIN_LENGTH: usize = 16;
/// Characters of a literal to quote.
const MAX_QUOTED: usize = 60;

/// The literals in the text of a request that floats do not hold exactly, by the bits of the float.
#[derive(Clone, Debug, Default)]
pub struct LossyNumbers(HashMap<u64, String>);

impl LossyNumbers {
    /// Finds these literals in the text of a request: in its variables and its document. What only looks like a number,
    /// such as a part of a string, does no harm.
    #[must_use]
    pub fn find(text: &str) -> Self {
        let mut lossy = HashMap::new();
        for literal in literals(text) {
            if let Some(float) = lossy_value(literal) {
                let end = literal.len().min(MAX_QUOTED);
                lossy.insert(float.to_bits(), literal[..end].to_owned());
            }
        }
        Self(lossy)
    }

    /// Attaches the literals to the request that they were found in.
    #[must_use]
    pub fn attach_to(self, request: Request) -> Request {
        if self.0.is_empty() {
            request
        } else {
            request.data(Arc::new(self))
        }
    }

    /// Returns the literals that are attached to a request.
    pub(super) fn of(request: &Request) -> Arc<Self> {
        let attached = request.data.get(&TypeId::of::<Arc<Self>>());
        let attached = attached.and_then(|data| data.downcast_ref::<Arc<Self>>());
        attached.cloned().unwrap_or_default()
    }

    /// Returns whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Finds a number in a value that is not the one that the request contains; returns the literal and the number.
    pub(super) fn find_in<'a>(&'a self, value: &'a Json) -> Option<(&'a str, &'a Number)> {
        match value {
            _ if self.0.is_empty() => None,
            Json::Array(items) => items.iter().find_map(|item| self.find_in(item)),
            Json::Object(fields) => fields.values().find_map(|value| self.find_in(value)),
            Json::Number(number) if number.is_f64() => {
                let float = number.as_f64()?;
                let literal = self.0.get(&float.to_bits())?;
                Some((literal.as_str(), number))
            }
            _ => None,
        }
    }
}

/// Returns the number literals in a text that a float may not hold exactly.
fn literals(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |byte: u8| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
    let runs = text.split(move |c: char| !c.is_ascii() || !is_part(c as u8));
    runs.filter(|run| run.len() >= MIN_LENGTH || run.contains(['e', 'E']))
        .filter(|run| run.contains(|c: char| c.is_ascii_digit()))
}

/// Returns the float that a literal becomes if it does not hold the literal exactly.
fn lossy_value(literal: &str) -> Option<f64> {
    if literal.parse::<i64>().is_ok() || literal.parse::<u64>().is_ok() {
        return None;
    }
    let float: f64 = literal.parse().ok()?;
    let shortest = format!("{float:e}");
    (Decimal::parse(literal) != Decimal::parse(&shortest)).then_some(float)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn literals_that_floats_do_not_hold_are_found() {
        for literal in [
            "12345678901234567890123",
            "18446744073709551616",
            "-9223372036854775809",
            "0.1234567890123456789",
            "9007199254740993.0",
            "3.14159265358979323846",
            "1e-400",
            "4e-324",
            "123456789012345678e-2",
        ] {
            assert!(lossy_value(literal).is_some(), "{literal}");
            let found = LossyNumbers::find(&format!("{{\"n\":[{literal}]}}"));
            assert_eq!(found.0.len(), 1, "{literal}");
        }
        for literal in [
            "9223372036854775807",
            "-9223372036854775808",
            "18446744073709551615",
            "9007199254740991.0",
            "12345678901234568000000",
            "0.10000000000000000000",
            "1.7976931348623157e308",
            "1E307",
            "5e-324",
            "100000000000000000000",
            "0.0000000000000000000",
            "-0.0e5",
        ] {
            assert!(lossy_value(literal).is_none(), "{literal}");
        }
    }

    #[test]
    fn such_a_literal_is_found_in_a_value() {
        let text = r#"{"ean": 12345678901234567890123, "text": "2026-11-28T10:00:00.123456Z"}"#;
        let numbers = LossyNumbers::find(text);
        let details: Json = serde_json::from_str(text).unwrap();
        let nested = json!([{"a": details}]);
        let (literal, number) = numbers.find_in(&nested).unwrap();
        assert_eq!(literal, "12345678901234567890123");
        assert_eq!(number.to_string(), "1.2345678901234568e+22");
        assert_eq!(numbers.find_in(&json!({"ean": 1.5, "other": 7})), None);
        assert_eq!(LossyNumbers::default().find_in(&details), None);
    }
}
