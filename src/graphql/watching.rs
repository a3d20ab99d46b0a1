//! What ties one execution of a subscription to whoever wants its responses: which stretch of the feed
//! it is to deliver, and how far it has come.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::{Stream, stream};
use tokio::sync::watch;

use crate::runs::{
    Result,
    feed::{Feed, Live, Moment, Replay, Span, Subject},
};

/// An execution's stretch of the feed, and its progress.
#[derive(Debug)]
pub(super) struct Watching {
    stretch: Stretch,
    progress: Mutex<Progress>,
}

/// Which part of what is subscribed to an execution delivers.
#[derive(Debug)]
pub(super) enum Stretch {
    /// All up to a moment, from this place on if it stands in for what the client gave as `after`.
    Replay(Moment, Option<String>),
    /// All that is committed from now on; said once that holds.
    Live(watch::Sender<bool>),
}

/// How far an execution has come. A response is read before the next one is begun, so this tells what
/// belongs to the response read last.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    /// The place behind what was delivered, as a cursor.
    pub(super) place: Option<String>,
    /// When what was delivered last was committed.
    pub(super) span: Option<Span>,
    /// Nothing is to come any more.
    pub(super) ended: bool,
}

/// Deliveries of either stretch.
enum Deliveries<S: Subject> {
    Replay(Replay<S>),
    Live(Live<S>),
}

impl Watching {
    pub(super) fn new(stretch: Stretch) -> Self {
        Self {
            stretch,
            progress: Mutex::default(),
        }
    }

    pub(super) fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where to begin: where the client wants to, unless it stands elsewhere by now.
    pub(super) fn after(&self, given: Option<String>) -> Option<String> {
        match &self.stretch {
            Stretch::Replay(_, Some(place)) => Some(place.clone()),
            Stretch::Replay(_, None) => given,
            Stretch::Live(_) => None,
        }
    }

    /// Delivers its stretch of `subject`, and notes where that has come to; `encode` makes a cursor of
    /// a place.
    pub(super) async fn watch<S: Subject>(
        self: Arc<Self>,
        feed: &Feed,
        subject: S,
        after: Option<S::Place>,
        encode: fn(&S::Place) -> String,
    ) -> Result<impl Stream<Item = Result<S::Delivery>> + use<S>> {
        let deliveries = match &self.stretch {
            Stretch::Replay(upto, _) => {
                Deliveries::Replay(feed.replay(subject, after, upto.clone()).await?)
            }
            Stretch::Live(holds) => {
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

    async fn next<S: Subject>(
        &self,
        deliveries: &mut Deliveries<S>,
        encode: fn(&S::Place) -> String,
    ) -> Result<Option<S::Delivery>> {
        let (delivery, span) = match deliveries {
            Deliveries::Replay(replay) => {
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
