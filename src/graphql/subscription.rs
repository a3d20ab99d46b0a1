//! What can be watched.

use async_graphql::{Context, ID, Result, Subscription};
use futures_util::{Stream, stream};

use super::{
    context::LedgerContext,
    cursor::{decode_added_events, decode_changes},
    event::SyncEventAdded,
    node::uuid,
    run::{SyncChangeKind, SyncRunChange, SyncRunFilter},
};
use crate::runs::feed::Interest;

/// What can be watched.
#[derive(Debug)]
pub(super) struct Subscription;

/// What can be watched.
#[Subscription]
impl Subscription {
    /// Changes of the runs that match, in order, from `after` (or from now) on: none lost, none twice. Delivers CREATED and STATUS unless `kinds` asks otherwise.
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
    ) -> Result<impl Stream<Item = Result<SyncRunChange>>> {
        let interest = Interest {
            filter: filter.unwrap_or_default().parse()?,
            kinds: kinds.into_iter().map(Into::into).collect(),
        };
        let after = after.as_deref().map(decode_changes).transpose()?;
        let subscriber = ctx.runs().feed().changes(interest, after).await?;
        Ok(stream::try_unfold(subscriber, async |mut subscriber| {
            let delivery = subscriber.next().await?;
            Ok(delivery.map(|delivery| (SyncRunChange::from(delivery), subscriber)))
        }))
    }

    /// The run's events from `after` (or from its first) on; ends when the run has ended and all is delivered.
    async fn sync_event_added(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The run.")] run_id: ID,
        #[graphql(
            desc = "Behind this place: a `cursor` of this subscription's, or a `feedCursor` of a list of events."
        )]
        after: Option<String>,
    ) -> Result<impl Stream<Item = Result<SyncEventAdded>>> {
        let after = after.as_deref().map(decode_added_events).transpose()?;
        let run_id = uuid("runId", &run_id)?;
        let subscriber = ctx.runs().feed().events(run_id, after).await?;
        Ok(stream::try_unfold(subscriber, async |mut subscriber| {
            let added = subscriber.next().await?;
            Ok(added.map(|added| (SyncEventAdded::from(added), subscriber)))
        }))
    }
}
