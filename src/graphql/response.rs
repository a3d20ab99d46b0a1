//! Writing a response.

mod outcome;
mod shape;

use async_graphql::Response;

use super::written::{bytes_written, put, put_value};

pub use outcome::was_executed;
pub(super) use {
    outcome::{complete, panicked},
    shape::Shape,
};

/// Bytes of an answer besides what is written of it already, about.
const SHORT: usize = 512;

/// A response as the specification wants it written: errors first, and no `data` entry where
/// nothing was executed.
#[must_use]
pub fn write(response: &Response) -> String {
    let mut json = Vec::with_capacity(SHORT + bytes_written(&response.data));
    json.push(b'{');
    if !response.errors.is_empty() {
        json.extend_from_slice(b"\"errors\":");
        put(&mut json, &response.errors);
    }
    if was_executed(response) {
        if !response.errors.is_empty() {
            json.push(b',');
        }
        json.extend_from_slice(b"\"data\":");
        put_value(&mut json, &response.data);
    }
    json.push(b'}');
    text(json)
}

/// The errors of a response as JSON.
#[must_use]
pub fn write_errors(response: &Response) -> String {
    let mut json = Vec::new();
    put(&mut json, &response.errors);
    text(json)
}

fn text(json: Vec<u8>) -> String {
    String::from_utf8(json).unwrap_or_else(|_| unreachable!("JSON is text"))
}
