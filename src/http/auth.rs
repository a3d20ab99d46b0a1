//! Credentials of requests: the `Authorization` header, or the payload of a WebSocket's `connection_init`.
//! Never the URL, which is logged on its way.

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode, header::AUTHORIZATION};
use serde_json::Value;
use tracing::warn;

use crate::{
    auth::{AuthError, Authenticator, Principal},
    graphql::ErrorCode,
};

const MALFORMED: AuthError = AuthError::Invalid(
    "the Authorization header must have the form `Bearer CREDENTIAL`, with an API key or token",
);

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
    let headers = payload.get("headers").unwrap_or(payload);
    let names = ["authorization", "Authorization", "token"];
    let value = names.iter().find_map(|name| headers.get(name));
    let value = value.filter(|value| !value.is_null())?;
    let text = value.as_str().unwrap_or_default();
    let credential = bearer(text).unwrap_or(text);
    let result = authenticator.authenticate(credential).await;
    Some(result.inspect_err(log))
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
