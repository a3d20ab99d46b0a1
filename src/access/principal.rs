//! Who is asking.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use entity::{SyncSource, api_key, user};
use strum::{AsRefStr, Display, EnumString, VariantArray};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Claims;

/// What may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, AsRefStr, Display, EnumString, VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum Scope {
    /// Look at and watch everything.
    Read,
    /// Create runs, report on them, complete them.
    Report,
    /// Cancel runs, and act for others.
    Operate,
    /// All of it.
    Admin,
}

/// A set of scopes.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Scopes(u8);

/// A word that is no scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no scope; there are read, report, operate and admin")]
pub struct UnknownScope(String);

impl Scopes {
    /// Every scope.
    #[must_use]
    pub fn all() -> Self {
        Scope::VARIANTS.iter().copied().collect()
    }

    /// Whether they allow what `scope` names.
    #[must_use]
    pub fn allow(self, scope: Scope) -> bool {
        self.has(scope) || self.has(Scope::Admin)
    }

    /// Whether they allow nothing.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The scopes, in their order.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        let has = move |scope: &Scope| self.has(*scope);
        Scope::VARIANTS.iter().copied().filter(has)
    }

    fn has(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8) != 0
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let bits = scopes.into_iter().map(|scope| 1 << scope as u8);
        Self(bits.fold(0, |all, bit: u8| all | bit))
    }
}

/// EnumFilter separated by blanks or commas.
impl FromStr for Scopes {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        let words = text.split([' ', ',']).filter(|word| !word.is_empty());
        words
            .map(|word| word.parse().map_err(|_| UnknownScope(word.to_owned())))
            .collect()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.iter().map(|scope| scope.to_string()).collect();
        f.write_str(&words.join(" "))
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How somebody has said who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Not at all.
    Anonymous,
    /// By a token.
    User,
    /// By an API key.
    ApiKey,
}

/// Who is asking.
#[derive(Clone, Debug)]
pub struct Principal {
    /// What they are called.
    pub name: String,
    /// How they have said who they are.
    pub kind: Kind,
    /// What they may do.
    pub scopes: Scopes,
    /// The user they are.
    pub user: Option<user::Model>,
    /// What tells them from all others, for limits and the log.
    pub id: String,
    /// The only sources whose runs they may report; none binds them to none.
    pub sources: Option<Vec<SyncSource>>,
    /// When this ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// Cancelled when it is ended before.
    pub(super) revoked: Option<CancellationToken>,
}

impl Principal {
    /// One who has not said who they are.
    #[must_use]
    pub fn anonymous(scopes: Scopes) -> Self {
        Self {
            name: "anonymous".to_owned(),
            kind: Kind::Anonymous,
            scopes,
            user: None,
            id: "anonymous".to_owned(),
            sources: None,
            expires_at: None,
            revoked: None,
        }
    }

    /// One who has not said who they are, on a machine where that is not asked until there is a key.
    pub(super) fn owner(there_is_a_key: CancellationToken) -> Self {
        Self {
            revoked: Some(there_is_a_key),
            ..Self::anonymous(Scopes::all())
        }
    }

    pub(super) fn person(claims: Claims, scopes: Scopes, user: Option<user::Model>) -> Self {
        Self {
            id: format!("user {} {}", claims.issuer, claims.subject),
            scopes,
            kind: Kind::User,
            name: claims.name.or(claims.email).unwrap_or(claims.subject),
            user,
            sources: None,
            expires_at: Some(claims.expires_at),
            revoked: None,
        }
    }

    /// The holder of a key; none if it says what this server does not know, and so might allow more
    /// than was meant.
    pub(super) fn holder(key: &api_key::Model, revoked: CancellationToken) -> Option<Self> {
        let sources = key.sources.as_ref().map(|sources| {
            let words = sources.split(' ').map(str::parse);
            words.collect::<Result<Vec<SyncSource>, _>>()
        });
        Some(Self {
            id: format!("key {}", key.id),
            scopes: key.scopes.parse().ok()?,
            kind: Kind::ApiKey,
            name: key.name.clone(),
            user: None,
            sources: sources.transpose().ok()?,
            expires_at: key.expires_at,
            revoked: Some(revoked),
        })
    }

    /// Whether they may do what `scope` names.
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.allow(scope)
    }

    /// Whether they may report on runs of this source.
    #[must_use]
    pub fn may_report_on(&self, source: SyncSource) -> bool {
        self.sources
            .as_ref()
            .is_none_or(|sources| sources.contains(&source))
    }

    /// The user they are.
    #[must_use]
    pub fn user_id(&self) -> Option<Uuid> {
        self.user.as_ref().map(|user| user.id)
    }

    /// Whether there may come a time when they are to be let in no longer.
    #[must_use]
    pub fn may_end(&self) -> bool {
        self.expires_at.is_some() || self.revoked.is_some()
    }

    /// Waits until they are to be let in no longer.
    pub async fn ended(&self, now: DateTime<Utc>) {
        let expired = async {
            match self.expires_at {
                // What has passed already has no duration.
                Some(at) => tokio::time::sleep((at - now).to_std().unwrap_or_default()).await,
                None => std::future::pending().await,
            }
        };
        let revoked = async {
            match &self.revoked {
                Some(revoked) => revoked.cancelled().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = expired => {}
            () = revoked => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_read_and_write_as_words() {
        let scopes: Scopes = "report, read".parse().unwrap();
        assert_eq!(scopes.to_string(), "read report");
        assert!("read write".parse::<Scopes>().is_err());
        assert!("".parse::<Scopes>().unwrap().is_empty());
    }

    #[test]
    fn each_scope_allows_itself_alone_and_admin_all() {
        for scope in Scope::VARIANTS {
            let scopes: Scopes = [*scope].into_iter().collect();
            for other in Scope::VARIANTS {
                let allowed = scope == other || *scope == Scope::Admin;
                assert_eq!(scopes.allow(*other), allowed, "{scope} for {other}");
            }
        }
    }
}
