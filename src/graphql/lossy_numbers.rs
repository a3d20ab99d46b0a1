//! Numbers of a request that cannot be stored exactly.
//!
//! Numbers are parsed as integers of 64 bits or as floats. A literal such as `12345678901234567890123` becomes the
//! nearest float, and only the text of the request has its digits. In `details`, whose numbers are to be returned as
//! they were given, such a literal is rejected; elsewhere, as in a filter by duration, the nearest float is meant.

use std::{any::TypeId, collections::HashMap, sync::Arc};

use async_graphql::Request;
use serde_json::Value as Json;

use crate::runs::{Error, Result};

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

    /// Checks that the numbers in `details` are those that the request contains.
    ///
    /// # Errors
    /// Returns [`Error::BadInput`] if one is not.
    pub(super) fn check(&self, details: &Json) -> Result<()> {
        match details {
            _ if self.0.is_empty() => Ok(()),
            Json::Array(items) => items.iter().try_for_each(|item| self.check(item)),
            Json::Object(fields) => fields.values().try_for_each(|value| self.check(value)),
            Json::Number(number) if number.is_f64() => {
                let literal = number
                    .as_f64()
                    .and_then(|float| self.0.get(&float.to_bits()));
                literal.map_or(Ok(()), |literal| {
                    Err(Error::BadInput(format!(
                        "details contains the number {literal}, which would be stored as {number}; give it as a string"
                    )))
                })
            }
            _ => Ok(()),
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

/// The digits of a number from its first to its last that is not 0, and the power of ten of the last.
#[derive(PartialEq, Eq)]
struct Decimal {
    digits: String,
    exponent: i64,
}

impl Decimal {
    /// Parses a literal; `None` if its exponent is out of range.
    fn parse(literal: &str) -> Option<Self> {
        let (mantissa, exponent) = literal.split_once(['e', 'E']).unwrap_or((literal, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let whole = whole.trim_start_matches(['+', '-']);
        let digits = format!("{whole}{fraction}");
        let significant = digits.trim_end_matches('0');
        let zeros = i64::try_from(digits.len() - significant.len()).ok()?;
        let places = i64::try_from(fraction.len()).ok()?;
        let exponent: i64 = exponent.parse().ok()?;
        let digits = significant.trim_start_matches('0');
        let exponent = exponent.checked_sub(places)?.checked_add(zeros)?;
        Some(Self {
            digits: digits.to_owned(),
            exponent: if digits.is_empty() { 0 } else { exponent },
        })
    }
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
    fn details_with_such_a_literal_are_rejected() {
        let text = r#"{"ean": 12345678901234567890123, "text": "2026-11-28T10:00:00.123456Z"}"#;
        let numbers = LossyNumbers::find(text);
        let details: Json = serde_json::from_str(text).unwrap();
        let error = numbers.check(&json!([{"a": details}])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "details contains the number 12345678901234567890123, which would be stored as \
             1.2345678901234568e+22; give it as a string"
        );
        assert!(numbers.check(&json!({"ean": 1.5, "other": 7})).is_ok());
        assert!(LossyNumbers::default().check(&details).is_ok());
    }
}
