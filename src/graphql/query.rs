//! The root fields of queries.

use async_graphql::{Context, ID, Object, Result};

use super::{
    auth_guard::{Authorize, RequireReadOrOwnRuns, RequireScope},
    context::ContextExt,
    fast_path::{Fast, FastList},
    types::{
        connection::Connection,
        event::{SyncEvent, SyncEventFilter, list_events},
        failures::{SyncFailureGroups, failure_groups},
        freshness::{SyncFreshness, list_freshness},
        id::{parse_uuid, parse_uuids},
        node::Node,
        pagination::PageArguments,
        run::{
            OrderDirection, SyncEntityType, SyncRun, SyncRunFilter, SyncRunOrder, SyncSource,
            list_runs,
        },
        stats::{SyncRunDimension, SyncRunStats, TimeBucket, run_stats},
        user::{UserConnection, list_users},
        viewer::Viewer,
    },
};
use crate::{auth::Scope, runs::Error};

/// The root of queries.
#[derive(Debug)]
pub(crate) struct Query;

/// The query root. All fields but `viewer` require the scope `read`, unless they say otherwise.
#[Object]
impl Query {
    /// Returns the run, event or user with this id; null if there is none. Without the scope `read`, an API key with the scope
    /// `report` may read the runs that it created, and their events.
    #[graphql(guard = "RequireReadOrOwnRuns")]
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The UUID of the object.")] id: ID,
    ) -> Result<Option<Node>> {
        Node::find(ctx, parse_uuid("id", &id)?).await
    }

    /// Returns the runs, events and users with these ids, in the order of the ids; null for an id that does
    /// not exist. Without the scope `read`, an API key with the scope `report` may read the runs that it created, and their
    /// events.
    #[graphql(guard = "RequireReadOrOwnRuns")]
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The UUIDs of the objects, at most 100.")] ids: Vec<ID>,
    ) -> Result<Vec<Option<Node>>> {
        let max = ctx.pages().max;
        if ids.len() > max as usize {
            let count = ids.len();
            return Err(Error::BadInput(format!("{count} ids; at most {max} are allowed")).into());
        }
        let ids = parse_uuids("ids", &ids)?;
        let nodes = ids.into_iter().map(|id| Node::find(ctx, id));
        futures_util::future::try_join_all(nodes).await
    }

    /// Returns the run with this id; null if there is none. Without the scope `read`, an API key with the scope `report` may
    /// read the runs that it created.
    #[graphql(guard = "RequireReadOrOwnRuns")]
    async fn sync_run(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The run's UUID.")] id: ID,
    ) -> Result<Option<Fast<SyncRun>>> {
        let selection = SyncRun::selection(ctx, &[ctx.look_ahead()]);
        let run = ctx.runs().find(parse_uuid("id", &id)?, &selection).await?;
        ctx.authorize_read(run.as_ref().map(|loaded| &loaded.run))?;
        Ok(run.map(|run| Fast(SyncRun::from_loaded(run, &selection))))
    }

    /// Lists runs, newest first unless `orderBy` is given. Returns 25 runs by default and 100 at most.
    #[expect(clippy::too_many_arguments, reason = "the schema's arguments")]
    #[graphql(guard = "RequireScope(Scope::Read)")]
    async fn sync_runs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Returns only runs that match the filter.")] filter: Option<SyncRunFilter>,
        #[graphql(desc = "The order of the runs. Defaults to `startedAt`, newest first.")]
        order_by: Option<SyncRunOrder>,
        #[graphql(desc = "Returns the first n runs, 0 to 100. Not together with `last`.")]
        first: Option<i32>,
        #[graphql(
            desc = "A cursor; returns runs after it. It must come from a list with the same `orderBy`."
        )]
        after: Option<String>,
        #[graphql(desc = "Returns the last n runs, 0 to 100. Not together with `first`.")]
        last: Option<i32>,
        #[graphql(
            desc = "A cursor; returns runs before it. It must come from a list with the same `orderBy`."
        )]
        before: Option<String>,
        #[graphql(
            desc = "Skips this many runs, 0 to 10,000, for numbered pages: from the end with `last`. Not together with a cursor."
        )]
        offset: Option<i32>,
    ) -> Result<Option<Fast<Connection<SyncRun>>>> {
        let arguments = PageArguments {
            first,
            after,
            last,
            before,
            offset,
        };
        let page = list_runs(ctx, filter, order_by, arguments).await?;
        Ok(Some(Fast(page)))
    }

    /// Lists events of all runs, newest first unless `direction` is given. Returns 25 events by default and 100 at most.
    #[expect(clippy::too_many_arguments, reason = "the schema's arguments")]
    #[graphql(guard = "RequireScope(Scope::Read)")]
    async fn sync_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Returns only events that match the filter.")] filter: Option<
            SyncEventFilter,
        >,
        #[graphql(
            default_with = "OrderDirection::Desc",
            desc = "The order of the events by `timestamp`. DESC, newest first, by default."
        )]
        direction: OrderDirection,
        #[graphql(desc = "Returns the first n events, 0 to 100. Not together with `last`.")]
        first: Option<i32>,
        #[graphql(desc = "A cursor; returns events after it.")] after: Option<String>,
        #[graphql(desc = "Returns the last n events, 0 to 100. Not together with `first`.")]
        last: Option<i32>,
        #[graphql(desc = "A cursor; returns events before it.")] before: Option<String>,
        #[graphql(
            desc = "Skips this many events, 0 to 10,000, for numbered pages: from the end with `last`. Not together with a cursor."
        )]
        offset: Option<i32>,
    ) -> Result<Option<Fast<Connection<SyncEvent>>>> {
        let arguments = PageArguments {
            first,
            after,
            last,
            before,
            offset,
        };
        let page = list_events(ctx, filter, direction, arguments).await?;
        Ok(Some(Fast(page)))
    }

    /// Lists the users who can trigger runs, by name. Returns 25 users by default and 100 at most.
    #[graphql(guard = "RequireScope(Scope::Read)")]
    async fn users(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Returns only users whose name or e-mail address contains this text, ignoring case. At most 500 characters."
        )]
        search: Option<String>,
        #[graphql(desc = "Returns the first n users, 0 to 100. Not together with `last`.")]
        first: Option<i32>,
        #[graphql(desc = "A cursor; returns users after it.")] after: Option<String>,
        #[graphql(desc = "Returns the last n users, 0 to 100. Not together with `first`.")]
        last: Option<i32>,
        #[graphql(desc = "A cursor; returns users before it.")] before: Option<String>,
    ) -> Result<Option<Fast<UserConnection>>> {
        let arguments = PageArguments {
            first,
            after,
            last,
            before,
            offset: None,
        };
        let page = list_users(ctx, search, arguments).await?;
        Ok(Some(Fast(page)))
    }

    /// Returns statistics over the runs that match, one row per group and bucket of time, ordered by bucket, status,
    /// source and entity type. Buckets without runs are omitted. Without `groupBy` and `bucket` there is one row. More
    /// than 10,000 rows are an error.
    #[graphql(guard = "RequireScope(Scope::Read)")]
    async fn sync_run_stats(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Includes only runs that match the filter.")] filter: Option<
            SyncRunFilter,
        >,
        #[graphql(
            default,
            desc = "Returns a row for each combination of values that occurs. Not grouped by default."
        )]
        group_by: Vec<SyncRunDimension>,
        #[graphql(desc = "Returns a row for each bucket of this length in which runs started.")]
        bucket: Option<TimeBucket>,
        #[graphql(
            default = "UTC",
            desc = "The time zone of the buckets: a name in the IANA database, such as `Europe/Zurich`."
        )]
        time_zone: String,
    ) -> Result<Option<FastList<Vec<SyncRunStats>>>> {
        let stats = run_stats(ctx, filter, group_by, bucket, &time_zone).await?;
        Ok(Some(FastList(stats)))
    }

    /// Returns how fresh the data of each pair of an entity type and a source is, ordered by both: of the pairs that ever
    /// ran, that both arguments name, or that have a configured interval.
    #[graphql(guard = "RequireScope(Scope::Read)")]
    async fn sync_freshness(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Returns only pairs of these entity types.")] entity_type: Option<
            Vec<SyncEntityType>,
        >,
        #[graphql(desc = "Returns only pairs of these sources.")] source: Option<Vec<SyncSource>>,
    ) -> Result<Option<FastList<Vec<SyncFreshness>>>> {
        let all = list_freshness(ctx, entity_type, source).await?;
        Ok(Some(FastList(all)))
    }

    /// Groups the newest 10,000 failed runs that match by their error message, in which numbers, IDs, quoted values, paths,
    /// hosts, dates and the like are replaced by placeholders. Returns the groups with the most runs first.
    #[graphql(guard = "RequireScope(Scope::Read)")]
    async fn sync_failure_groups(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Includes only failed runs that match the filter.")] filter: Option<
            SyncRunFilter,
        >,
        #[graphql(default = 20, desc = "Returns the first n groups, 1 to 100.")] first: i32,
    ) -> Result<Option<SyncFailureGroups>> {
        failure_groups(ctx, filter, first).await.map(Some)
    }

    /// Returns the authenticated principal.
    async fn viewer(&self, ctx: &Context<'_>) -> Viewer {
        ctx.principal().clone().into()
    }
}
