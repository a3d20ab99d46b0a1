//! The `Node` interface.

use async_graphql::{Context, ID, Interface, Result};
use uuid::Uuid;

use super::{event::SyncEvent, run::SyncRun, user::User};
use crate::{
    auth::Scope,
    graphql::{auth_guard::Authorize, context::ContextExt},
};

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
    /// Finds a run, event or user by id that the principal may read. The three lookups run concurrently, since
    /// an id does not reveal its type.
    ///
    /// # Errors
    /// Returns an error if the principal may not read it, and if the database is unavailable.
    pub(crate) async fn find(ctx: &Context<'_>, id: Uuid) -> Result<Option<Self>> {
        let loaders = ctx.loaders();
        let (run, event, user) =
            futures_util::try_join!(loaders.run(id), loaders.event(id), loaders.user(id))?;
        if !ctx.principal().has_scope(Scope::Read) {
            let of_event = match (&run, &event) {
                (None, Some(event)) => loaders.run(event.sync_id).await?,
                _ => None,
            };
            ctx.authorize_read(run.as_ref().or(of_event.as_ref()))?;
        }
        Ok(run
            .map(|run| Self::Run(Box::new(run.into())))
            .or_else(|| event.map(|event| Self::Event(event.into())))
            .or_else(|| user.map(|user| Self::User(user.into()))))
    }
}
