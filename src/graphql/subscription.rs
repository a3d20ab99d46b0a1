//! What can be watched.

use async_graphql::{Context, ID, Result, Subscription};
use futures_util::{Stream, StreamExt};

use super::{
    auth_guard::RequireScope,
    context::ContextExt,
    types::{
        cursor::{decode_added_events, decode_changes, encode_added_events, encode_changes},
        event::SyncEventAdded,
        id::parse_uuid,
        run::{SyncChangeKind, SyncRunChange, SyncRunFilter},
    },
};
use crate::{
    auth::Scope,
    feed::{RunChanges, RunEvents},
};

/// What can be watched.
#[derive(Debug)]
pub(super) struct Subscription;

/// What can be watched.
#[Subscription]
impl Subscription {
    /// Changes of the runs that match, in order, from `after` (or from now) on: none lost, none twice. Delivers CREATED and STATUS unless `kinds` asks otherwise.
    #[graphql(guard = "RequireScope(Scope::Read)")]
    async fn sync_run_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Of which runs.")] filter: Option<SyncRunFilter>,
        #[graphql(
            default_with = "vec![SyncChangeKind::Created, SyncChangeKind::Status]",
            desc = "Which kinds of change."
        )]
        kinds: Vec<SyncChangeKind>,
        #[graphql(
            desc = "Behind this place of the feed: a `cursor` or `feedCursor` of an earlier answer."
        )]
        after: Option<String>,
    ) -> Result<impl Stream<Item = Result<SyncRunChange>> + use<>> {
        let range = ctx.feed_range();
        let interest = RunChanges {
            filter: filter.unwrap_or_default().parse()?,
            kinds: kinds.into_iter().map(Into::into).collect(),
        };
        let after = range.after(after).as_deref().map(decode_changes);
        let changes = range
            .watch(ctx.feed(), interest, after.transpose()?, encode_changes)
            .await?;
        Ok(changes.map(|change| Ok(change?.into())))
    }

    /// The run's events from `after` (or from its first) on; ends when the run has ended and all is delivered.
    #[graphql(guard = "RequireScope(Scope::Read)")]
    async fn sync_event_added(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The run.")] run_id: ID,
        #[graphql(
            desc = "Behind this place: a `cursor` of this subscription's, or a `feedCursor` of a list of events."
        )]
        after: Option<String>,
    ) -> Result<impl Stream<Item = Result<SyncEventAdded>> + use<>> {
        let range = ctx.feed_range();
        let events = RunEvents(parse_uuid("runId", &run_id)?);
        let after = range.after(after).as_deref().map(decode_added_events);
        let added = range
            .watch(ctx.feed(), events, after.transpose()?, encode_added_events)
            .await?;
        Ok(added.map(|added| Ok(added?.into())))
    }
}
