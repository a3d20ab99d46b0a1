//! The one reader of the change table in this process.

use std::{
    fmt,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::FutureExt;
use sea_orm::DbErr;
use tokio::{
    sync::{Notify, broadcast, oneshot},
    task::JoinSet,
    time::{self, Instant},
};
use tracing::warn;
use uuid::Uuid;

use super::{
    change::{AddedEvent, Change},
    change_log::ChangeLog,
    position::{CommitPosition, FeedCursor},
    retry::RETRY,
    stream::Topic,
};
use crate::runs::{ChangeSignal, ChangeSubscriber, Error, Result};

/// The least time between two looks: what comes closer is read, told and sent together. One change by
/// itself is told at once; a hundred a second to a thousand subscribers cost a third less than told one
/// by one, and leave the writers the time to be answered.
const PACE: Duration = Duration::from_millis(25);
/// How long the database may be silent: a connection may be cut off without a word.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a subscriber waits for the database before it is told to come back.
const ATTACH_TIMEOUT: Duration = Duration::from_secs(5);
/// Changes in one batch.
pub(super) const BATCH: u32 = 500;
/// Batches kept for subscribers that are slow; one that falls behind reads the table itself.
const BACKLOG: usize = 64;

/// Changes or events that follow one another.
#[derive(Debug)]
pub struct Batch<T> {
    pub(super) items: Vec<Arc<T>>,
    /// Of its interval: how many have been published before.
    pub(super) number: u64,
    /// Set with the last of an interval.
    pub(super) reached: Option<IntervalEnd>,
}

/// The end of an interval.
#[derive(Clone, Debug)]
pub struct IntervalEnd {
    /// The place behind it.
    pub(super) place: FeedCursor,
    /// The runs that have ended since the moment before.
    pub(super) ended: Arc<[Uuid]>,
}

/// A moment that the tail has reached: all that was committed by then is published, and nothing that
/// was committed later.
#[derive(Clone, Debug)]
pub struct TailPosition {
    pub(super) head: CommitPosition,
    /// How many intervals lie before it.
    pub(super) number: u64,
}

/// A hold on the tail: all that is committed later than `moment` comes in batches.
#[derive(Debug)]
pub(super) struct Attached<T> {
    pub(super) moment: TailPosition,
    pub(super) batches: broadcast::Receiver<Arc<Batch<T>>>,
}

impl TailPosition {
    /// How many moments this process's tail has reached before.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }
}

impl<T> Batch<T> {
    /// The place behind it, if it moves one.
    pub(super) fn end(&self, place: fn(&T) -> &FeedCursor) -> Option<FeedCursor> {
        match &self.reached {
            Some(reached) => Some(reached.place.clone()),
            None => self.items.last().map(|last| place(last).clone()),
        }
    }
}

/// What to do for one who waits, once the tail has reached a moment that is not before its asking.
type Waiter = Box<dyn FnOnce(&Shared, TailPosition) + Send>;

/// What the tail and those who hold on to it share.
pub struct Shared {
    bell: Notify,
    waiting: Mutex<Vec<Waiter>>,
    pub(super) changes: broadcast::Sender<Arc<Batch<Change>>>,
    pub(super) events: broadcast::Sender<Arc<Batch<AddedEvent>>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

/// The handle of the task that reads.
#[derive(Clone, Debug)]
pub(super) struct Tail(Arc<Shared>);

impl Tail {
    pub(super) fn start(
        source: Arc<ChangeLog>,
        poll_interval: Duration,
        signal: &ChangeSignal,
        tasks: &mut JoinSet<()>,
    ) -> Self {
        let shared = Arc::new(Shared {
            bell: Notify::new(),
            waiting: Mutex::default(),
            changes: broadcast::Sender::new(BACKLOG),
            events: broadcast::Sender::new(BACKLOG),
        });
        let reader = Reader {
            source,
            shared: Arc::clone(&shared),
            committed: signal.subscribe(),
            poll_interval,
            reached: None,
            published: 0,
            interval: None,
        };
        tasks.spawn(reader.follow());
        Self(shared)
    }

    /// Makes the tail look at once.
    pub(super) fn ring(&self) {
        self.0.bell.notify_one();
    }

    /// Waits until the tail has reached this moment.
    pub(super) async fn reach(&self) -> Result<TailPosition> {
        self.wait_for(|_, moment| moment).await
    }

    /// Waits until the tail has reached this moment, and holds on to it there.
    pub(super) async fn attach<S: Topic>(&self) -> Result<Attached<S::Row>> {
        self.wait_for(|shared, moment| Attached {
            moment,
            batches: S::channel(shared).subscribe(),
        })
        .await
    }

    async fn wait_for<T: Send + 'static>(
        &self,
        answer: impl FnOnce(&Shared, TailPosition) -> T + Send + 'static,
    ) -> Result<T> {
        let (sender, receiver) = oneshot::channel();
        let waiting: Waiter = Box::new(|shared, moment| {
            // One that no longer waits has gone away.
            let _ = sender.send(answer(shared, moment));
        });
        self.0.waiting().push(waiting);
        self.ring();
        match time::timeout(ATTACH_TIMEOUT, receiver).await {
            Ok(Ok(answer)) => Ok(answer),
            _ => Err(Error::Unavailable(DbErr::Custom(
                "the feed is not being read".into(),
            ))),
        }
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Vec<Waiter>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_watched(&self) -> bool {
        self.changes.receiver_count() + self.events.receiver_count() > 0
    }
}

/// The one that reads.
struct Reader {
    source: Arc<ChangeLog>,
    shared: Arc<Shared>,
    /// Commits by this server.
    committed: ChangeSubscriber,
    /// How often to look for what other writers did, while somebody watches.
    poll_interval: Duration,
    /// All that was committed by then has been published; none before the first look.
    reached: Option<CommitPosition>,
    /// Intervals published so far.
    published: u64,
    /// The interval that is being published.
    interval: Option<Interval>,
}

/// What lies between two moments and how much of it is published: kept, so that an attempt that fails
/// half-way is gone on with, and nothing told twice.
struct Interval {
    number: u64,
    /// The place behind it.
    end: FeedCursor,
    /// Where to read on, none at the end.
    changes: Option<FeedCursor>,
    events: Option<FeedCursor>,
    ended: Vec<Uuid>,
}

impl Reader {
    /// Reads on for ever: at each ring of the bell, and every so often while somebody watches.
    async fn follow(mut self) {
        let mut rested = Instant::now();
        loop {
            self.wait_for_work().await;
            time::sleep_until(rested).await;
            rested = Instant::now() + PACE;
            // Taken before looking: whoever waits is promised a moment that is not before its asking.
            let waiting = std::mem::take(&mut *self.shared.waiting());
            if waiting.is_empty() && !self.shared.is_watched() {
                continue;
            }
            let advance = AssertUnwindSafe(self.advance()).catch_unwind();
            let outcome = match time::timeout(PATIENCE, advance).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_)) => Err(DbErr::Custom("the feed's reader panicked".into())),
                Err(_) => Err(DbErr::Custom("the database is silent".into())),
            };
            match outcome {
                Ok(head) => {
                    let moment = TailPosition {
                        head: head.clone(),
                        number: self.published,
                    };
                    for waiting in waiting {
                        waiting(&self.shared, moment.clone());
                    }
                    self.reached = Some(head);
                }
                Err(error) => {
                    warn!(%error, "the change feed cannot be read; trying on");
                    self.shared.waiting().extend(waiting);
                    time::sleep(RETRY).await;
                    self.shared.bell.notify_one();
                }
            }
        }
    }

    async fn wait_for_work(&mut self) {
        let is_watched = self.shared.is_watched();
        tokio::select! {
            () = self.shared.bell.notified() => {}
            () = self.committed.notified() => {}
            () = time::sleep(self.poll_interval), if is_watched => {}
        }
    }

    /// Publishes what was committed since the moment reached, and tells the one that then is.
    async fn advance(&mut self) -> std::result::Result<CommitPosition, DbErr> {
        if self.interval.is_none() {
            let head = self.source.head().await?;
            let reached = match &self.reached {
                Some(reached) if *reached != head && self.shared.is_watched() => reached.clone(),
                _ => return Ok(head),
            };
            let cursor = FeedCursor::at(self.source.feed(), reached).next_interval(&head);
            self.interval = Some(Interval {
                number: self.published,
                end: FeedCursor::at(self.source.feed(), head),
                changes: Some(cursor.clone()),
                events: (self.shared.events.receiver_count() > 0).then_some(cursor),
                ended: Vec::new(),
            });
        }
        let Some(interval) = &mut self.interval else {
            unreachable!("an interval was begun");
        };
        while let Some(cursor) = &interval.changes {
            let (changes, more) = self.source.changes(cursor, BATCH).await?;
            let ended = changes.iter().filter(|change| change.has_ended_its_run());
            interval.ended.extend(ended.map(|change| change.row.run_id));
            interval.publish(&self.shared.changes, changes, more.is_none());
            interval.changes = more;
        }
        while let Some(cursor) = &interval.events {
            let (events, more) = self.source.events(cursor, None, BATCH).await?;
            interval.publish(&self.shared.events, events, more.is_none());
            interval.events = more;
        }
        let head = interval.end.upto.clone();
        self.interval = None;
        self.published += 1;
        Ok(head)
    }
}

impl Interval {
    /// Hands a part to whoever listens; the last tells that the interval is whole.
    fn publish<T>(
        &self,
        channel: &broadcast::Sender<Arc<Batch<T>>>,
        items: Vec<Arc<T>>,
        last: bool,
    ) {
        let reached = last.then(|| IntervalEnd {
            place: self.end.clone(),
            ended: self.ended.as_slice().into(),
        });
        // Nobody listening is no failure.
        let _ = channel.send(Arc::new(Batch {
            items,
            number: self.number,
            reached,
        }));
    }
}
