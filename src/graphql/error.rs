//! Errors as clients receive them: a code, and a message that describes what to do.

use std::{sync::Arc, time::Duration};

use async_graphql::{
    Enum, ErrorExtensionValues, ErrorExtensions, Name, Pos, Response, ScalarType, ServerError,
    Value, indexmap::IndexMap,
};
use tracing::{debug, error, warn};

use super::types::{
    run::{SyncStatus, from_stored},
    scalars::DateTime,
};
use crate::{
    auth::{Principal, PrincipalKind},
    db::error::is_unavailable,
    request_id::RequestId,
    runs::{Error, Run},
};

/// Errors in one response.
const MAX_ERRORS: usize = 20;
/// Characters of an error message of async-graphql.
const MAX_MESSAGE: usize = 1000;

/// The extension with the seconds after which to retry.
const RETRY_AFTER: &str = "retryAfter";
const RETRY_AFTER_DEFAULT: u64 = 1;
/// What an operator has to correct first.
const RETRY_AFTER_REPAIR: u64 = 60;

/// The code of an error, in `errors[].extensions.code`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ErrorCode {
    /// The document, an argument or a variable is invalid, or the database rejects a value, by a constraint or trigger
    /// of another application for example. The message describes what to correct.
    BadInput,
    /// The cursor is malformed, or belongs to another list.
    BadCursor,
    /// The changes after this cursor are no longer retained. Read the list again, and resume from its `feedCursor`.
    CursorExpired,
    /// No object has this ID.
    NotFound,
    /// A different run, event or user already has this ID. `extensions.fields` lists the fields of the input that differ
    /// from the call that created the run or event.
    IdConflict,
    /// The run is already COMPLETED, FAILED or CANCELLED. `extensions.run` holds its ID, status and version, and
    /// `lostAt` if the server has closed it as lost.
    AlreadyFinished,
    /// The operation requires credentials, and the request has none or invalid ones.
    Unauthenticated,
    /// The credentials do not grant the permission that the operation requires.
    Forbidden,
    /// The operation exceeds a limit on size, complexity or scan time. Request less data.
    QueryTooComplex,
    /// The client exceeds a rate limit. Retry after the seconds in `extensions.retryAfter`.
    RateLimited,
    /// The server or its database is temporarily unavailable. Retry after the seconds in `extensions.retryAfter`.
    Unavailable,
    /// An internal server error. The message holds the request ID, under which the server logs the cause.
    Internal,
    /// The request names a persisted query, which this server does not store, with the message
    /// `PersistedQueryNotSupported`. Send the text of the query.
    PersistedQueryNotSupported,
}

impl ErrorCode {
    fn value(self) -> Value {
        async_graphql::resolver_utils::enum_value(self)
    }

    /// Adds the code to the extensions of an error, and after how long to retry if that may succeed.
    pub(super) fn set(self, extensions: &mut ErrorExtensionValues) {
        extensions.set("code", self.value());
        if matches!(self, Self::Unavailable | Self::RateLimited) {
            extensions.set(RETRY_AFTER, RETRY_AFTER_DEFAULT);
        }
    }
}

impl From<&Error> for ErrorCode {
    fn from(error: &Error) -> Self {
        match error {
            Error::BadInput(_) | Error::Rejected(_) => Self::BadInput,
            Error::BadCursor(_) => Self::BadCursor,
            Error::CursorExpired => Self::CursorExpired,
            Error::NotFound { .. } => Self::NotFound,
            Error::IdConflict { .. } => Self::IdConflict,
            Error::AlreadyFinished(_) => Self::AlreadyFinished,
            Error::SourceNotAllowed { .. } => Self::Forbidden,
            Error::TooMuchToRead(_)
            | Error::RowsTooLarge(_)
            | Error::TooManyRows(_)
            | Error::TooManyRuns(_)
            | Error::StatsTooSlow(_) => Self::QueryTooComplex,
            Error::TooManyScans => Self::RateLimited,
            Error::Unavailable(_)
            | Error::DatabaseFile(_)
            | Error::Denied(_)
            | Error::UnexpectedSchema(_) => Self::Unavailable,
            Error::Internal(_) => Self::Internal,
        }
    }
}

impl From<Error> for async_graphql::Error {
    fn from(error: Error) -> Self {
        let code = ErrorCode::from(&error);
        let detail = match &error {
            Error::AlreadyFinished(run) => Some(("run", finished(run))),
            Error::IdConflict { fields, .. } if !fields.is_empty() => {
                Some(("fields", fields.clone().into()))
            }
            Error::Denied(_) | Error::UnexpectedSchema(_) | Error::DatabaseFile(_) => {
                Some((RETRY_AFTER, RETRY_AFTER_REPAIR.into()))
            }
            _ => None,
        };
        Self::new_with_source(error).extend_with(|_, extensions| {
            code.set(extensions);
            if let Some((name, value)) = detail {
                extensions.set(name, value);
            }
        })
    }
}

/// Returns what identifies a run that has ended.
fn finished(run: &Run) -> Value {
    let mut finished = IndexMap::from_iter([
        (Name::new("id"), run.id.to_string().into()),
        (
            Name::new("status"),
            from_stored::<SyncStatus>(&run.status)
                .as_ref()
                .to_uppercase()
                .into(),
        ),
        (Name::new("version"), run.version.into()),
    ]);
    if let Some(lost_at) = run.lost_at {
        finished.insert(Name::new("lostAt"), DateTime(lost_at).to_value());
    }
    Value::Object(finished)
}

/// A batch that fails returns the same error to all its waiters.
impl From<Arc<Error>> for Error {
    fn from(error: Arc<Error>) -> Self {
        Self::clone(&error)
    }
}

/// Returns the error of a principal that lacks a permission.
pub(super) fn access_denied(message: String, principal: &Principal) -> async_graphql::Error {
    let code = match principal.kind {
        PrincipalKind::Anonymous => ErrorCode::Unauthenticated,
        PrincipalKind::User | PrincipalKind::ApiKey => ErrorCode::Forbidden,
    };
    async_graphql::Error::new(message).extend_with(|_, extensions| {
        code.set(extensions);
    })
}

/// Returns the response to a request that is rejected before execution.
#[must_use]
pub fn error_response(code: ErrorCode, message: impl Into<String>) -> Response {
    Response::from_errors(vec![request_error(code, message, None)])
}

/// Returns the response to a request that names a persisted query. Clients expect this message.
#[must_use]
pub fn persisted_query_not_supported() -> Response {
    let code = ErrorCode::PersistedQueryNotSupported;
    error_response(code, "PersistedQueryNotSupported")
}

/// Returns whether the first error of a response has this code.
#[must_use]
pub fn has_error_code(response: &Response, code: ErrorCode) -> bool {
    let first = response.errors.first();
    let extensions = first.and_then(|error| error.extensions.as_ref());
    extensions.and_then(|extensions| extensions.get("code")) == Some(&code.value())
}

/// Returns the response to a request that exceeds a rate limit.
#[must_use]
pub fn rate_limited(message: impl Into<String>, retry_after: Duration) -> Response {
    let mut error = request_error(ErrorCode::RateLimited, message, None);
    let extensions = error.extensions.get_or_insert_default();
    // Rounded up, so that a retry after this time is in time.
    extensions.set(RETRY_AFTER, retry_after.as_secs() + 1);
    Response::from_errors(vec![error])
}

/// Returns the seconds after which the request of this response may be repeated; `None` if no error says so.
#[must_use]
pub fn retry_after(response: &Response) -> Option<u64> {
    let extensions = response
        .errors
        .iter()
        .filter_map(|error| error.extensions.as_ref());
    let seconds = extensions.filter_map(|extensions| match extensions.get(RETRY_AFTER) {
        Some(Value::Number(seconds)) => seconds.as_u64(),
        _ => None,
    });
    seconds.max()
}

/// Returns the error of a request that is rejected before execution.
pub(super) fn request_error(
    code: ErrorCode,
    message: impl Into<String>,
    pos: Option<Pos>,
) -> ServerError {
    let mut error = ServerError::new(message, pos);
    set_code(&mut error, code);
    error
}

/// Prepares the errors of a response for the client: each has a code, and the cause of an internal
/// error is logged under the ID of the request and withheld from the client.
pub(super) fn sanitize(mut response: Response) -> Response {
    response.errors.truncate(MAX_ERRORS);
    for error in &mut response.errors {
        match error.source::<Error>() {
            Some(Error::Internal(cause)) => {
                error!(path = ?error.path, %cause, "request failed");
                error.message = internal_error_message();
            }
            Some(Error::Denied(cause) | Error::UnexpectedSchema(cause)) => {
                error!(path = ?error.path, %cause, "the database does not permit what the server needs");
            }
            // Logged by the connections that have noticed it.
            Some(Error::Unavailable(cause)) if is_unavailable(cause) => {
                debug!(path = ?error.path, %cause, "the database is unavailable");
            }
            Some(Error::Unavailable(cause)) => {
                warn!(path = ?error.path, %cause, "the database is busy");
            }
            // Errors of async-graphql have no source: syntax, validation, input coercion.
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
pub(super) fn internal_error_message() -> String {
    let request = RequestId::current();
    let request = request.as_ref().map_or("this request", RequestId::as_str);
    format!("internal error; see the server log for request {request}")
}

/// Truncates a message of async-graphql, which quotes the request at full length.
fn shorten(message: &mut String) {
    if let Some((end, _)) = message.char_indices().nth(MAX_MESSAGE) {
        message.truncate(end);
        message.push('…');
    }
}

fn set_code(error: &mut ServerError, code: ErrorCode) {
    code.set(error.extensions.get_or_insert_default());
}
