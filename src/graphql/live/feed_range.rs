//! The part of the feed that one execution of a subscription delivers. It is data of the request, through
//! which the resolver learns what to read, and reports how far it has come.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_stream::{stream, try_stream};
use futures_util::{Stream, StreamExt};
use tokio::sync::watch;

use crate::{
    feed::{
        Backfill, ChangeFeed, Delivery, FeedCursor, LiveStream, StreamEnd, TailPosition, Topic,
    },
    runs::Result,
};

/// A range of the feed, and the progress in it.
#[derive(Debug)]
pub(in crate::graphql) struct FeedRange {
    kind: RangeKind,
    progress: Mutex<Progress>,
    end: Mutex<Option<RangeEnd>>,
}

/// Which range an execution delivers.
#[derive(Debug)]
pub(super) enum RangeKind {
    /// Everything up to a position.
    Backfill {
        /// The end.
        upto: TailPosition,
        /// A cursor that replaces the argument `after`.
        after: Option<Arc<str>>,
        /// What had been committed when the server read the request.
        start: Arc<FeedCursor>,
    },
    /// Everything committed from now on; set to true once that holds.
    Live(watch::Sender<bool>),
}

/// Progress of an execution, up to the last response: a response is read before the next item is resolved.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    /// The cursor after the last item.
    pub(super) cursor: Option<Arc<str>>,
    /// Number of the tail's interval in which the last item was committed; `None` in a backfill.
    pub(super) interval: Option<u64>,
}

/// How a range has ended.
#[derive(Clone, Debug)]
pub(super) enum RangeEnd {
    /// Nothing follows.
    Complete,
    /// The backfill has reached its position, at this cursor.
    Reached(Arc<str>),
    /// The execution has lagged behind the tail.
    Lagged(ResumePoint),
}

/// Where an execution that has lagged was.
#[derive(Clone, Debug)]
pub(super) struct ResumePoint {
    /// Everything up to this cursor was delivered.
    pub(super) cursor: Arc<str>,
    /// Number of the tail's interval that the cursor lies in.
    pub(super) interval: u64,
}

/// Encodes the cursor of a topic.
type Encode<T> = fn(&<T as Topic>::Cursor) -> String;

impl FeedRange {
    pub(super) fn new(kind: RangeKind) -> Self {
        Self {
            kind,
            progress: Mutex::default(),
            end: Mutex::default(),
        }
    }

    pub(super) fn progress(&self) -> Progress {
        lock(&self.progress).clone()
    }

    /// Returns how the range has ended; `None` if the execution is running or has failed.
    pub(super) fn end(&self) -> Option<RangeEnd> {
        lock(&self.end).clone()
    }

    /// Returns the cursor to start after, given the argument `after` of the request.
    pub(in crate::graphql) fn start_after(&self, argument: Option<String>) -> Option<String> {
        match &self.kind {
            RangeKind::Backfill {
                after: Some(cursor),
                ..
            } => Some(cursor.to_string()),
            RangeKind::Backfill { after: None, .. } => argument,
            RangeKind::Live(_) => None,
        }
    }

    /// Returns where a subscription begins that has no cursor to start after.
    pub(in crate::graphql) fn start(&self) -> Option<FeedCursor> {
        match &self.kind {
            RangeKind::Backfill { start, .. } => Some(FeedCursor::clone(start)),
            RangeKind::Live(_) => None,
        }
    }

    /// Delivers the range of `topic`.
    ///
    /// # Errors
    /// Returns those of [`ChangeFeed::backfill`] and [`ChangeFeed::follow`].
    pub(in crate::graphql) async fn deliver<T: Topic>(
        self: Arc<Self>,
        feed: &ChangeFeed,
        topic: T,
        after: Option<T::Cursor>,
        encode: Encode<T>,
    ) -> Result<impl Stream<Item = Result<Delivery<T>>> + use<T>> {
        match &self.kind {
            RangeKind::Backfill { upto, .. } => {
                let backfill = feed.backfill(topic, after, upto.clone()).await?;
                Ok(self.backfill(backfill, encode).left_stream())
            }
            RangeKind::Live(attached) => {
                let live = feed.follow(topic).await?;
                attached.send_replace(true);
                Ok(self.live(live, encode).right_stream())
            }
        }
    }

    fn backfill<T: Topic>(
        self: Arc<Self>,
        mut backfill: Backfill<T>,
        encode: Encode<T>,
    ) -> impl Stream<Item = Result<Delivery<T>>> {
        try_stream! {
            while let Some(delivery) = backfill.next().await? {
                self.advance(encode(&delivery.cursor), None);
                yield delivery;
            }
            self.finish(if backfill.is_complete() {
                RangeEnd::Complete
            } else {
                RangeEnd::Reached(encode(&backfill.end()).into())
            });
        }
    }

    fn live<T: Topic>(
        self: Arc<Self>,
        mut live: LiveStream<T>,
        encode: Encode<T>,
    ) -> impl Stream<Item = Result<Delivery<T>>> {
        stream! {
            let end = loop {
                match live.next().await {
                    Ok(delivery) => {
                        self.advance(encode(&delivery.cursor), Some(live.interval()));
                        yield Ok(delivery);
                    }
                    Err(end) => break end,
                }
            };
            self.finish(match end {
                StreamEnd::Complete => RangeEnd::Complete,
                StreamEnd::Lagged => RangeEnd::Lagged(ResumePoint {
                    cursor: encode(live.cursor()).into(),
                    interval: live.interval(),
                }),
            });
        }
    }

    fn advance(&self, cursor: String, interval: Option<u64>) {
        *lock(&self.progress) = Progress {
            cursor: Some(cursor.into()),
            interval,
        };
    }

    fn finish(&self, end: RangeEnd) {
        *lock(&self.end) = Some(end);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
