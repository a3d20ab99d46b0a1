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

use crate::runs::{Error, Result};

/// Writes JSON to a buffer.
#[derive(Debug, Default)]
pub(crate) struct JsonWriter {
    json: Vec<u8>,
    /// The first error of a value that could not be written.
    error: Option<Error>,
}

impl JsonWriter {
    /// Creates a writer with room for `capacity` bytes.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self {
            json: Vec::with_capacity(capacity),
            error: None,
        }
    }

    /// Writes a serialisable value.
    pub(crate) fn scalar(&mut self, value: impl Serialize) {
        // Neither writing to a buffer nor serialising scalars, lists and maps with text keys can fail.
        let _ = serde_json::to_writer(&mut self.json, &value);
    }

    /// Writes valid JSON as it is, null if there is none; records an error and writes null in its place.
    pub(crate) fn raw(&mut self, json: std::result::Result<Option<&str>, impl Into<Error>>) {
        match json {
            Ok(Some(json)) => self.json.extend_from_slice(json.as_bytes()),
            Ok(None) => self.scalar(()),
            Err(error) => {
                self.error.get_or_insert_with(|| error.into());
                self.scalar(());
            }
        }
    }

    /// Writes a value that may contain encoded parts.
    pub(crate) fn value(&mut self, value: &Value) {
        match value {
            Value::Binary(encoded) => self.json.extend_from_slice(encoded),
            Value::List(items) => self.list(items, Self::value),
            Value::Object(fields) => self.object(fields, |json, (key, value)| {
                json.key(key);
                json.value(value);
            }),
            scalar => self.scalar(scalar),
        }
    }

    /// Writes a list whose items `write` writes.
    pub(crate) fn list<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        write: impl FnMut(&mut Self, T),
    ) {
        self.enclosed([b'[', b']'], items, write);
    }

    /// Writes an object whose fields `write` writes, key and value.
    pub(crate) fn object<T>(
        &mut self,
        fields: impl IntoIterator<Item = T>,
        write: impl FnMut(&mut Self, T),
    ) {
        self.enclosed([b'{', b'}'], fields, write);
    }

    /// Writes the key of a field. GraphQL names need no escaping.
    pub(crate) fn key(&mut self, name: &str) {
        self.json.push(b'"');
        self.json.extend_from_slice(name.as_bytes());
        self.json.extend_from_slice(b"\":");
    }

    fn enclosed<T>(
        &mut self,
        [open, close]: [u8; 2],
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        self.json.push(open);
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                self.json.push(b',');
            }
            write(self, item);
        }
        self.json.push(close);
    }

    /// Returns the JSON as an encoded value.
    ///
    /// # Errors
    /// Returns the error of the first value that could not be written.
    pub(crate) fn into_value(self) -> Result<Value> {
        match self.error {
            Some(error) => Err(error),
            None => Ok(Value::Binary(self.json.into())),
        }
    }

    /// Returns the JSON as text.
    pub(crate) fn into_text(self) -> String {
        // JSON of texts, names and punctuation is valid UTF-8.
        String::from_utf8(self.json)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}

/// Returns the JSON that `write` produces for each item, as values that share one buffer; null for
/// an item for which it writes nothing.
///
/// # Errors
/// Returns the error of the first value that could not be written.
pub(crate) fn json_values<T>(
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut JsonWriter, T),
) -> Result<Vec<Value>> {
    let mut json = JsonWriter::default();
    let range = |item| {
        let start = json.json.len();
        write(&mut json, item);
        start..json.json.len()
    };
    let ranges: Vec<_> = items.into_iter().map(range).collect();
    if let Some(error) = json.error {
        return Err(error);
    }
    let json = Bytes::from(json.json);
    let value = |range: Range<usize>| {
        if range.is_empty() {
            Value::Null
        } else {
            Value::Binary(json.slice(range))
        }
    };
    Ok(ranges.into_iter().map(value).collect())
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

#[cfg(test)]
mod tests {
    use async_graphql::{Name, value};

    use super::*;

    #[test]
    fn encoded_values_are_written_among_others() {
        let mut value = value!({"a": [null, 1, 0.5, true, "q\"\n"], "b": {}, "c": []});
        let mut encoded = JsonWriter::default();
        encoded.scalar([1, 2]);
        if let Value::Object(fields) = &mut value {
            fields.insert(Name::new("d"), encoded.into_value().unwrap());
        }
        let mut json = JsonWriter::default();
        json.value(&value);
        assert_eq!(
            json.into_text(),
            r#"{"a":[null,1,0.5,true,"q\"\n"],"b":{},"c":[],"d":[1,2]}"#
        );
    }
}
