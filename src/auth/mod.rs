//! Authentication: resolves the credentials of a request to a [`Principal`].
//!
//! Workers authenticate with API keys ([`api_key`]), users with JSON Web Tokens of an OpenID Connect
//! issuer (`jwt`). Requests without credentials are anonymous; [`AuthSettings::anonymous_scopes`]
//! says what they may do.

pub mod api_key;
mod error;
mod jwt;
mod principal;
mod scope;
mod user;

use std::{
    collections::HashSet,
    fmt::Display,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use sea_orm::DbErr;
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

use crate::{clock::Clock, db::Database, outage::Outage};
use api_key::ApiKeyCache;
use jwt::JwtVerifier;

pub use error::AuthError;
pub use jwt::{JwtSettings, JwtSettingsError};
pub use principal::{Principal, PrincipalKind};
pub use scope::{Scope, Scopes, UnknownScope};

/// How requests other than those with an API key are authenticated.
#[derive(Clone, Debug, Default)]
pub struct AuthSettings {
    /// How tokens are verified. `None` rejects every token.
    pub jwt: Option<JwtSettings>,
    /// Scopes granted to unauthenticated requests. `None` grants all scopes on a loopback address while
    /// neither an API key nor `jwt` exists, and no scope otherwise.
    pub anonymous_scopes: Option<Scopes>,
}

impl AuthSettings {
    /// Validates the settings and reads the key set of tokens, which needs no database.
    ///
    /// # Errors
    /// Returns [`AuthSetupError::Jwt`] if the settings are invalid, or the file of the key set cannot be read.
    pub async fn prepare(self, clock: Arc<dyn Clock>) -> Result<PreparedAuth, AuthSetupError> {
        let jwt = match self.jwt {
            Some(settings) => Some(JwtVerifier::open(settings, Arc::clone(&clock)).await?),
            None => None,
        };
        Ok(PreparedAuth {
            clock,
            jwt,
            anonymous_scopes: self.anonymous_scopes,
        })
    }
}

/// Valid settings of authentication.
#[derive(Debug)]
pub struct PreparedAuth {
    clock: Arc<dyn Clock>,
    jwt: Option<JwtVerifier>,
    anonymous_scopes: Option<Scopes>,
}

impl PreparedAuth {
    /// Builds the authenticator of a server that listens on `address`.
    ///
    /// # Errors
    /// Returns [`AuthSetupError::Unauthenticated`] if the address is public and nothing else restricts access,
    /// and [`AuthSetupError::ApiKeys`] if the keys cannot be read.
    pub async fn open(
        self,
        database: Database,
        address: SocketAddr,
    ) -> Result<Authenticator, AuthSetupError> {
        let Self {
            clock,
            jwt,
            anonymous_scopes,
        } = self;
        let api_keys = ApiKeyCache::open(database.clone(), Arc::clone(&clock)).await?;
        let is_loopback = address.ip().is_loopback();
        let is_restricted = !api_keys.is_empty() || jwt.is_some() || anonymous_scopes.is_some();
        if !is_loopback && !is_restricted {
            return Err(AuthSetupError::Unauthenticated(address));
        }
        let log_first_key = api_keys.until_first_key().map(|first_key| {
            AbortOnDropHandle::new(tokio::spawn(async move {
                first_key.cancelled().await;
                info!(
                    anonymous = "none",
                    "an API key exists: unauthenticated requests have lost their scopes"
                );
            }))
        });
        let inner = Inner {
            database,
            clock,
            api_keys,
            jwt,
            anonymous_scopes,
            is_loopback,
            users: Outage::new("cannot read the users of tokens"),
            unverified_issuers: Mutex::default(),
            log_first_key: None,
        };
        Ok(Authenticator(Arc::new(Inner {
            log_first_key: log_first_key.filter(|_| inner.trusts_everyone()),
            ..inner
        })))
    }
}

/// Who may do what, for the log.
#[derive(Clone, Debug)]
pub struct Access {
    /// The scopes of unauthenticated requests.
    pub anonymous: String,
    /// The number of active API keys.
    pub keys: usize,
    /// The issuer of the tokens, or where the key set is that they are signed with.
    pub issuer: Option<String>,
}

/// Why authentication cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum AuthSetupError {
    /// The address is reachable from the network and no authentication is configured.
    #[error(
        "refusing to serve unauthenticated requests on {0}: create an API key \
         (`sync-history key create --name NAME --scope report`), configure a token issuer \
         (`--oidc-issuer`), grant scopes to unauthenticated requests (`--anonymous read`), or listen \
         on a loopback address"
    )]
    Unauthenticated(SocketAddr),
    /// The API keys cannot be read.
    #[error("cannot read the API keys: {0}")]
    ApiKeys(#[from] DbErr),
    /// The JWT settings are invalid, or the key set cannot be read.
    #[error(transparent)]
    Jwt(#[from] JwtSettingsError),
}

/// Authenticates requests. Clones share their state.
#[derive(Clone, Debug)]
pub struct Authenticator(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    database: Database,
    clock: Arc<dyn Clock>,
    api_keys: ApiKeyCache,
    jwt: Option<JwtVerifier>,
    anonymous_scopes: Option<Scopes>,
    /// Whether the server listens on a loopback address.
    is_loopback: bool,
    /// Reading the users of tokens.
    users: Outage,
    /// The issuers whose tokens do not say whether an e-mail address is verified, as far as they have been logged.
    unverified_issuers: Mutex<HashSet<String>>,
    /// The task that logs that there is a first API key.
    #[expect(dead_code, reason = "aborts the task when dropped")]
    log_first_key: Option<AbortOnDropHandle<()>>,
}

/// Issuers that are logged. Without a configured one, tokens of any issuer may be accepted.
const MAX_LOGGED_ISSUERS: usize = 100;

impl Inner {
    /// Returns whether local requests may do everything until there is an API key.
    fn trusts_everyone(&self) -> bool {
        self.anonymous_scopes.is_none() && self.jwt.is_none() && self.is_loopback
    }

    /// Logs what follows from tokens without `email_verified`, once for each issuer.
    fn warn_of_unverified_emails(&self, issuer: &str) {
        let logged = self.unverified_issuers.lock();
        let mut logged = logged.unwrap_or_else(PoisonError::into_inner);
        let is_new = !logged.contains(issuer) && logged.len() < MAX_LOGGED_ISSUERS;
        if is_new && logged.insert(issuer.to_owned()) {
            warn!(
                issuer,
                "tokens have no claim `email_verified`: their users are found by `sub` only, never by e-mail address, and \
                 are not created"
            );
        }
    }
}

impl Authenticator {
    /// Builds the authenticator of a server that listens on `address`.
    ///
    /// # Errors
    /// Those of [`AuthSettings::prepare`] and [`PreparedAuth::open`].
    pub async fn open(
        database: Database,
        clock: Arc<dyn Clock>,
        settings: AuthSettings,
        address: SocketAddr,
    ) -> Result<Self, AuthSetupError> {
        let prepared = settings.prepare(clock).await?;
        prepared.open(database, address).await
    }

    /// Returns the principal of an API key that is in memory, which takes little work.
    #[must_use]
    pub fn find_key(&self, credential: &str) -> Option<Arc<Principal>> {
        self.0.api_keys.find(credential)
    }

    /// Authenticates a bearer credential: an API key or a token.
    ///
    /// # Errors
    /// Returns [`AuthError::Invalid`] if the credential is not valid, and [`AuthError::Unavailable`] if it
    /// cannot be checked.
    pub async fn authenticate(&self, credential: &str) -> Result<Arc<Principal>, AuthError> {
        if api_key::has_prefix(credential) {
            return self.0.api_keys.authenticate(credential).await;
        }
        let Some(jwt) = &self.0.jwt else {
            return Err(AuthError::Invalid("not an API key of this server"));
        };
        let claims = jwt.verify(credential).await?;
        // Scopes of other services in the same token are ignored.
        let scopes = claims.scopes.iter().filter_map(|scope| scope.parse().ok());
        let scopes: Scopes = scopes.collect();
        let user = user::find_or_create(&self.0.database, &claims, scopes).await;
        let user = user.map_err(|error| {
            self.0.users.failed_on_database(&error);
            AuthError::Unavailable
        })?;
        self.0.users.ended();
        if !claims.has_email_verified {
            self.0.warn_of_unverified_emails(&claims.issuer);
        }
        Ok(Arc::new(Principal::user(claims, scopes, user)))
    }

    /// Returns the principal of a request without credentials from `address`. A request is `is_forwarded` if it came
    /// through a proxy, so that its client need not be on this machine.
    #[must_use]
    pub fn anonymous(&self, is_forwarded: bool, address: &dyn Display) -> Arc<Principal> {
        let inner = &self.0;
        let scopes = inner.anonymous_scopes.unwrap_or_default();
        let trusts_everyone = inner.trusts_everyone() && !is_forwarded;
        let first_key = trusts_everyone.then(|| inner.api_keys.until_first_key());
        Arc::new(match first_key.flatten() {
            Some(first_key) => Principal::local(first_key, address),
            None => Principal::anonymous(scopes, address),
        })
    }

    /// Returns who may do what.
    #[must_use]
    pub fn access(&self) -> Access {
        let inner = &self.0;
        let is_open = inner.trusts_everyone() && inner.api_keys.is_empty();
        let anonymous = match inner.anonymous_scopes.unwrap_or_default() {
            _ if is_open => format!("{} until an API key exists", Scopes::all()),
            none if none.is_empty() => "none".to_owned(),
            scopes => scopes.to_string(),
        };
        Access {
            anonymous,
            keys: inner.api_keys.len(),
            issuer: inner.jwt.as_ref().map(|jwt| jwt.issuer().to_owned()),
        }
    }

    /// Returns the clock against which credentials expire.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }
}
