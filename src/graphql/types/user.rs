//! People who trigger runs.

use async_graphql::{ID, Object};

use crate::{
    graphql::fast_path::{FastFields, Write, put_resolved},
    runs,
};

/// A person who triggers runs.
#[derive(Debug)]
pub(crate) struct User(runs::User);

impl From<runs::User> for User {
    fn from(user: runs::User) -> Self {
        Self(user)
    }
}

impl FastFields for User {
    fn plain(field: &str) -> Option<Write<Self>> {
        Some(match field {
            "id" => |user, ctx, json| put_resolved(json, user.id(ctx)),
            "email" => |user, ctx, json| put_resolved(json, user.email(ctx)),
            "fullName" => |user, ctx, json| put_resolved(json, user.full_name(ctx)),
            _ => return None,
        })
    }
}

/// A person who triggers runs.
#[Object]
impl User {
    /// The user's UUID.
    pub(crate) async fn id(&self) -> ID {
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
