//! The subscriptions of the API.

use async_graphql::{Context, ID, Result, Subscription};
use futures_util::{Stream, StreamExt, stream};

use super::{
    auth_guard::RequireScope,
    context::ContextExt,
    types::{
        cursor::{decode_added_events, decode_changes, encode_added_events, encode_changes},
        event::SyncEventAdded,
        freshness::{SyncFreshness, parse_pairs},
        id::parse_uuid,
        run::{SyncChangeKind, SyncEntityType, SyncRunChange, SyncRunFilter, SyncSource},
    },
};
use crate::{
    auth::Scope,
    feed::{RunChanges, RunEvents},
};

/// The root of all subscriptions.
#[derive(Debug)]
pub(super) struct Subscription;

/// The root of all subscriptions.
#[Subscription]
impl Subscription {
    /// Streams committed changes of runs. Each change is delivered exactly once, and the changes of one run are delivered in order. A deletion is a change, whichever application deletes the run. Requires the scope READ.
    #[graphql(guard = "RequireScope(Scope::Read)")]
    async fn sync_run_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Returns only changes of runs that match this filter before or after the change, with the details that the run has now. The error message and the details of a deleted run are no longer known: conditions on them are taken as met."
        )]
        filter: Option<SyncRunFilter>,
        #[graphql(
            default_with = "vec![SyncChangeKind::Created, SyncChangeKind::Status, SyncChangeKind::Deleted]",
            desc = "Returns only changes of these kinds."
        )]
        kinds: Vec<SyncChangeKind>,
        #[graphql(
            desc = "Returns changes after this cursor: the `cursor` of a change, or the `feedCursor` of a list of runs. By default, returns changes that are committed from now on."
        )]
        after: Option<String>,
    ) -> Result<impl Stream<Item = Result<SyncRunChange>> + use<>> {
        let range = ctx.feed_range();
        let topic = RunChanges {
            filter: filter.unwrap_or_default().parse(ctx.lossy_numbers())?,
            kinds: kinds.into_iter().map(Into::into).collect(),
        };
        let after = match range.start_after(after) {
            Some(cursor) => Some(decode_changes(&cursor)?),
            None => range.start(),
        };
        let changes = range
            .deliver(ctx.feed(), topic, after, encode_changes)
            .await?;
        Ok(changes.map(|change| Ok(change?.item.into())))
    }

    /// Streams the events of a run, in the order in which they were stored. Completes when the run has ended and all its events have been delivered, or when the run is deleted. A run that was closed as lost may still be recovered: its stream stays open until then. Requires the scope READ.
    #[graphql(guard = "RequireScope(Scope::Read)")]
    async fn sync_event_added(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The ID of the run.")] run_id: ID,
        #[graphql(
            desc = "Returns events after this cursor: the `cursor` of a delivered event, or the `feedCursor` of a list of events. By default, starts with the first event of the run."
        )]
        after: Option<String>,
    ) -> Result<impl Stream<Item = Result<SyncEventAdded>> + use<>> {
        let range = ctx.feed_range();
        let topic = RunEvents(parse_uuid("runId", &run_id)?);
        let after = range.start_after(after).as_deref().map(decode_added_events);
        let events = range
            .deliver(ctx.feed(), topic, after.transpose()?, encode_added_events)
            .await?;
        Ok(events.map(|added| {
            let added = added?;
            Ok((added.cursor, added.item).into())
        }))
    }

    /// Streams the freshness of pairs of an entity type and a source: the present state of each, then each pair whose state changes, by a run or by time passing. After a reconnect it starts with the present states again. Requires the scope READ.
    #[expect(
        clippy::unused_async,
        reason = "async-graphql requires async resolvers"
    )]
    #[graphql(guard = "RequireScope(Scope::Read)")]
    async fn sync_freshness_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Returns only pairs of these entity types.")] entity_type: Option<
            Vec<SyncEntityType>,
        >,
        #[graphql(
            desc = "Returns only pairs of these sources. Pairs that both arguments name are included even if they never ran."
        )]
        source: Option<Vec<SyncSource>>,
    ) -> Result<impl Stream<Item = SyncFreshness> + use<>> {
        let selection = parse_pairs(entity_type, source)?;
        let changes = ctx.take_freshness_changes().into_iter();
        let changes = stream::iter(changes.map(move |changes| changes.select(selection.clone())));
        let changes = changes.flatten();
        Ok(changes.map(|(freshness, now)| SyncFreshness::new(freshness, now)))
    }
}
