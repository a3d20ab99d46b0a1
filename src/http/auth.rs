//! Who sends a request: what stands behind `Bearer` in its header. Never what stands in its URL, which
//! is written down wherever it passes.

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode, header::AUTHORIZATION};
use serde_json::Value;
use tracing::warn;

use crate::{
    auth::{AuthError, Authenticator, Principal},
    graphql::ErrorCode,
};

const FORM: AuthError = AuthError::Invalid("say who you are as `Authorization: Bearer KEY`");

/// Who sends a request.
pub(super) async fn authenticate(
    headers: &HeaderMap,
    auth: &Authenticator,
) -> Result<Arc<Principal>, AuthError> {
    let admitted = match headers.get(AUTHORIZATION) {
        None => Ok(auth.anonymous(is_forwarded(headers))),
        Some(value) => match value.to_str().ok().and_then(bearer) {
            Some(credentials) => auth.authenticate(credentials).await,
            None => Err(FORM),
        },
    };
    admitted.inspect_err(log)
}

/// Who opens a socket, by what it says first; None if it says nothing of that.
pub(super) async fn authenticate_payload(
    payload: &Value,
    auth: &Authenticator,
) -> Option<Result<Arc<Principal>, AuthError>> {
    let headers = payload.get("headers").unwrap_or(payload);
    let given = ["authorization", "Authorization", "token"];
    let value = given.iter().find_map(|name| headers.get(name));
    let value = value.filter(|value| !value.is_null())?;
    let text = value.as_str().unwrap_or_default();
    let admitted = auth.authenticate(bearer(text).unwrap_or(text)).await;
    Some(admitted.inspect_err(log))
}

/// The status and the code by which a client is told.
pub(super) fn status(error: AuthError) -> (StatusCode, ErrorCode) {
    match error {
        AuthError::Invalid(_) => (StatusCode::UNAUTHORIZED, ErrorCode::Unauthenticated),
        AuthError::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Unavailable),
    }
}

/// Whether a proxy says that it forwards the request.
fn is_forwarded(headers: &HeaderMap) -> bool {
    let names = [
        "forwarded",
        "via",
        "x-real-ip",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
    ];
    names.iter().any(|name| headers.contains_key(*name))
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, credentials) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| credentials.trim())
}

fn log(error: &AuthError) {
    warn!(target: "audit", reason = %error, "refused");
}
