//! Validation of JSON texts without building their values.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Validates a JSON text as common parsers do: strings are Unicode, numbers are finite, and nesting is bounded. Returns
/// the text without surrounding white space.
pub(crate) fn validate(text: &[u8]) -> serde_json::Result<&str> {
    let text = str::from_utf8(text).map_err(serde_json::Error::custom)?;
    let Valid = serde_json::from_str(text)?;
    Ok(text.trim_ascii())
}

/// A valid value, of which nothing is kept.
struct Valid;

impl<'de> Deserialize<'de> for Valid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValidVisitor)
    }
}

struct ValidVisitor;

impl<'de> Visitor<'de> for ValidVisitor {
    type Value = Valid;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Valid, E> {
        Ok(Valid)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Valid, E> {
        Ok(Valid)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Valid, E> {
        Ok(Valid)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Valid, E> {
        Ok(Valid)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Valid, E> {
        Ok(Valid)
    }

    fn visit_str<E>(self, _: &str) -> Result<Valid, E> {
        Ok(Valid)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Valid, A::Error> {
        while let Some(Valid) = items.next_element()? {}
        Ok(Valid)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Valid, A::Error> {
        while let Some((Valid, Valid)) = fields.next_entry()? {}
        Ok(Valid)
    }
}
