//! How people sign in to the console: at the issuer of their tokens.

use url::Url;

/// The console as a public client of an OpenID Connect issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OidcClient {
    /// The issuer, whose discovery document names its endpoints.
    pub issuer: String,
    /// The identifier of the client at the issuer.
    pub client_id: String,
    /// For whom tokens are requested. Issuers that do not know the parameter ignore it.
    pub audience: String,
    /// The scopes that are requested, separated by spaces.
    pub scope: String,
}

impl OidcClient {
    /// Returns the origin to which the console sends requests. `None` if the issuer is not a URL.
    pub(super) fn origin(&self) -> Option<String> {
        let url = Url::parse(&self.issuer).ok()?;
        Some(url.origin().ascii_serialization())
    }
}
