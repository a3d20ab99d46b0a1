//! People who trigger runs.

use async_graphql::{ID, Object};

use super::objects::Plain;
use crate::runs;

/// A person who triggers runs.
#[derive(Debug)]
pub(super) struct User(runs::User);

impl From<runs::User> for User {
    fn from(user: runs::User) -> Self {
        Self(user)
    }
}

impl Plain for User {
    const APART: &'static [&'static str] = &[];
}

/// A person who triggers runs.
#[Object]
impl User {
    /// The user's UUID.
    pub(super) async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// The e-mail address, unique among users.
    async fn email(&self) -> &str {
        &self.0.email
    }

    /// The name to show.
    async fn full_name(&self) -> &str {
        &self.0.full_name
    }
}
