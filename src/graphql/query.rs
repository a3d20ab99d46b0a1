//! What can be asked.

use async_graphql::{Context, ID, Object, Result};

use super::{
    auth_guard::RequireScope,
    context::ContextExt,
    fast_path::Fast,
    types::{
        event::{SyncEventConnection, SyncEventFilter},
        id::{parse_uuid, parse_uuids},
        node::Node,
        pagination::PageArguments,
        run::{SyncRun, SyncRunConnection, SyncRunFilter, SyncRunOrder},
        viewer::Viewer,
    },
};
use crate::{auth::Scope, runs::Error};

/// What can be asked of the ledger.
#[derive(Debug)]
pub(crate) struct Query;

/// What can be asked of the ledger.
#[Object]
impl Query {
    /// The run, event or user with this id; null if there is none.
    #[graphql(guard = "RequireScope(Scope::Read)")]
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The UUID.")] id: ID,
    ) -> Result<Option<Node>> {
        Ok(Node::find(ctx, parse_uuid("id", &id)?).await?)
    }

    /// The runs, events or users with these ids, in their order; null for an id that nothing has. At most 100.
    #[graphql(guard = "RequireScope(Scope::Read)")]
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The UUIDs.")] ids: Vec<ID>,
    ) -> Result<Vec<Option<Node>>> {
        let most = ctx.pages().most;
        if ids.len() > most as usize {
            let count = ids.len();
            return Err(
                Error::BadInput(format!("{count} ids; ask for at most {most} at once")).into(),
            );
        }
        let ids = parse_uuids("ids", &ids)?;
        let found = ids.into_iter().map(|id| Node::find(ctx, id));
        Ok(futures_util::future::try_join_all(found).await?)
    }

    /// The run with this id; null if there is none.
    #[graphql(guard = "RequireScope(Scope::Read)")]
    async fn sync_run(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The run's UUID.")] id: ID,
    ) -> Result<Option<Fast<SyncRun>>> {
        let parts = SyncRun::parts(ctx, &[ctx.look_ahead()]);
        let run = ctx.runs().find(parse_uuid("id", &id)?, &parts).await?;
        Ok(run.map(|run| Fast(SyncRun::read(run, &parts))))
    }

    /// The runs that match. Newest first unless `orderBy` says otherwise. Pages of 25 by default, 100 at most.
    #[expect(clippy::too_many_arguments, reason = "the contract's")]
    #[graphql(guard = "RequireScope(Scope::Read)")]
    async fn sync_runs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which runs.")] filter: Option<SyncRunFilter>,
        #[graphql(desc = "In which order.")] order_by: Option<SyncRunOrder>,
        #[graphql(desc = "So many of the first.")] first: Option<i32>,
        #[graphql(desc = "Only runs behind this cursor.")] after: Option<String>,
        #[graphql(desc = "So many of the last.")] last: Option<i32>,
        #[graphql(desc = "Only runs before this cursor.")] before: Option<String>,
    ) -> Result<Fast<SyncRunConnection>> {
        let arguments = PageArguments {
            first,
            after,
            last,
            before,
        };
        let page = SyncRunConnection::read(ctx, filter, order_by, arguments);
        Ok(Fast(page.await?))
    }

    /// Events across runs, newest first. Pages of 25 by default, 100 at most.
    #[graphql(guard = "RequireScope(Scope::Read)")]
    async fn sync_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which events.")] filter: Option<SyncEventFilter>,
        #[graphql(desc = "So many of the first.")] first: Option<i32>,
        #[graphql(desc = "Only events behind this cursor.")] after: Option<String>,
        #[graphql(desc = "So many of the last.")] last: Option<i32>,
        #[graphql(desc = "Only events before this cursor.")] before: Option<String>,
    ) -> Result<Fast<SyncEventConnection>> {
        let arguments = PageArguments {
            first,
            after,
            last,
            before,
        };
        let page = SyncEventConnection::across(ctx, filter, arguments);
        Ok(Fast(page.await?))
    }

    /// Who is asking, and what they may do.
    async fn viewer(&self, ctx: &Context<'_>) -> Viewer {
        ctx.principal().clone().into()
    }
}
