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
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, DbErr, EntityTrait, QueryFilter,
};
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

    /// Who brings these credentials: what stands behind `Bearer`, or nothing.
    ///
    /// # Errors
    /// What was brought is not valid.
    pub async fn admit(&self, credentials: Option<&str>) -> Result<Arc<Principal>, Denied> {
        let Some(credentials) = credentials else {
            return Ok(Arc::new(Principal::anonymous(self.anonymous())));
        };
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

    /// Time, by which admissions end.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    fn anonymous(&self) -> Scopes {
        let is_open = self.0.is_local && self.0.tokens.is_none() && self.0.keyring.is_empty();
        match self.0.policy.anonymous {
            Some(scopes) => scopes,
            None if is_open => Scopes::all(),
            None => Scopes::default(),
        }
    }

    async fn person(&self, claims: Claims) -> Result<Arc<Principal>, Denied> {
        let user = self.user(&claims).await.map_err(|error| {
            warn!(%error, "the user of a token cannot be read");
            Denied::Unavailable
        })?;
        Ok(Arc::new(Principal::person(claims, user)))
    }

    /// The user whom a token speaks of: by the id if its subject is one, or else by the e-mail address.
    /// One who is not there yet is added, if the table lets that be: the predecessor's does not.
    async fn user(&self, claims: &Claims) -> Result<Option<user::Model>, DbErr> {
        let id = Uuid::parse_str(&claims.subject).ok();
        let known = Condition::any()
            .add_option(id.map(|id| user::Column::Id.eq(id)))
            .add_option(
                claims
                    .email
                    .as_ref()
                    .map(|email| user::Column::Email.eq(email)),
            );
        if known.is_empty() {
            return Ok(None);
        }
        let find = || user::Entity::find().filter(known.clone());
        if let Some(user) = find().one(self.0.database.read()).await? {
            return Ok(Some(user));
        }
        let Some(email) = &claims.email else {
            return Ok(None);
        };
        let own_name = format!("{} {}", claims.issuer, claims.subject);
        let new = user::ActiveModel {
            id: Set(id.unwrap_or_else(|| Uuid::new_v5(&Uuid::NAMESPACE_URL, own_name.as_bytes()))),
            email: Set(email.clone()),
            full_name: Set(claims.name.clone().unwrap_or_else(|| email.clone())),
        };
        match new.insert(self.0.database.write()).await {
            Ok(user) => Ok(Some(user)),
            Err(error) => {
                debug!(%error, "a user could not be added");
                // Perhaps since another has.
                find().one(self.0.database.read()).await
            }
        }
    }
}
