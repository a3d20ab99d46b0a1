//! Settings of JWT verification.

use crate::error_chain;

/// How tokens are verified.
#[derive(Clone, Debug)]
pub struct JwtSettings {
    /// Required value of the `iss` claim, compared exactly. Without `jwks`, the key set is found through
    /// OpenID Connect Discovery below this URL.
    pub issuer: Option<String>,
    /// Required value of the `aud` claim. Mandatory: a token for another service of the issuer must not
    /// be accepted.
    pub audience: Option<String>,
    /// The key set: a file path or an http:// or https:// URL. Without `issuer`, tokens may name any issuer
    /// in `iss`.
    pub jwks: Option<String>,
    /// The claim with the scopes: a list of strings, or one string with spaces between scopes.
    pub scope_claim: String,
}

/// Why the JWT settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JwtSettingsError {
    /// Neither an issuer nor a key set is given.
    #[error("no key set to verify tokens with: set --oidc-issuer, --jwks or both")]
    NoKeySet,
    /// No audience is given.
    #[error(
        "set --oidc-audience to the required `aud` claim; without it, tokens for other services would \
         be accepted"
    )]
    NoAudience,
    /// The name of the scope claim is empty.
    #[error("the name of the scope claim is empty; use a name such as `scope`")]
    NoScopeClaim,
    /// The location of the key set is invalid, or its file cannot be read.
    #[error("cannot read the key set at {location}: {}", error_chain::messages(&**source))]
    KeySet {
        /// File path or URL.
        location: String,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl JwtSettingsError {
    pub(super) fn key_set(
        location: impl Into<String>,
        error: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self::KeySet {
            location: location.into(),
            source: Box::new(error),
        }
    }
}
