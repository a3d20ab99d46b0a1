//! Values encoded as JSON while they are resolved.
//!
//! Most of a response consists of scalar fields of many rows. Building a [`Value`] for each, collecting
//! them in maps and serialising the maps afterwards costs more than everything else a page needs.
//! Objects are therefore encoded as they are resolved and pass through async-graphql as
//! [`Value::Binary`], which no scalar of the schema produces.

use std::{ops::Range, sync::Arc};

use async_graphql::Value;
use bytes::Bytes;
use serde::Serialize;

use super::budget::{BudgetError, ResponseBudget};
use crate::runs::Error;

/// Bytes after which a writer charges them to the budget.
const CHARGED_BYTES: usize = 4096;

/// Writes JSON to a buffer. After an error it writes nothing more.
#[derive(Debug, Default)]
pub(crate) struct JsonWriter {
    json: Vec<u8>,
    /// The bytes that are charged to the budget, or were when they were encoded.
    charged: usize,
    /// `None` writes without a limit.
    budget: Option<Arc<ResponseBudget>>,
    error: Option<WriteError>,
}

/// Why a value could not be written.
#[derive(Clone, Debug)]
pub(crate) enum WriteError {
    /// The value is not available.
    Value(Error),
    /// The response is too large.
    Budget(BudgetError),
}

impl From<WriteError> for async_graphql::Error {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Value(error) => error.into(),
            WriteError::Budget(error) => error.into(),
        }
    }
}

impl JsonWriter {
    /// Creates a writer with room for `capacity` bytes, which are charged to a budget.
    pub(crate) fn new(capacity: usize, budget: Option<&Arc<ResponseBudget>>) -> Self {
        Self {
            json: Vec::with_capacity(capacity),
            budget: budget.cloned(),
            ..Self::default()
        }
    }

    /// Writes a serialisable value.
    pub(crate) fn scalar(&mut self, value: impl Serialize) {
        if self.error.is_some() {
            return;
        }
        // Neither writing to a buffer nor serialising scalars, lists and maps with text keys can fail.
        let _ = serde_json::to_writer(&mut self.json, &value);
        self.charge(CHARGED_BYTES);
    }

    /// Writes valid JSON as it is, null if there is none; records an error if it is not available.
    pub(crate) fn raw(&mut self, json: std::result::Result<Option<&str>, impl Into<Error>>) {
        match json {
            _ if self.error.is_some() => {}
            Ok(Some(json)) => {
                self.json.extend_from_slice(json.as_bytes());
                self.charge(CHARGED_BYTES);
            }
            Ok(None) => self.scalar(()),
            Err(error) => self.fail(WriteError::Value(error.into())),
        }
    }

    /// Charges the bytes that are not charged yet, if there are at least `min`.
    fn charge(&mut self, min: usize) {
        let bytes = self.json.len() - self.charged;
        if let Some(budget) = self.budget.as_ref().filter(|_| bytes >= min) {
            self.charged = self.json.len();
            if let Err(error) = budget.add(bytes) {
                self.fail(WriteError::Budget(error));
            }
        }
    }

    fn fail(&mut self, error: WriteError) {
        self.error = Some(error);
        self.json = Vec::new();
        self.charged = 0;
    }

    /// Notes that the first rows of a list were written before the budget was exceeded.
    fn note_rows(&mut self, count: usize) {
        if let Some(WriteError::Budget(BudgetError::Response { rows, .. })) = &mut self.error
            && count > 0
        {
            *rows = count;
            if let Some(budget) = &self.budget {
                budget.note_rows(count);
            }
        }
    }

    /// Writes a value that may contain encoded parts.
    pub(crate) fn value(&mut self, value: &Value) {
        match value {
            _ if self.error.is_some() => {}
            Value::Binary(encoded) => {
                self.json.extend_from_slice(encoded);
                self.charged += encoded.len();
            }
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
        mut write: impl FnMut(&mut Self, T),
    ) {
        let items = items.into_iter().enumerate();
        self.enclosed([b'[', b']'], items, |json, (index, item)| {
            write(json, item);
            json.note_rows(index);
        });
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
            if self.error.is_some() {
                return;
            }
        }
        self.json.push(close);
    }

    /// Returns the JSON as an encoded value.
    ///
    /// # Errors
    /// Returns the error of the value that could not be written.
    pub(crate) fn into_value(self) -> Result<Value, WriteError> {
        self.finish().map(|json| Value::Binary(json.into()))
    }

    fn finish(mut self) -> Result<Vec<u8>, WriteError> {
        self.charge(1);
        match self.error {
            Some(error) => Err(error),
            None => Ok(self.json),
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
    budget: Option<&Arc<ResponseBudget>>,
    mut write: impl FnMut(&mut JsonWriter, T),
) -> Result<Vec<Value>, WriteError> {
    let mut json = JsonWriter::new(0, budget);
    let range = |(index, item)| {
        let start = json.json.len();
        if json.error.is_none() {
            write(&mut json, item);
            json.note_rows(index);
        }
        start..json.json.len()
    };
    let ranges: Vec<_> = items.into_iter().enumerate().map(range).collect();
    let json = Bytes::from(json.finish()?);
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
