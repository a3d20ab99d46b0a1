//! Errors as clients see them: a code, and a message that says what to do.

use std::sync::Arc;

use async_graphql::{Enum, ErrorExtensions, Pos, Response, ServerError, Value, value};
use tracing::error;

use super::types::run::{SyncStatus, from_stored};
use crate::{
    auth::{Principal, PrincipalKind},
    runs::Error,
};

/// Errors in one answer; more of them help nobody.
const MOST_ERRORS: usize = 20;
/// Characters of a message of the library's.
const LONGEST_MESSAGE: usize = 1000;

/// What stands in `errors[].extensions.code`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ErrorCode {
    /// The request says something that cannot be; the message says what to do about it.
    BadInput,
    /// The cursor was not made by this server, or for another list.
    BadCursor,
    /// The change feed no longer knows the cursor: read the list again and go on from its `feedCursor`.
    CursorExpired,
    /// There is nothing with this id.
    NotFound,
    /// The id is taken by a different run or event.
    IdConflict,
    /// The run is already COMPLETED, FAILED or CANCELLED; `extensions.run` says which.
    AlreadyFinished,
    /// The request does not say who is asking, or not credibly.
    Unauthenticated,
    /// Who is asking may not do this.
    Forbidden,
    /// The query asks for more than one request may.
    QueryTooComplex,
    /// Too many requests: try again later.
    RateLimited,
    /// The server or its database cannot answer at the moment: try again.
    Unavailable,
    /// A defect of the server; the message holds the id of the request, which the log has too.
    Internal,
}

impl ErrorCode {
    fn of(error: &Error) -> Self {
        match error {
            Error::BadInput(_) => Self::BadInput,
            Error::BadCursor(_) => Self::BadCursor,
            Error::CursorExpired => Self::CursorExpired,
            Error::NotFound { .. } => Self::NotFound,
            Error::IdConflict { .. } => Self::IdConflict,
            Error::AlreadyFinished(_) => Self::AlreadyFinished,
            Error::TooMuchToRead(_) => Self::QueryTooComplex,
            Error::Unavailable(_) => Self::Unavailable,
            Error::Internal(_) => Self::Internal,
        }
    }

    fn value(self) -> Value {
        async_graphql::resolver_utils::enum_value(self)
    }
}

impl From<Error> for async_graphql::Error {
    fn from(error: Error) -> Self {
        let code = ErrorCode::of(&error);
        let run = match &error {
            Error::AlreadyFinished(run) => Some(value!({
                "id": run.id.to_string(),
                "status": from_stored::<SyncStatus>(&run.status).as_ref().to_uppercase(),
                "version": run.version,
            })),
            _ => None,
        };
        Self::new_with_source(error).extend_with(|_, extensions| {
            extensions.set("code", code.value());
            if let Some(run) = run {
                extensions.set("run", run);
            }
        })
    }
}

/// The loader hands one error to all who waited for it.
impl From<Arc<Error>> for Error {
    fn from(error: Arc<Error>) -> Self {
        Self::clone(&error)
    }
}

/// Why somebody may not do what they ask for.
pub(super) fn access_denied(message: String, principal: &Principal) -> async_graphql::Error {
    let code = match principal.kind {
        PrincipalKind::Anonymous => ErrorCode::Unauthenticated,
        PrincipalKind::User | PrincipalKind::ApiKey => ErrorCode::Forbidden,
    };
    async_graphql::Error::new(message).extend_with(|_, extensions| {
        extensions.set("code", code.value());
    })
}

/// An answer to a request that was not executed.
#[must_use]
pub fn error_response(code: ErrorCode, message: impl Into<String>) -> Response {
    Response::from_errors(vec![request_error(code, message, None)])
}

/// An error of a request that is not executed.
pub(super) fn request_error(
    code: ErrorCode,
    message: impl Into<String>,
    pos: Option<Pos>,
) -> ServerError {
    let mut error = ServerError::new(message, pos);
    set_code(&mut error, code);
    error
}

/// Makes an answer fit to leave the server: each error has its code, and a failure of the server
/// or its database is told to the log while the client learns the request's id alone.
pub(super) fn sanitize(mut response: Response, request_id: &str) -> Response {
    response.errors.truncate(MOST_ERRORS);
    for error in &mut response.errors {
        match error.source::<Error>() {
            Some(Error::Internal(cause)) => {
                error!(request_id, path = ?error.path, %cause, "a request failed");
                error.message = internal_error_message(request_id);
            }
            Some(Error::Unavailable(cause)) => {
                tracing::warn!(request_id, path = ?error.path, %cause, "the database could not answer");
            }
            // What has no source comes from the library: syntax, validation, coercion of input.
            None if error.extensions.is_none() => {
                set_code(error, ErrorCode::BadInput);
                shorten(&mut error.message);
            }
            _ => {}
        }
    }
    response
}

/// Returns the message of an internal error, which points to the log instead of naming the cause.
pub(super) fn internal_error_message(request_id: &str) -> String {
    format!("internal error; see the server log for request {request_id}")
}

/// The library quotes the request as long as it is.
fn shorten(message: &mut String) {
    if let Some((end, _)) = message.char_indices().nth(LONGEST_MESSAGE) {
        message.truncate(end);
        message.push('…');
    }
}

fn set_code(error: &mut ServerError, code: ErrorCode) {
    error
        .extensions
        .get_or_insert_default()
        .set("code", code.value());
}
