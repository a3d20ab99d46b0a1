//! What ties one execution of a subscription to whoever wants its responses: which stretch of the feed
//! it is to deliver, and how far it has come.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::{Stream, stream};
use tokio::sync::watch;

use crate::{
    feed::{Backfill, ChangeFeed, LiveStream, TailPosition, TickRange, Topic},
    runs::Result,
};

/// An execution's stretch of the feed, and its progress.
#[derive(Debug)]
pub(in crate::graphql) struct FeedRange {
    stretch: RangeKind,
    progress: Mutex<Progress>,
}

/// Which part of what is subscribed to an execution delivers.
#[derive(Debug)]
pub(in crate::graphql) enum RangeKind {
    /// All up to a moment, from this place on if it stands in for what the client gave as `after`.
    Backfill(TailPosition, Option<String>),
    /// All that is committed from now on; said once that holds.
    Live(watch::Sender<bool>),
}

/// How far an execution has come. A response is read before the next one is begun, so this tells what
/// belongs to the response read last.
#[derive(Clone, Debug, Default)]
pub(in crate::graphql) struct Progress {
    /// The place behind what was delivered, as a cursor.
    pub(in crate::graphql) place: Option<String>,
    /// When what was delivered last was committed.
    pub(in crate::graphql) span: Option<TickRange>,
    /// Nothing is to come any more.
    pub(in crate::graphql) ended: bool,
}

/// Deliveries of either stretch.
enum Deliveries<S: Topic> {
    Backfill(Backfill<S>),
    Live(LiveStream<S>),
}

impl FeedRange {
    pub(in crate::graphql) fn new(stretch: RangeKind) -> Self {
        Self {
            stretch,
            progress: Mutex::default(),
        }
    }

    pub(in crate::graphql) fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where to begin: where the client wants to, unless it stands elsewhere by now.
    pub(in crate::graphql) fn after(&self, given: Option<String>) -> Option<String> {
        match &self.stretch {
            RangeKind::Backfill(_, Some(place)) => Some(place.clone()),
            RangeKind::Backfill(_, None) => given,
            RangeKind::Live(_) => None,
        }
    }

    /// Delivers its stretch of `subject`, and notes where that has come to; `encode` makes a cursor of
    /// a place.
    pub(in crate::graphql) async fn watch<S: Topic>(
        self: Arc<Self>,
        feed: &ChangeFeed,
        subject: S,
        after: Option<S::Place>,
        encode: fn(&S::Place) -> String,
    ) -> Result<impl Stream<Item = Result<S::Delivery>> + use<S>> {
        let deliveries = match &self.stretch {
            RangeKind::Backfill(upto, _) => {
                Deliveries::Backfill(feed.replay(subject, after, upto.clone()).await?)
            }
            RangeKind::Live(holds) => {
                let live = feed.watch(subject).await?;
                holds.send_replace(true);
                Deliveries::Live(live)
            }
        };
        let begin = (self, deliveries, encode);
        Ok(stream::try_unfold(
            begin,
            async |(watching, mut deliveries, encode)| {
                let delivery = watching.next(&mut deliveries, encode).await?;
                Ok(delivery.map(|delivery| (delivery, (watching, deliveries, encode))))
            },
        ))
    }

    async fn next<S: Topic>(
        &self,
        deliveries: &mut Deliveries<S>,
        encode: fn(&S::Place) -> String,
    ) -> Result<Option<S::Delivery>> {
        let (delivery, span) = match deliveries {
            Deliveries::Backfill(replay) => {
                let Some(delivery) = replay.next().await? else {
                    let mut progress = self.progress();
                    progress.place = Some(encode(&replay.place()));
                    progress.ended = replay.has_ended();
                    return Ok(None);
                };
                (delivery, None)
            }
            Deliveries::Live(live) => {
                let Some((delivery, span)) = live.next().await? else {
                    self.progress().ended = true;
                    return Ok(None);
                };
                (delivery, Some(span))
            }
        };
        let mut progress = self.progress();
        progress.place = Some(encode(&S::place_of(&delivery)));
        progress.span = span;
        Ok(Some(delivery))
    }
}
