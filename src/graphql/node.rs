//! Anything that has an id.

use async_graphql::{Context, ID, Interface};
use uuid::Uuid;

use super::{context::LedgerContext, event::SyncEvent, run::SyncRun, user::User};
use crate::runs::{Error, Result};

/// Anything that has an id.
#[derive(Debug, Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "The UUID, unique across all types."))]
pub(super) enum Node {
    /// A run.
    Run(SyncRun),
    /// An event.
    Event(SyncEvent),
    /// A user.
    User(User),
}

impl Node {
    /// Looks for the id among runs, events and users at once; ids are unique across them.
    pub(super) async fn find(ctx: &Context<'_>, id: Uuid) -> Result<Option<Self>> {
        let loaders = ctx.loaders();
        let (run, event, user) =
            futures_util::try_join!(loaders.run(id), loaders.event(id), loaders.user(id))?;
        Ok(run
            .map(|run| Self::Run(run.into()))
            .or_else(|| event.map(|event| Self::Event(event.into())))
            .or_else(|| user.map(|user| Self::User(user.into()))))
    }
}

/// The UUID that a client gave as `name`.
pub(super) fn uuid(name: &str, id: &ID) -> Result<Uuid> {
    Uuid::parse_str(id).map_err(|_| {
        let text: String = id.chars().take(50).collect();
        Error::BadInput(format!(
            "{name} `{text}` is not a UUID, such as 0197d2c4-8a3e-7c1b-9f00-3b5a1c2d4e6f"
        ))
    })
}

/// The UUIDs that a client gave as `name`.
pub(super) fn uuids(name: &str, ids: &[ID]) -> Result<Vec<Uuid>> {
    ids.iter().map(|id| uuid(name, id)).collect()
}
