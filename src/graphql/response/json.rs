//! Values encoded as JSON while they are resolved.
//!
//! Most of a response consists of scalar fields of many rows. Building a [`Value`] for each, collecting
//! them in maps and serialising the maps afterwards costs more than everything else a page needs.
//! Objects are therefore encoded as they are resolved and pass through async-graphql as
//! [`Value::Binary`], which no scalar of the schema produces.

use std::ops::Range;

use async_graphql::Value;
use bytes::Bytes;
use serde::Serialize;

/// How a resolved object is represented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// As JSON.
    Json,
    /// As a tree of values, because async-graphql merges an object that is selected several times under
    /// one response key.
    Tree,
}

/// Returns the JSON that `write` produces as a value; `capacity` estimates its bytes.
pub(crate) fn json_value(capacity: usize, write: impl FnOnce(&mut Vec<u8>)) -> Value {
    let mut json = Vec::with_capacity(capacity);
    write(&mut json);
    Value::Binary(json.into())
}

/// Returns the JSON that `write` produces for each item, as values that share one buffer; null for
/// an item for which it writes nothing.
pub(crate) fn json_values<T>(
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) -> Vec<Value> {
    let mut json = Vec::new();
    let range = |item| {
        let start = json.len();
        write(&mut json, item);
        start..json.len()
    };
    let ranges: Vec<_> = items.into_iter().map(range).collect();
    let json = Bytes::from(json);
    let value = |range: Range<usize>| {
        if range.is_empty() {
            Value::Null
        } else {
            Value::Binary(json.slice(range))
        }
    };
    ranges.into_iter().map(value).collect()
}

/// Writes a serialisable value.
pub(crate) fn write_json(json: &mut Vec<u8>, value: impl Serialize) {
    // Neither writing to a buffer nor serialising scalars, lists and maps with text keys can fail.
    let _ = serde_json::to_writer(json, &value);
}

/// Writes a value that may contain encoded parts.
pub(crate) fn write_value(json: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Binary(encoded) => json.extend_from_slice(encoded),
        Value::List(items) => write_all(json, [b'[', b']'], items, |json, item| {
            write_value(json, item);
        }),
        Value::Object(fields) => write_all(json, [b'{', b'}'], fields, |json, (key, value)| {
            write_key(json, key);
            write_value(json, value);
        }),
        scalar => write_json(json, scalar),
    }
}

/// Returns the bytes of the encoded parts of a value.
pub(crate) fn encoded_len(value: &Value) -> usize {
    match value {
        Value::Binary(encoded) => encoded.len(),
        Value::List(items) => items.iter().map(encoded_len).sum(),
        Value::Object(fields) => fields.values().map(encoded_len).sum(),
        _ => 0,
    }
}

/// Writes a list or an object whose items `write` writes.
pub(crate) fn write_all<T>(
    json: &mut Vec<u8>,
    [open, close]: [u8; 2],
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) {
    json.push(open);
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        write(json, item);
    }
    json.push(close);
}

/// Writes the key of an object's field. GraphQL names need no escaping.
pub(crate) fn write_key(json: &mut Vec<u8>, name: &str) {
    json.push(b'"');
    json.extend_from_slice(name.as_bytes());
    json.extend_from_slice(b"\":");
}

#[cfg(test)]
mod tests {
    use async_graphql::value;

    use super::*;

    #[test]
    fn encoded_values_are_written_among_others() {
        let mut value = value!({"a": [null, 1, 0.5, true, "q\"\n"], "b": {}, "c": []});
        if let Value::Object(fields) = &mut value {
            let encoded = json_value(0, |json| write_json(json, [1, 2]));
            fields.insert(async_graphql::Name::new("d"), encoded);
        }
        let mut json = Vec::new();
        write_value(&mut json, &value);
        let text = String::from_utf8(json).unwrap();
        assert_eq!(
            text,
            r#"{"a":[null,1,0.5,true,"q\"\n"],"b":{},"c":[],"d":[1,2]}"#
        );
    }
}
