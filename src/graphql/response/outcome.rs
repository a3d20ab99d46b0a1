//! The outcome of an execution: completed, rejected before execution, or panicked.

use async_graphql::{Response, Value};
use tracing::error;

use crate::graphql::error::{ErrorCode, error_response, internal_error_message};

/// Returns whether execution began. Errors raised by a resolver have a path, request errors have none.
#[must_use]
pub fn was_executed(response: &Response) -> bool {
    response.data != Value::Null
        || response.errors.is_empty()
        || response.errors.iter().any(|error| !error.path.is_empty())
}

/// Logs a panic of a resolver, and returns the response to its request.
pub(in crate::graphql) fn panicked() -> Response {
    error!("a resolver panicked");
    error_response(ErrorCode::Internal, internal_error_message())
}
