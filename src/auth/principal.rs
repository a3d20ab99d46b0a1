//! The authenticated caller of a request.

use std::{fmt::Display, future::pending, sync::Arc};

use chrono::{DateTime, Utc};
use entity::{SyncSource, api_key, user};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    jwt::Claims,
    scope::{Scope, Scopes},
};

/// How a principal has authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PrincipalKind {
    /// Without credentials.
    Anonymous,
    /// With a token of the issuer.
    User,
    /// With an API key.
    ApiKey,
}

/// The caller of a request, and what it may do.
#[derive(Clone, Debug)]
pub struct Principal {
    /// Display name: the name of the API key, or the user's name, e-mail address or subject.
    pub name: String,
    /// How the principal has authenticated.
    pub kind: PrincipalKind,
    /// Scopes granted to it.
    pub scopes: Scopes,
    /// The row of the user. `None` for API keys and anonymous principals, and for users without a row.
    pub user: Option<user::Model>,
    /// Unique id, used by limits and the audit log. That of an anonymous principal names the address of its client, so
    /// that limits per principal hold per address.
    pub id: Arc<str>,
    /// The id of the API key. `None` for others.
    pub key_id: Option<Uuid>,
    /// The only sources whose runs it may report on. `None` allows every source.
    pub sources: Option<Vec<SyncSource>>,
    /// When its credential expires. `None` if it does not.
    pub expires_at: Option<DateTime<Utc>>,
    /// Cancelled when its credential is revoked.
    pub(super) revoked: Option<CancellationToken>,
}

impl Principal {
    /// Creates the principal of requests without credentials from an address.
    #[must_use]
    pub fn anonymous(scopes: Scopes, address: &dyn Display) -> Self {
        Self {
            name: "anonymous".to_owned(),
            kind: PrincipalKind::Anonymous,
            scopes,
            user: None,
            id: format!("anonymous {address}").into(),
            key_id: None,
            sources: None,
            expires_at: None,
            revoked: None,
        }
    }

    /// Creates the principal of local requests while no authentication is configured. It has all scopes
    /// until the first API key is created.
    pub(super) fn local(first_key: CancellationToken, address: &dyn Display) -> Self {
        Self {
            revoked: Some(first_key),
            ..Self::anonymous(Scopes::all(), address)
        }
    }

    pub(super) fn user(claims: Claims, scopes: Scopes, user: Option<user::Model>) -> Self {
        Self {
            id: format!("user {} {}", claims.issuer, claims.subject).into(),
            key_id: None,
            scopes,
            kind: PrincipalKind::User,
            name: claims.name.or(claims.email).unwrap_or(claims.subject),
            user,
            sources: None,
            expires_at: Some(claims.expires_at),
            revoked: None,
        }
    }

    /// Creates the principal of an API key. Returns `None` if the key has scopes or sources that this
    /// version does not know: ignoring them could grant more than intended.
    pub(super) fn api_key(key: &api_key::Model, revoked: CancellationToken) -> Option<Self> {
        let sources = key.sources.as_ref().map(|sources| {
            let sources = sources.split(' ').map(str::parse);
            sources.collect::<Result<Vec<SyncSource>, _>>()
        });
        Some(Self {
            id: format!("key {}", key.id).into(),
            key_id: Some(key.id),
            scopes: key.scopes.parse().ok()?,
            kind: PrincipalKind::ApiKey,
            name: key.name.clone(),
            user: None,
            sources: sources.transpose().ok()?,
            expires_at: key.expires_at,
            revoked: Some(revoked),
        })
    }

    /// Returns whether the principal has `scope`.
    #[must_use]
    pub fn has_scope(&self, scope: Scope) -> bool {
        self.scopes.grants(scope)
    }

    /// Returns the id of the user's row.
    #[must_use]
    pub fn user_id(&self) -> Option<Uuid> {
        self.user.as_ref().map(|user| user.id)
    }

    /// Returns whether the credential can expire or be revoked.
    #[must_use]
    pub fn can_be_invalidated(&self) -> bool {
        self.expires_at.is_some() || self.revoked.is_some()
    }

    /// Waits until the credential expires or is revoked; forever if it cannot be.
    pub async fn invalidated(&self, now: DateTime<Utc>) {
        let expired = async {
            match self.expires_at {
                // The difference is negative if the instant has passed.
                Some(at) => tokio::time::sleep((at - now).to_std().unwrap_or_default()).await,
                None => pending().await,
            }
        };
        let revoked = async {
            match &self.revoked {
                Some(revoked) => revoked.cancelled().await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = expired => {}
            () = revoked => {}
        }
    }
}
