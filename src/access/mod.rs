//! Who is asking, and what they may do.
//!
//! Workers hold API keys: [`secret`] is what a key looks like, [`keys`] makes and revokes them, the
//! [`keyring`] knows them while the server runs. People hold tokens of an issuer: [`tokens`]. Both make
//! a [`Principal`]; whoever brings neither is anonymous, and may do what [`Policy`] says.

mod keyring;
pub mod keys;
mod principal;
mod secret;
mod tokens;

use std::{net::SocketAddr, sync::Arc};

use entity::user;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, QueryFilter};
use tracing::{debug, warn};
use uuid::Uuid;

use crate::{clock::Clock, db::Database};
use keyring::Keyring;

pub use principal::{Kind, Principal, Scope, Scopes, UnknownScope};
pub use tokens::{Claims, Refused, TokenSettings, Tokens, TokensError};

/// What tokens and anonymous visitors are let in by.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// What whoever brings nothing may do; unless set, everything on the loopback address while there
    /// are neither keys nor an issuer, and nothing otherwise.
    pub anonymous: Option<Scopes>,
}

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// What was brought is not, or no longer, valid.
    #[error("{0}")]
    Invalid(&'static str),
    /// It cannot be told at the moment.
    #[error("it cannot be checked who is asking at the moment: try again")]
    Unavailable,
}

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// Whoever reaches the address could do everything.
    #[error(
        "anyone who reaches {0} could read and write everything, so this does not start. Make a key \
         (`sync-history key create --name NAME --scope report`), name an issuer of tokens \
         (`--oidc-issuer`), say what those without either may do (`--anonymous read`), or listen on \
         a loopback address"
    )]
    Open(SocketAddr),
    /// The keys cannot be read.
    #[error("cannot read the API keys: {0}")]
    Keys(#[from] DbErr),
    /// The settings for tokens make no sense, or their keys cannot be read.
    #[error(transparent)]
    Tokens(#[from] TokensError),
}

/// Lets in.
#[derive(Clone, Debug)]
pub struct Access(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    database: Database,
    clock: Arc<dyn Clock>,
    keyring: Keyring,
    tokens: Option<Tokens>,
    policy: Policy,
    /// Only this machine reaches the server.
    is_local: bool,
}

impl Access {
    /// Opens the door at `address` for who is to be let in.
    ///
    /// # Errors
    /// The door would stand open to the network, or the keys cannot be read.
    pub async fn open(
        database: Database,
        clock: Arc<dyn Clock>,
        tokens: Option<TokenSettings>,
        policy: Policy,
        address: SocketAddr,
    ) -> Result<Self, AccessError> {
        let keyring = Keyring::open(database.clone(), Arc::clone(&clock)).await?;
        let tokens = match tokens {
            Some(settings) => Some(Tokens::open(settings, Arc::clone(&clock)).await?),
            None => None,
        };
        let is_local = address.ip().is_loopback();
        let is_guarded = !keyring.is_empty() || tokens.is_some() || policy.anonymous.is_some();
        if !is_local && !is_guarded {
            return Err(AccessError::Open(address));
        }
        Ok(Self(Arc::new(Inner {
            database,
            clock,
            keyring,
            tokens,
            policy,
            is_local,
        })))
    }

    /// Who brings these credentials: what stands behind `Bearer`.
    ///
    /// # Errors
    /// What was brought is not valid.
    pub async fn admit(&self, credentials: &str) -> Result<Arc<Principal>, Denied> {
        if secret::looks_like_one(credentials) {
            return self.0.keyring.admit(credentials).await;
        }
        let Some(tokens) = &self.0.tokens else {
            return Err(Denied::Invalid("this is no key of this server's"));
        };
        match tokens.verify(credentials).await {
            Ok(claims) => self.person(claims).await,
            Err(Refused::Invalid(reason)) => Err(Denied::Invalid(reason)),
            Err(Refused::Unavailable) => Err(Denied::Unavailable),
        }
    }

    /// Who brings none; `is_forwarded` if they came through a proxy.
    #[must_use]
    pub fn admit_anonymous(&self, is_forwarded: bool) -> Arc<Principal> {
        let inner = &self.0;
        Arc::new(match inner.policy.anonymous {
            Some(scopes) => Principal::anonymous(scopes),
            // What a proxy brings need not come from this machine.
            None if inner.is_local && !is_forwarded && inner.tokens.is_none() => {
                match inner.keyring.until_there_is_a_key() {
                    Some(there_is_a_key) => Principal::owner(there_is_a_key),
                    None => Principal::anonymous(Scopes::default()),
                }
            }
            None => Principal::anonymous(Scopes::default()),
        })
    }

    /// Time, by which admissions end.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    async fn person(&self, claims: Claims) -> Result<Arc<Principal>, Denied> {
        // What the issuer says besides is none of this server's words.
        let scopes = claims.scopes.iter().filter_map(|word| word.parse().ok());
        let scopes = scopes.collect();
        let user = self.user(&claims, scopes).await.map_err(|error| {
            warn!(%error, "the user of a token cannot be read");
            Denied::Unavailable
        })?;
        Ok(Arc::new(Principal::person(claims, scopes, user)))
    }

    /// The user whom a token speaks of: by its subject, or else by the e-mail address if the issuer has
    /// verified that. One who is not there yet and may do something is added, if the table lets that be:
    /// the predecessor's does not.
    async fn user(&self, claims: &Claims, scopes: Scopes) -> Result<Option<user::Model>, DbErr> {
        let subject = format!("{} {}", claims.issuer, claims.subject);
        let own = Uuid::new_v5(&Uuid::NAMESPACE_URL, subject.as_bytes());
        let given = Uuid::parse_str(&claims.subject).ok();
        let read = self.0.database.read();
        for id in given.into_iter().chain([own]) {
            if let Some(user) = user::Entity::find_by_id(id).one(read).await? {
                return Ok(Some(user));
            }
        }
        let Some(email) = &claims.email else {
            return Ok(None);
        };
        let find = || user::Entity::find().filter(user::Column::Email.eq(email.as_str()));
        if let Some(user) = find().one(read).await? {
            return Ok(Some(user));
        }
        if scopes.is_empty() {
            return Ok(None);
        }
        let new = user::ActiveModel {
            id: Set(given.unwrap_or(own)),
            email: Set(email.clone()),
            full_name: Set(claims.name.clone().unwrap_or_else(|| email.clone())),
        };
        match new.insert(self.0.database.write()).await {
            Ok(user) => Ok(Some(user)),
            Err(error) => {
                debug!(%error, "a user could not be added");
                // Perhaps since another has.
                find().one(read).await
            }
        }
    }
}
