//! The subscription of one client: a backfill, then a live phase, and again.

use std::{sync::Arc, time::Duration};

use async_stream::stream;
use futures_util::{Stream, StreamExt};
use sea_orm::DbErr;
use tokio::{
    sync::broadcast::error::RecvError,
    time::{self, Instant},
};

use super::{
    execution::Execution,
    fan_out::Broadcast,
    feed_range::{RangeEnd, RangeKind},
    frame::{Frame, Output},
    request::SharedRequest,
    shared_execution::{Member, SharedExecutions},
};
use crate::{
    feed::{ChangeFeed, FeedCursor, FreshnessChanges, FreshnessMonitor, TailPosition},
    graphql::{request::PreparedRequest, schema::AppSchema},
    outage::Outage,
    runs::{Error, Result, Runs},
};

/// Timeout of the query that fixes where a subscription begins.
const START_TIMEOUT: Duration = Duration::from_secs(5);
/// Time before a failed attempt is repeated.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// Of all subscriptions.
static NOT_STARTED: Outage = Outage::new("cannot start a subscription");

/// Executes subscriptions.
pub(in crate::graphql) struct LiveSubscriptions {
    feed: ChangeFeed,
    freshness: FreshnessMonitor,
    shared: Arc<SharedExecutions>,
    /// Maximum time that a client may take to catch up once it has lagged.
    catch_up_timeout: Duration,
}

impl LiveSubscriptions {
    pub(in crate::graphql) fn new(
        runs: Runs,
        feed: ChangeFeed,
        catch_up_timeout: Duration,
    ) -> Self {
        Self {
            freshness: FreshnessMonitor::spawn(runs, feed.clone()),
            feed,
            shared: Arc::default(),
            catch_up_timeout,
        }
    }

    /// Executes a subscription from now on: what is committed after the call is delivered. A `cursor`
    /// replaces the argument `after` of the request, if it has one.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`] if the database is.
    pub(in crate::graphql) async fn subscribe(
        self: &Arc<Self>,
        schema: AppSchema,
        prepared: PreparedRequest,
        cursor: Option<String>,
    ) -> Result<impl Stream<Item = Output> + Send + use<>> {
        let request = Arc::new(SharedRequest::new(schema, prepared));
        if request.is_freshness() {
            let changes = self.freshness.subscribe().await?;
            return Ok(freshness(request, changes).left_stream());
        }
        let start = time::timeout(START_TIMEOUT, self.feed.now());
        let start = start.await.map_err(|_| {
            let message = "reading the position of the change feed timed out";
            Error::Unavailable(DbErr::Custom(message.to_owned()))
        })??;
        let live = Arc::clone(self);
        let outputs = stream! {
            let mut client = Client {
                live,
                request,
                start: Arc::new(start),
                cursor: cursor.map(Into::into),
                lagging_since: None,
                has_ended: false,
            };
            while !client.has_ended {
                let Some((member, position)) = client.join().await else {
                    yield Output::Unavailable;
                    return;
                };
                let start = position.interval();
                for await output in client.backfill(position) {
                    yield output;
                }
                for await output in client.live(member, start) {
                    yield output;
                }
            }
        };
        Ok(outputs.right_stream())
    }
}

/// Sends the states of pairs and their changes, which only a failure or the end of the server ends.
fn freshness(
    request: Arc<SharedRequest>,
    changes: FreshnessChanges,
) -> impl Stream<Item = Output> + Send {
    stream! {
        let mut execution = Execution::of_freshness(&request, changes).on_own_task();
        let mut has_failed = false;
        while let Some(frames) = execution.chunks.next().await {
            has_failed |= frames.iter().any(|frame| frame.errors.is_some());
            yield Output::Frames(frames.into(), 0);
        }
        if !has_failed {
            yield Output::Unavailable;
        }
    }
}

/// A client, as its subscription advances.
struct Client {
    live: Arc<LiveSubscriptions>,
    request: Arc<SharedRequest>,
    /// What had been committed when the server read the request.
    start: Arc<FeedCursor>,
    /// The cursor after everything sent; `None` while that is the argument of the request.
    cursor: Option<Arc<str>>,
    /// When the client was found to have lagged; `None` if it keeps up.
    lagging_since: Option<Instant>,
    has_ended: bool,
}

impl Client {
    /// Joins the shared execution, then waits for a position of the tail, so that everything committed
    /// after that position reaches the member. Returns `None` if the database is unavailable when the
    /// subscription begins; later, waits for it.
    async fn join(&self) -> Option<(Member, TailPosition)> {
        loop {
            let member = self.live.shared.join(&self.request).await;
            match self.live.feed.position().await {
                Ok(position) => return Some((member, position)),
                Err(error) if self.cursor.is_none() => {
                    NOT_STARTED.failed(&error);
                    return None;
                }
                Err(_) => time::sleep(RETRY_INTERVAL).await,
            }
        }
    }

    /// Sends everything after the client's cursor, up to a position.
    fn backfill(&mut self, upto: TailPosition) -> impl Stream<Item = Output> + Send {
        stream! {
            let after = self.cursor.clone();
            let start = Arc::clone(&self.start);
            let range = RangeKind::Backfill { upto, after, start };
            let mut execution = Execution::start(&self.request, range).on_own_task();
            while let Some(frames) = execution.chunks.next().await {
                if self.is_too_slow() {
                    self.has_ended = true;
                    yield Output::TooSlow;
                    return;
                }
                yield self.send(frames.into(), 0);
            }
            match execution.range.end() {
                Some(RangeEnd::Reached(cursor)) => self.cursor = Some(cursor),
                _ => self.has_ended = true,
            }
        }
    }

    /// Sends what the shared execution broadcasts, from the tail's interval `start` on, until the client or
    /// the execution has lagged.
    fn live(&mut self, mut member: Member, start: u64) -> impl Stream<Item = Output> + Send {
        // The cursor now replaces the argument, in which alone the two requests may differ.
        self.request = Arc::clone(member.request());
        stream! {
            while !self.has_ended {
                match member.recv().await {
                    Ok(Broadcast::Frames(frames)) => {
                        self.lagging_since = None;
                        if let Some(first) = first_from(start, &frames) {
                            yield self.send(frames, first);
                        }
                    }
                    Ok(Broadcast::Complete) => self.has_ended = true,
                    Ok(Broadcast::Lagged(resume)) => {
                        // Before the start, the backfill has covered more than the execution.
                        if resume.interval >= start {
                            self.cursor = Some(resume.cursor);
                        }
                        return;
                    }
                    Err(RecvError::Lagged(_)) => {
                        self.lagging_since.get_or_insert_with(Instant::now);
                        return;
                    }
                    Err(RecvError::Closed) => {
                        time::sleep(RETRY_INTERVAL).await;
                        return;
                    }
                }
            }
        }
    }

    fn send(&mut self, frames: Arc<[Frame]>, first: usize) -> Output {
        self.has_ended = frames.iter().any(|frame| frame.errors.is_some());
        if let Some(cursor) = frames.last().and_then(|frame| frame.cursor.clone()) {
            self.cursor = Some(cursor);
        }
        Output::Frames(frames, first)
    }

    fn is_too_slow(&self) -> bool {
        let lagging = self.lagging_since.map(|since| since.elapsed());
        lagging.is_some_and(|lagging| lagging > self.live.catch_up_timeout)
    }
}

/// Returns the index of the first frame committed in the interval `start` or later.
fn first_from(start: u64, frames: &[Frame]) -> Option<usize> {
    frames
        .iter()
        .position(|frame| frame.interval.is_none_or(|interval| interval >= start))
}
