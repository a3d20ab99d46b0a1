//! Who is asking, and what they may do.

use async_graphql::{Enum, Object};

use super::user::User;
use crate::auth::{Principal, PrincipalKind};

/// Who is asking.
#[derive(Debug)]
pub(crate) struct Viewer(Principal);

/// How somebody has said who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "PrincipalKind")]
pub(crate) enum ViewerKind {
    /// Not at all.
    Anonymous,
    /// By a token of the issuer's.
    User,
    /// By an API key.
    ApiKey,
}

impl From<Principal> for Viewer {
    fn from(principal: Principal) -> Self {
        Self(principal)
    }
}

/// Who is asking.
#[Object]
impl Viewer {
    /// What they are called.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// How they have said who they are.
    async fn kind(&self) -> ViewerKind {
        self.0.kind.into()
    }

    /// What they may do: `read`, `report`, `operate`, or `admin`, which is all of it.
    async fn scopes(&self) -> Vec<String> {
        self.0
            .scopes
            .iter()
            .map(|scope| scope.to_string())
            .collect()
    }

    /// The user they are, for one who came by a token.
    async fn user(&self) -> Option<User> {
        self.0.user.clone().map(Into::into)
    }
}
