//! Verification of bearer tokens: JSON Web Tokens that another service issues.
//!
//! [`JwtVerifier::verify`] checks the length, the algorithm, the signature by a key of the key set
//! ([`jwks`], fetched from its [`source`](jwks_source)), the registered claims and the times.
//!
//! Verified tokens are not cached: verification costs less than the cheapest request, and a cache would
//! have to be invalidated when a key is withdrawn.

mod claims;
mod jwks;
mod jwks_source;
mod settings;
mod signature;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use jsonwebtoken::{
    Algorithm, Validation, decode, decode_header,
    errors::{Error, ErrorKind},
};
use serde_json::{Map, Value};

use super::error::AuthError;
use crate::clock::Clock;
use jwks::Jwks;
use jwks_source::{JwksSource, printable};

pub(super) use claims::Claims;
pub use settings::{JwtSettings, JwtSettingsError};

/// Maximum length of a token in bytes. Proxies limit headers to 8 or 16 KiB.
const MAX_TOKEN: usize = 16 * 1024;

/// Verifies tokens. Clones share the key set.
#[derive(Clone, Debug)]
pub(super) struct JwtVerifier {
    keys: Arc<Jwks>,
    validation: Arc<Validation>,
    scope_claim: Arc<str>,
    clock: Arc<dyn Clock>,
    issuer: Arc<str>,
}

impl JwtVerifier {
    /// Builds a verifier and reads the key set. If the issuer is unreachable, tokens are rejected as
    /// [`AuthError::Unavailable`] and the key set is fetched again when a token arrives.
    ///
    /// # Errors
    /// Returns an error if the settings are incomplete or invalid, or a key set file cannot be read.
    pub(super) async fn open(
        settings: JwtSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, JwtSettingsError> {
        let JwtSettings {
            issuer,
            audience,
            jwks,
            scope_claim,
        } = settings;
        let audience = audience.filter(|audience| !audience.is_empty());
        let audience = audience.ok_or(JwtSettingsError::NoAudience)?;
        if scope_claim.is_empty() {
            return Err(JwtSettingsError::NoScopeClaim);
        }
        signature::install();
        let source = source(issuer.as_deref(), jwks)?;
        let name = issuer.as_deref().map(printable).map(str::to_owned);
        let name = name.unwrap_or_else(|| source.to_string());
        let keys = Arc::new(Jwks::new(source, clock.clone()));
        keys.load().await?;
        Ok(Self {
            keys,
            validation: Arc::new(validation(issuer, audience)),
            scope_claim: scope_claim.into(),
            clock,
            issuer: name.into(),
        })
    }

    /// Returns the issuer, or where the key set is if any issuer may sign with it.
    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Verifies a token and returns its claims.
    ///
    /// # Errors
    /// Returns [`AuthError::Invalid`] if the token is not valid, and [`AuthError::Unavailable`] if no key set has
    /// been read yet.
    pub(super) async fn verify(&self, token: &str) -> Result<Claims, AuthError> {
        if token.len() > MAX_TOKEN {
            return Err(AuthError::Invalid("the token is too long"));
        }
        let header = decode_header(token).map_err(|error| rejection(&error))?;
        // RFC 7515, 4.1.11: critical extensions must be understood, and none is.
        if header.crit.is_some() {
            return Err(AuthError::Invalid(
                "the token requires an unsupported extension",
            ));
        }
        if !signature::is_supported(header.alg) {
            return Err(AuthError::Invalid("the token's algorithm is not supported"));
        }
        let keys = self.keys.find(header.kid.as_deref(), header.alg).await?;
        let validation = with_algorithm(&self.validation, header.alg);
        let mut verified = keys
            .iter()
            .map(|key| decode::<Map<String, Value>>(token, &key.decoding, &validation));
        // Another key may fit only if the signature does not.
        let is_settled = |result: &Result<_, Error>| !matches!(result, Err(error) if *error.kind() == ErrorKind::InvalidSignature);
        let token = verified
            .find(is_settled)
            .unwrap_or_else(|| Err(ErrorKind::InvalidSignature.into()))
            .map_err(|error| rejection(&error))?;
        Claims::validate(&token.claims, &self.scope_claim, self.clock.now())
    }
}

fn source(issuer: Option<&str>, jwks: Option<String>) -> Result<JwksSource, JwtSettingsError> {
    let (location, source) = match (issuer, jwks) {
        (_, Some(location)) => (location.clone(), JwksSource::from_location(&location)),
        (Some(issuer), None) => (issuer.to_owned(), JwksSource::from_issuer(issuer)),
        (None, None) => return Err(JwtSettingsError::NoKeySet),
    };
    let source = source.map_err(|error| JwtSettingsError::key_set(printable(&location), error))?;
    if source.is_insecure() {
        tracing::warn!(%source, "the key set is fetched over http://, where it can be replaced in transit");
    }
    Ok(source)
}

/// What jsonwebtoken validates: everything but the times, which it would compare with the system clock
/// instead of the injected one.
fn validation(issuer: Option<String>, audience: String) -> Validation {
    let mut validation = Validation {
        validate_exp: false,
        validate_nbf: false,
        ..Validation::default()
    };
    validation.set_required_spec_claims(&["aud", "exp", "iss", "sub"]);
    validation.set_audience(&[audience]);
    if let Some(issuer) = issuer {
        validation.set_issuer(&[issuer]);
    }
    validation
}

fn with_algorithm(validation: &Validation, algorithm: Algorithm) -> Validation {
    Validation {
        algorithms: vec![algorithm],
        ..validation.clone()
    }
}

/// Maps an error of jsonwebtoken to a message of ours: its messages may repeat parts of the token.
fn rejection(error: &Error) -> AuthError {
    AuthError::Invalid(match error.kind() {
        ErrorKind::InvalidSignature => "the token's signature is invalid",
        ErrorKind::InvalidIssuer => "the token's `iss` claim is not the expected issuer",
        ErrorKind::InvalidAudience => {
            "the token's `aud` claim does not contain the expected audience"
        }
        ErrorKind::MissingRequiredClaim(claim) => match claim.as_str() {
            "aud" => "the token has no valid `aud` claim",
            "exp" => "the token has no valid `exp` claim",
            "iss" => "the token has no valid `iss` claim",
            _ => "the token has no valid `sub` claim",
        },
        ErrorKind::InvalidAlgorithm => "the token's algorithm does not match its key",
        _ => "not a valid token",
    })
}
