//! Values that are written as JSON when they are resolved.
//!
//! Most of an answer is plain: numbers, words and instants of many rows. To make a [`Value`] of each, put
//! those into maps and write the maps later takes longer than all else that is done for a page. So what is
//! plain is written at once, and passes through the library as [`Value::Binary`], which no scalar of the
//! contract is made of.

use std::ops::Range;

use async_graphql::Value;
use bytes::Bytes;
use serde::Serialize;

/// What becomes of objects all of whose fields are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// They are written.
    Written,
    /// They are maps of fields that are written, since the library merges objects that are selected
    /// more than once under one name.
    Maps,
}

/// What `write` writes, as a value.
pub(super) fn written(bytes: usize, write: impl FnOnce(&mut Vec<u8>)) -> Value {
    let mut json = Vec::with_capacity(bytes);
    write(&mut json);
    Value::Binary(json.into())
}

/// What `put` writes of each part, as values that share one buffer; null where it writes nothing.
pub(super) fn written_each<T>(
    parts: impl IntoIterator<Item = T>,
    mut put: impl FnMut(&mut Vec<u8>, T),
) -> Vec<Value> {
    let mut json = Vec::new();
    let range = |part| {
        let start = json.len();
        put(&mut json, part);
        start..json.len()
    };
    let ranges: Vec<_> = parts.into_iter().map(range).collect();
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

/// Writes what serde knows how to write.
pub(super) fn put(json: &mut Vec<u8>, value: impl Serialize) {
    // A buffer takes whatever is written to it, and text, numbers, lists of them and objects with text
    // for keys can always be written.
    let _ = serde_json::to_writer(json, &value);
}

/// Writes a value, or what is written of it already.
pub(super) fn put_value(json: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Binary(written) => json.extend_from_slice(written),
        Value::List(items) => put_all(json, [b'[', b']'], items, |json, item| {
            put_value(json, item);
        }),
        Value::Object(fields) => put_all(json, [b'{', b'}'], fields, |json, (key, value)| {
            put_key(json, key);
            put_value(json, value);
        }),
        plain => put(json, plain),
    }
}

/// How many bytes of a value are written already.
pub(super) fn bytes_written(value: &Value) -> usize {
    match value {
        Value::Binary(written) => written.len(),
        Value::List(items) => items.iter().map(bytes_written).sum(),
        Value::Object(fields) => fields.values().map(bytes_written).sum(),
        _ => 0,
    }
}

/// Writes a list or an object whose parts `put` writes.
pub(super) fn put_all<T>(
    json: &mut Vec<u8>,
    [open, close]: [u8; 2],
    parts: impl IntoIterator<Item = T>,
    mut put: impl FnMut(&mut Vec<u8>, T),
) {
    json.push(open);
    for (index, part) in parts.into_iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        put(json, part);
    }
    json.push(close);
}

/// Writes a field's name, in which GraphQL allows nothing that JSON writes otherwise, and what divides it
/// from the value.
pub(super) fn put_key(json: &mut Vec<u8>, name: &str) {
    json.push(b'"');
    json.extend_from_slice(name.as_bytes());
    json.extend_from_slice(b"\":");
}

#[cfg(test)]
mod tests {
    use async_graphql::value;

    use super::*;

    #[test]
    fn what_is_written_already_stands_among_what_is_not() {
        let mut value = value!({"a": [null, 1, 0.5, true, "q\"\n"], "b": {}, "c": []});
        if let Value::Object(fields) = &mut value {
            let run = written(0, |json| put(json, [1, 2]));
            fields.insert(async_graphql::Name::new("d"), run);
        }
        let mut json = Vec::new();
        put_value(&mut json, &value);
        let text = String::from_utf8(json).unwrap();
        assert_eq!(
            text,
            r#"{"a":[null,1,0.5,true,"q\"\n"],"b":{},"c":[],"d":[1,2]}"#
        );
    }
}
