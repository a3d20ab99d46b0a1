//! What can be watched.

use async_graphql::{Context, Result, Subscription};
use futures_util::{Stream, stream};

use super::{
    context::LedgerContext,
    cursor::decode_feed,
    run::{SyncChangeKind, SyncRunChange, SyncRunFilter},
};
use crate::runs::feed::{Interest, Subscriber};

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
        let after = after.as_deref().map(decode_feed).transpose()?;
        let subscriber = ctx.runs().feed().subscribe(interest, after).await?;
        Ok(deliveries(subscriber))
    }
}

fn deliveries(subscriber: Subscriber) -> impl Stream<Item = Result<SyncRunChange>> {
    stream::try_unfold(subscriber, async |mut subscriber| {
        let delivery = subscriber.next().await?;
        Ok(delivery.map(|delivery| (delivery.into(), subscriber)))
    })
}
