//! Credentials of requests: the `Authorization` header, or the payload of a WebSocket's `connection_init`.
//! Never the URL, which is logged on its way.

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode, header::AUTHORIZATION};
use serde_json::{Map, Value};
use tracing::warn;

use super::{client_address::ClientAddress, rate_limit::RateLimitError, state::AppState};
use crate::{
    auth::{AuthError, Principal},
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

/// Why a client is not authenticated.
#[derive(Debug)]
pub(super) enum Rejection {
    Credential(AuthError),
    /// Too many credentials of its address were wrong.
    RateLimit(RateLimitError),
}

/// Authenticates a client by the headers of a request.
pub(super) async fn authenticate(
    headers: &HeaderMap,
    client: ClientAddress,
    state: &AppState,
) -> Result<Arc<Principal>, Rejection> {
    let Some(value) = headers.get(AUTHORIZATION) else {
        return Ok(state.auth.anonymous(is_forwarded(headers), &client));
    };
    let credential = value.to_str().ok().and_then(bearer).ok_or(MALFORMED);
    check(credential, client, state).await
}

/// Authenticates a client by the payload of `connection_init`. Returns `None` if the payload has no credential.
pub(super) async fn authenticate_payload(
    payload: &Value,
    client: ClientAddress,
    state: &AppState,
) -> Option<Result<Arc<Principal>, Rejection>> {
    let credential = payload_credential(payload).transpose()?;
    Some(check(credential, client, state).await)
}

/// Checks a credential. If it is not a key in memory, the work is charged to the client's address unless the credential
/// is valid.
async fn check(
    credential: Result<&str, AuthError>,
    client: ClientAddress,
    state: &AppState,
) -> Result<Arc<Principal>, Rejection> {
    if let Some(principal) = credential.ok().and_then(|key| state.auth.find_key(key)) {
        return Ok(principal);
    }
    let charge = state.rate_limiter.check_credential(client);
    let charge = charge.map_err(Rejection::RateLimit)?;
    let principal = match credential {
        Ok(credential) => state.auth.authenticate(credential).await,
        Err(error) => Err(error),
    };
    let principal = principal.inspect_err(log).map_err(Rejection::Credential)?;
    charge.cancel();
    Ok(principal)
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
