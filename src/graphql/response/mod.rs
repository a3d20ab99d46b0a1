//! Responses: their shape, and their serialisation.

pub(super) mod budget;
pub(crate) mod json;
mod outcome;
mod shape;

use async_graphql::Response;

use json::{JsonWriter, encoded_len};

pub(super) use budget::ResponseBytes;
pub use budget::{ResponseBudget, ResponseLimits};
pub use outcome::was_executed;
pub(super) use {
    outcome::panicked,
    shape::{FAILED_KEY, HIDDEN_KEY, Shape},
};

/// Estimated bytes of a response beyond its encoded values.
const ENVELOPE_BYTES: usize = 512;

/// Serialises a response as the GraphQL over HTTP specification requires: errors first, and no `data`
/// entry if the request was not executed.
#[must_use]
pub fn write(response: &Response) -> String {
    let mut json = JsonWriter::new(ENVELOPE_BYTES + encoded_len(&response.data), None);
    let errors = (!response.errors.is_empty()).then_some("errors");
    let data = was_executed(response).then_some("data");
    json.object(errors.into_iter().chain(data), |json, key| {
        json.key(key);
        match key {
            "errors" => json.scalar(&response.errors),
            _ => json.value(&response.data),
        }
    });
    json.into_text()
}

/// Serialises the errors of a response.
#[must_use]
pub fn write_errors(response: &Response) -> String {
    let mut json = JsonWriter::default();
    json.scalar(&response.errors);
    json.into_text()
}
