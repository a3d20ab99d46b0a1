//! Serialisation of responses.

pub(crate) mod json;
mod outcome;
mod shape;

use async_graphql::Response;

use json::{encoded_len, write_json, write_value};

pub use outcome::was_executed;
pub(super) use {
    outcome::{complete, panicked},
    shape::Shape,
};

/// Estimated bytes of a response beyond its encoded values.
const ENVELOPE_BYTES: usize = 512;

/// Serialises a response as the GraphQL over HTTP specification requires: errors first, and no `data`
/// entry if the request was not executed.
#[must_use]
pub fn write(response: &Response) -> String {
    let mut json = Vec::with_capacity(ENVELOPE_BYTES + encoded_len(&response.data));
    json.push(b'{');
    if !response.errors.is_empty() {
        json.extend_from_slice(b"\"errors\":");
        write_json(&mut json, &response.errors);
    }
    if was_executed(response) {
        if !response.errors.is_empty() {
            json.push(b',');
        }
        json.extend_from_slice(b"\"data\":");
        write_value(&mut json, &response.data);
    }
    json.push(b'}');
    into_text(json)
}

/// Serialises the errors of a response.
#[must_use]
pub fn write_errors(response: &Response) -> String {
    let mut json = Vec::new();
    write_json(&mut json, &response.errors);
    into_text(json)
}

/// Converts JSON to text; it is valid UTF-8, since it consists of texts, names and punctuation.
fn into_text(json: Vec<u8>) -> String {
    String::from_utf8(json)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
