//! Writing a response.

use async_graphql::{Response, ServerError, Value};
use serde::Serialize;

use super::was_executed;

/// A response as the specification wants it written: errors first, and no `data` entry where
/// nothing was executed.
#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [ServerError],
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Value>,
}

/// A response as JSON.
#[must_use]
pub fn write(response: &Response) -> String {
    let body = Body {
        errors: &response.errors,
        data: was_executed(response).then_some(&response.data),
    };
    // Strings, numbers and maps with text keys can always be written.
    serde_json::to_string(&body).unwrap_or_default()
}

/// The errors of a response as JSON.
#[must_use]
pub fn write_errors(response: &Response) -> String {
    serde_json::to_string(&response.errors).unwrap_or_default()
}
