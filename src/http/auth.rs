//! Credentials of requests: the `Authorization` header, or the payload of a WebSocket's `connection_init`.
//! Never the URL, which is logged on its way.

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode, header::AUTHORIZATION};
use serde_json::{Map, Value};
use tracing::warn;

use crate::{
    auth::{AuthError, Authenticator, Principal},
    graphql::ErrorCode,
};

const MALFORMED: AuthError = AuthError::Invalid(
    "the Authorization header must have the form `Bearer CREDENTIAL`, with an API key or token",
);

const MALFORMED_PAYLOAD: AuthError = AuthError::Invalid(
    "the payload of connection_init must have one `authorization` of the form `Bearer CREDENTIAL`, itself or in `headers`",
);

/// Names of the credential in the payload of `connection_init`.
const CREDENTIAL_NAMES: [&str; 2] = ["authorization", "token"];

/// Headers that proxies add to forwarded requests.
const FORWARDING_HEADERS: [&str; 6] = [
    "forwarded",
    "via",
    "x-real-ip",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
];

/// Authenticates a request by its headers.
pub(super) async fn authenticate(
    headers: &HeaderMap,
    authenticator: &Authenticator,
) -> Result<Arc<Principal>, AuthError> {
    let result = match headers.get(AUTHORIZATION) {
        None => Ok(authenticator.anonymous(is_forwarded(headers))),
        Some(value) => match value.to_str().ok().and_then(bearer) {
            Some(credential) => authenticator.authenticate(credential).await,
            None => Err(MALFORMED),
        },
    };
    result.inspect_err(log)
}

/// Authenticates a WebSocket by the payload of `connection_init`. Returns `None` if the payload has no
/// credential.
pub(super) async fn authenticate_payload(
    payload: &Value,
    authenticator: &Authenticator,
) -> Option<Result<Arc<Principal>, AuthError>> {
    let result = match payload_credential(payload) {
        Ok(credential) => authenticator.authenticate(credential?).await,
        Err(error) => Err(error),
    };
    Some(result.inspect_err(log))
}

/// Returns the credential in the payload of `connection_init`, or in its object `headers`. Names of headers are
/// case-insensitive. A payload that has headers and no credential in them is rejected: its client means to authenticate.
fn payload_credential(payload: &Value) -> Result<Option<&str>, AuthError> {
    let headers = match payload.get("headers") {
        None | Some(Value::Null) => None,
        Some(Value::Object(headers)) => Some(headers),
        Some(_) => return Err(MALFORMED_PAYLOAD),
    };
    let is_credential = |name: &str| {
        CREDENTIAL_NAMES
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known))
    };
    let objects = [headers, payload.as_object()];
    let given = objects.into_iter().flatten().flatten();
    let mut given = given.filter(|(name, value)| is_credential(name) && !value.is_null());
    match (given.next(), given.next()) {
        (Some((_, Value::String(text))), None) => Ok(Some(bearer(text).unwrap_or(text))),
        (None, _) if headers.is_none_or(Map::is_empty) => Ok(None),
        _ => Err(MALFORMED_PAYLOAD),
    }
}

/// Maps an error to the status and error code of the response.
pub(super) fn status(error: AuthError) -> (StatusCode, ErrorCode) {
    match error {
        AuthError::Invalid(_) => (StatusCode::UNAUTHORIZED, ErrorCode::Unauthenticated),
        AuthError::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Unavailable),
    }
}

fn is_forwarded(headers: &HeaderMap) -> bool {
    FORWARDING_HEADERS
        .iter()
        .any(|name| headers.contains_key(*name))
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, credential) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| credential.trim())
}

fn log(error: &AuthError) {
    warn!(target: "audit", reason = %error, "rejected: authentication failed");
}
