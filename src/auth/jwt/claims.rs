//! The claims of a verified token.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Number, Value};

use crate::auth::error::AuthError;

/// Tolerated difference between the clocks of issuer and server.
const LEEWAY: TimeDelta = TimeDelta::seconds(5);

/// The claims of a verified token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claims {
    /// `iss`.
    pub(crate) issuer: String,
    /// `sub`: unique for this issuer.
    pub(crate) subject: String,
    /// `email`, if `email_verified` is true.
    pub(crate) email: Option<String>,
    /// Whether there is a claim `email_verified`.
    pub(crate) has_email_verified: bool,
    /// `name`.
    pub(crate) name: Option<String>,
    /// Scopes in the order of the token, unknown ones included.
    pub(crate) scopes: Vec<String>,
    /// `exp`. The token is accepted for another five seconds.
    pub(crate) expires_at: DateTime<Utc>,
}

impl Claims {
    /// Reads the claims and validates the times against `now`. The other registered claims have been
    /// validated by jsonwebtoken.
    pub(super) fn validate(
        claims: &Map<String, Value>,
        scope_claim: &str,
        now: DateTime<Utc>,
    ) -> Result<Self, AuthError> {
        let expires_at = instant(claims, "exp").flatten().ok_or(AuthError::Invalid(
            "the token's `exp` claim is not a timestamp",
        ))?;
        if expires_at <= now - LEEWAY {
            return Err(AuthError::Invalid("the token has expired"));
        }
        if let Some(not_before) = instant(claims, "nbf") {
            let not_before = not_before.ok_or(AuthError::Invalid(
                "the token's `nbf` claim is not a timestamp",
            ))?;
            if now + LEEWAY < not_before {
                return Err(AuthError::Invalid("the token is not valid yet"));
            }
        }
        let text = |claim| claims.get(claim).and_then(Value::as_str);
        let non_empty = |claim| text(claim).filter(|text| !text.is_empty());
        let issuer = non_empty("iss").ok_or(AuthError::Invalid(
            "the token's `iss` claim is not a non-empty string",
        ))?;
        let subject = non_empty("sub").ok_or(AuthError::Invalid(
            "the token's `sub` claim is not a non-empty string",
        ))?;
        let is_email_verified = match claims.get("email_verified") {
            Some(Value::Bool(verified)) => *verified,
            // Some issuers encode every claim as a string.
            Some(Value::String(verified)) => verified.eq_ignore_ascii_case("true"),
            _ => false,
        };
        let email = non_empty("email").filter(|_| is_email_verified);
        Ok(Self {
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            email: email.map(str::to_owned),
            has_email_verified: claims.contains_key("email_verified"),
            name: non_empty("name").map(str::to_owned),
            scopes: scopes(claims.get(scope_claim)).ok_or(AuthError::Invalid(
                "the token's scope claim is neither a string nor a list of strings",
            ))?,
            expires_at,
        })
    }
}

/// Reads a claim in seconds since the Unix epoch, which may have a fraction. Returns `None` if it is absent
/// and `Some(None)` if it is not a valid timestamp.
#[expect(clippy::option_option, reason = "absent and invalid are different")]
fn instant(claims: &Map<String, Value>, claim: &str) -> Option<Option<DateTime<Utc>>> {
    let seconds = claims.get(claim)?.as_number().and_then(Number::as_f64);
    let since_epoch = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    Some(since_epoch.and_then(|since_epoch| {
        let since_epoch = TimeDelta::from_std(since_epoch).ok()?;
        DateTime::UNIX_EPOCH.checked_add_signed(since_epoch)
    }))
}

/// Returns `None` if the claim is neither a string nor a list of strings.
fn scopes(claim: Option<&Value>) -> Option<Vec<String>> {
    match claim {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::String(scopes)) => {
            Some(scopes.split_ascii_whitespace().map(str::to_owned).collect())
        }
        Some(Value::Array(scopes)) => scopes
            .iter()
            .map(|scope| scope.as_str().map(str::to_owned))
            .collect(),
        Some(_) => None,
    }
}
