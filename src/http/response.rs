//! Writing a response of GraphQL's.

use async_graphql::{Response as GraphQlResponse, ServerError, Value};
use serde::Serialize;

use crate::graphql::was_executed;

/// A response as the specification wants it written: errors first, and no `data` entry where
/// nothing was executed.
#[derive(Serialize)]
pub(super) struct Body<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [ServerError],
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Value>,
}

impl<'a> From<&'a GraphQlResponse> for Body<'a> {
    fn from(response: &'a GraphQlResponse) -> Self {
        Self {
            errors: &response.errors,
            data: was_executed(response).then_some(&response.data),
        }
    }
}

/// The response as JSON.
pub(super) fn write(response: &GraphQlResponse) -> String {
    // Strings, numbers and maps with text keys can always be written.
    serde_json::to_string(&Body::from(response)).unwrap_or_default()
}
