//! Flags of authentication.

use clap::Args;

use crate::{
    auth::{AuthSettings, JwtSettings, Scopes},
    http::OidcClient,
};

/// Flags of authentication. API keys need none.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Authentication")]
pub struct AuthArgs {
    /// Issuer of accepted tokens (JWT): the required `iss` claim. Its key set is found through OpenID
    /// Connect Discovery
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_OIDC_ISSUER",
        value_name = "URL"
    )]
    oidc_issuer: Option<String>,

    /// Required value of the token's `aud` claim; mandatory if tokens are accepted
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_OIDC_AUDIENCE",
        value_name = "NAME"
    )]
    oidc_audience: Option<String>,

    /// Token claim that holds the scopes, as a space-separated string or a list
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_OIDC_SCOPE_CLAIM",
        default_value = "scope",
        value_name = "CLAIM"
    )]
    oidc_scope_claim: String,

    /// Identifier of the console as a public client of the issuer, at which people then sign in
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_OIDC_CLIENT_ID",
        value_name = "ID",
        requires = "oidc_issuer"
    )]
    oidc_client_id: Option<String>,

    /// Scopes that the console requests from the issuer, separated by spaces
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_OIDC_CLIENT_SCOPE",
        default_value = "openid profile email read report operate admin",
        value_name = "SCOPES"
    )]
    oidc_client_scope: String,

    /// Key set (JWKS) that verifies tokens, instead of the one found through the issuer
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_JWKS",
        value_name = "FILE|URL"
    )]
    jwks: Option<String>,

    /// Scopes granted to unauthenticated requests, comma-separated: read, report, operate, admin
    /// [default: all on a loopback address while no API key and no issuer exist, otherwise none]
    #[arg(
        long,
        global = true,
        env = "SYNC_HISTORY_ANONYMOUS",
        value_name = "SCOPES"
    )]
    anonymous: Option<Scopes>,
}

impl AuthArgs {
    /// Returns how people sign in to the console. `None` without a client identifier.
    #[must_use]
    pub fn oidc_client(&self) -> Option<OidcClient> {
        Some(OidcClient {
            issuer: self.oidc_issuer.clone()?,
            client_id: self.oidc_client_id.clone()?,
            audience: self.oidc_audience.clone().unwrap_or_default(),
            scope: self.oidc_client_scope.clone(),
        })
    }

    /// Returns the settings of the authenticator. Tokens are accepted if an issuer or a key set is given.
    #[must_use]
    pub fn settings(&self) -> AuthSettings {
        let accepts_tokens = self.oidc_issuer.is_some() || self.jwks.is_some();
        AuthSettings {
            jwt: accepts_tokens.then(|| JwtSettings {
                issuer: self.oidc_issuer.clone(),
                audience: self.oidc_audience.clone(),
                jwks: self.jwks.clone(),
                scope_claim: self.oidc_scope_claim.clone(),
            }),
            anonymous_scopes: self.anonymous,
        }
    }
}
