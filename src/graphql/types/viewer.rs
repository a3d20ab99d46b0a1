//! The `Viewer` type.

use async_graphql::{Enum, Object};

use super::user::User;
use crate::auth::{Principal, PrincipalKind};

/// The authenticated principal.
#[derive(Debug)]
pub(crate) struct Viewer(Principal);

/// How a request is authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "PrincipalKind")]
pub(crate) enum ViewerKind {
    /// The request carries no credentials.
    Anonymous,
    /// The request carries a token of the configured issuer.
    User,
    /// The request carries an API key.
    ApiKey,
}

impl From<Principal> for Viewer {
    fn from(principal: Principal) -> Self {
        Self(principal)
    }
}

/// The authenticated principal: who sends the request, and what they are authorized to do.
#[Object]
impl Viewer {
    /// The principal's display name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// How the request is authenticated.
    async fn kind(&self) -> ViewerKind {
        self.0.kind.into()
    }

    /// The granted scopes: `read`, `report`, `operate` and `admin`. `admin` includes the others.
    async fn scopes(&self) -> Vec<String> {
        self.0
            .scopes
            .iter()
            .map(|scope| scope.to_string())
            .collect()
    }

    /// The user that the token belongs to; null for API keys, anonymous requests and unknown users.
    async fn user(&self) -> Option<User> {
        self.0.user.clone().map(Into::into)
    }
}
