//! Users: the type with its table of fields, and their lists.

mod connection;

use async_graphql::{ID, Object};

use crate::{
    graphql::{
        fast_path::{FastFields, Field},
        types::stored::{StoredText, served_text},
    },
    runs,
};
pub(crate) use connection::{UserConnection, list_users};

/// A person who can trigger runs.
#[derive(Clone, Debug)]
pub(crate) struct User(runs::User);

impl From<runs::User> for User {
    fn from(user: runs::User) -> Self {
        Self(user)
    }
}

impl FastFields for User {
    type Columns = ();

    const ALL_COLUMNS: () = ();

    const FIELDS: &'static [Field<Self>] = &[
        Field::type_name(()),
        Field::scalar("id", (), |user, json| json.scalar(user.0.id)),
        Field::scalar("email", (), |user, json| {
            json.scalar(served_text(&user.0.email));
        }),
        Field::scalar("fullName", (), |user, json| {
            json.scalar(served_text(&user.0.full_name));
        }),
    ];
}

/// A person who can trigger runs.
#[Object]
impl User {
    /// The user's UUID.
    pub(crate) async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// The user's e-mail address, unique among users.
    async fn email(&self) -> StoredText<'_> {
        StoredText(&self.0.email)
    }

    /// The user's display name.
    async fn full_name(&self) -> StoredText<'_> {
        StoredText(&self.0.full_name)
    }
}
