//! JSON objects whose keys and values are kept as text.

use std::{borrow::Cow, fmt};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value as Json, value::RawValue};

/// The key that holds stored details that are no object, once other keys are merged into them.
const PREVIOUS: &str = "previousDetails";

/// A JSON object, as the texts of its keys and values. Keys may be repeated.
#[derive(Debug)]
pub struct RawObject<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'a> RawObject<'a> {
    /// Parses an object; `None` if the text is no JSON object.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Returns the text of a key's value, the last one if the key is repeated.
    pub(crate) fn get(&self, key: &str) -> Option<&'a str> {
        let mut fields = self.0.iter().rev();
        let (_, value) = fields.find(|(name, _)| is_key(name, key))?;
        Some(value.get())
    }

    /// Returns the text of the value at a path of keys, from the outside in; `None` if there is none, or one before the last
    /// is no object.
    #[must_use]
    pub fn at(&self, path: &[String]) -> Option<&'a str> {
        let (key, rest) = path.split_first()?;
        let mut value = self.get(key)?;
        for key in rest {
            value = RawObject::parse(value)?.get(key)?;
        }
        Some(value)
    }

    /// Returns whether all keys meet a condition.
    pub(crate) fn has_only(&self, is_allowed: impl Fn(&str) -> bool) -> bool {
        self.0.iter().all(|(name, _)| {
            let name = serde_json::from_str::<Cow<'_, str>>(name.get());
            name.is_ok_and(|name| is_allowed(&name))
        })
    }
}

fn is_key(name: &RawValue, key: &str) -> bool {
    // A key with a lone surrogate equals none that a caller can give.
    serde_json::from_str::<Cow<'_, str>>(name.get()).is_ok_and(|name| name == key)
}

/// Returns stored details with these keys set. All other keys and values keep their text. Stored details that are no JSON
/// object are kept under the key `previousDetails`, as a string if they are no JSON at all.
#[must_use]
pub fn merge_details(stored: Option<&[u8]>, given: &Map<String, Json>) -> String {
    let text = stored.map(as_text);
    let kept = text.as_deref().map(|text| match RawObject::parse(text) {
        Some(object) => object.without(given),
        None if text.trim_ascii() == "null" => Vec::new(),
        None => {
            let mut key = PREVIOUS.to_owned();
            while given.contains_key(&key) {
                key.push('_');
            }
            let json = serde_json::from_str::<&RawValue>(text);
            let value = json.map_or_else(|_| Json::from(text).to_string(), ToString::to_string);
            vec![format!("{}:{value}", Json::from(key))]
        }
    });
    let given = given
        .iter()
        .map(|(key, value)| format!("{}:{value}", Json::from(key.as_str())));
    let fields: Vec<_> = kept.into_iter().flatten().chain(given).collect();
    format!("{{{}}}", fields.join(","))
}

/// Returns bytes as text, or as an SQL literal if they are none.
fn as_text(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = str::from_utf8(bytes) {
        return text.into();
    }
    let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
    format!("x'{}'", digits.collect::<String>()).into()
}

impl RawObject<'_> {
    /// Returns the fields whose keys are not given.
    fn without(&self, given: &Map<String, Json>) -> Vec<String> {
        let is_given = |name: &RawValue| {
            let name = serde_json::from_str::<Cow<'_, str>>(name.get());
            name.is_ok_and(|name| given.contains_key(&*name))
        };
        let kept = self.0.iter().filter(|(name, _)| !is_given(name));
        kept.map(|(name, value)| format!("{name}:{value}"))
            .collect()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for RawObject<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RawObjectVisitor)
    }
}

struct RawObjectVisitor;

impl<'de> Visitor<'de> for RawObjectVisitor {
    type Value = RawObject<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<RawObject<'de>, A::Error> {
        let mut object = Vec::new();
        while let Some(field) = fields.next_entry()? {
            object.push(field);
        }
        Ok(RawObject(object))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn merged(stored: &str, given: &Json) -> String {
        merge_details(Some(stored.as_bytes()), given.as_object().unwrap())
    }

    #[test]
    fn keys_that_are_not_named_keep_their_text() {
        let stored = r#" { "ean" : 12345678901234567890123, "caf\u00e9":[ 1.50,1e400 ],
            "m": "\u0000\udce9", "\ud800": 1, "a": 1, "a": 2 }"#;
        assert_eq!(
            merged(stored, &json!({"a": 3, "b": "x"})),
            r#"{"ean":12345678901234567890123,"caf\u00e9":[ 1.50,1e400 ],"m":"\u0000\udce9","\ud800":1,"a":3,"b":"x"}"#
        );
        assert_eq!(
            merged(r#"{"caf\u00e9": 1}"#, &json!({"café": 2})),
            r#"{"café":2}"#
        );
        assert_eq!(merged("null", &json!({"a": 1})), r#"{"a":1}"#);
        assert_eq!(
            merge_details(None, json!({"a": 1}).as_object().unwrap()),
            r#"{"a":1}"#
        );
    }

    #[test]
    fn details_that_are_no_object_are_kept_under_a_key() {
        for (stored, expected) in [
            ("[1, 2.0]", r#"{"previousDetails":[1, 2.0],"a":1}"#),
            ("\"text\"", r#"{"previousDetails":"text","a":1}"#),
            (
                r#"{"rate": NaN}"#,
                r#"{"previousDetails":"{\"rate\": NaN}","a":1}"#,
            ),
        ] {
            assert_eq!(merged(stored, &json!({"a": 1})), expected);
        }
        assert_eq!(
            merged("7", &json!({"previousDetails": 1})),
            r#"{"previousDetails_":7,"previousDetails":1}"#
        );
        let bytes = merge_details(Some(b"\xff"), json!({"a": 1}).as_object().unwrap());
        assert_eq!(bytes, r#"{"previousDetails":"x'ff'","a":1}"#);
    }
}
