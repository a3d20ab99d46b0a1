//! The `Node` interface.

use async_graphql::{Context, ID, Interface};
use uuid::Uuid;

use super::{event::SyncEvent, run::SyncRun, user::User};
use crate::{graphql::context::ContextExt, runs::Result};

/// An object with a globally unique id.
#[derive(Debug, Interface)]
#[graphql(field(
    name = "id",
    ty = "ID",
    desc = "The object's UUID, unique across all types."
))]
pub(crate) enum Node {
    /// A run.
    Run(Box<SyncRun>),
    /// An event.
    Event(SyncEvent),
    /// A user.
    User(User),
}

impl Node {
    /// Finds a run, event or user by id. The three lookups run concurrently, since an id does not
    /// reveal its type.
    pub(crate) async fn find(ctx: &Context<'_>, id: Uuid) -> Result<Option<Self>> {
        let loaders = ctx.loaders();
        let (run, event, user) =
            futures_util::try_join!(loaders.run(id), loaders.event(id), loaders.user(id))?;
        Ok(run
            .map(|run| Self::Run(Box::new(run.into())))
            .or_else(|| event.map(|event| Self::Event(event.into())))
            .or_else(|| user.map(|user| Self::User(user.into()))))
    }
}
