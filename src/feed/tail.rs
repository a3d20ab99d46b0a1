//! The tail: the one task of this process that polls the tables behind the feed. It publishes what it reads
//! to all subscribers in memory.

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
    batch::{Batch, Channels, EndedRuns},
    change_log::ChangeLog,
    position::FeedCursor,
    retry::RETRY_INTERVAL,
};
use crate::{
    outage::Outage,
    runs::{self, ChangeSignal, ChangeSubscriber, Error},
    store::FeedPosition,
};

/// The minimum time between two polls: changes committed closer together are read, published and sent
/// together. A single change is published at once; a hundred a second to a thousand subscribers cost a
/// third less than published one by one, and leave the writers time to be served.
const MIN_INTERVAL: Duration = Duration::from_millis(25);
/// The longest time that a poll may take: a lost connection need not report an error.
const POLL_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest time that a subscriber waits for a poll.
const WAIT_TIMEOUT: Duration = Duration::from_secs(5);
/// Rows read and published in one batch.
pub(super) const BATCH_SIZE: u32 = 500;
/// Batches kept for subscribers; one that is further behind has lagged.
const BACKLOG: usize = 64;

/// A point that the tail has reached: everything committed by `commit` has been published, and nothing
/// that was committed later.
#[derive(Clone, Debug)]
pub(crate) struct TailPosition {
    pub(super) commit: FeedPosition,
    /// Intervals published so far.
    interval: u64,
}

impl TailPosition {
    /// Returns the number of the interval that starts here. The tail of this process numbers its intervals
    /// from 0.
    pub(crate) fn interval(&self) -> u64 {
        self.interval
    }
}

/// Callback of a waiter; runs after the first poll that started after the waiter registered.
type Waiter = Box<dyn FnOnce(&Channels, TailPosition) + Send>;

/// State shared by the task and its handles.
struct Shared {
    /// Wakes the task before its next poll is due.
    wake: Notify,
    waiters: Mutex<Vec<Waiter>>,
    channels: Channels,
}

impl Shared {
    fn waiters(&self) -> MutexGuard<'_, Vec<Waiter>> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Handle of the tail.
#[derive(Clone)]
pub(super) struct Tail(Arc<Shared>);

impl fmt::Debug for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tail").finish_non_exhaustive()
    }
}

impl Tail {
    /// Spawns the tail. It polls when `signal` is notified, and every `poll_interval` while there are
    /// subscribers.
    pub(super) fn spawn(
        log: Arc<ChangeLog>,
        poll_interval: Duration,
        signal: &ChangeSignal,
        tasks: &mut JoinSet<()>,
    ) -> Self {
        let shared = Arc::new(Shared {
            wake: Notify::new(),
            waiters: Mutex::default(),
            channels: Channels {
                changes: broadcast::Sender::new(BACKLOG),
                events: broadcast::Sender::new(BACKLOG),
            },
        });
        let poller = Poller {
            log,
            shared: Arc::clone(&shared),
            commits: signal.subscribe(),
            poll_interval,
            reached: None,
            intervals: 0,
            interval: None,
            has_failed: false,
            outage: Outage::new("cannot poll the change feed; trying again"),
        };
        tasks.spawn(poller.run());
        Self(shared)
    }

    /// Makes the tail poll now.
    pub(super) fn wake(&self) {
        self.0.wake.notify_one();
    }

    /// Waits until everything committed before the call has been published, and returns that position.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`] if the database is.
    pub(super) async fn position(&self) -> runs::Result<TailPosition> {
        self.wait(|_, position| position).await
    }

    /// Subscribes to what is committed after a position that is not before the call.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`] if the database is.
    pub(super) async fn subscribe<T: Send + Sync + 'static>(
        &self,
        channel: fn(&Channels) -> &broadcast::Sender<Arc<Batch<T>>>,
    ) -> runs::Result<(TailPosition, broadcast::Receiver<Arc<Batch<T>>>)> {
        self.wait(move |channels, position| (position, channel(channels).subscribe()))
            .await
    }

    async fn wait<R: Send + 'static>(
        &self,
        result: impl FnOnce(&Channels, TailPosition) -> R + Send + 'static,
    ) -> runs::Result<R> {
        let (sender, receiver) = oneshot::channel();
        self.0.waiters().push(Box::new(|channels, position| {
            // The receiver is gone if the waiter has been cancelled.
            let _ = sender.send(result(channels, position));
        }));
        self.wake();
        match time::timeout(WAIT_TIMEOUT, receiver).await {
            Ok(Ok(result)) => Ok(result),
            _ => Err(Error::Unavailable(DbErr::Custom(
                "the change feed cannot be polled".into(),
            ))),
        }
    }
}

/// The task.
struct Poller {
    log: Arc<ChangeLog>,
    shared: Arc<Shared>,
    /// Commits by this server.
    commits: ChangeSubscriber,
    /// Time between two polls, for commits that nobody notifies this server of.
    poll_interval: Duration,
    /// Everything committed by then has been published; `None` before the first poll.
    reached: Option<FeedPosition>,
    /// Intervals published so far.
    intervals: u64,
    /// The interval that is being published.
    interval: Option<Interval>,
    /// Whether the last poll has failed.
    has_failed: bool,
    outage: Outage,
}

/// The rows committed between two polls, and how many of them have been published: kept when a poll fails,
/// so that the next one continues without publishing a row twice.
struct Interval {
    number: u64,
    /// The cursor at the end.
    end: FeedCursor,
    /// The cursors to continue reading from; `None` at the end.
    changes: Option<FeedCursor>,
    events: Option<FeedCursor>,
    ended_runs: Vec<Uuid>,
    is_truncated: bool,
}

impl Poller {
    async fn run(mut self) {
        let mut next_poll = Instant::now();
        loop {
            self.wait_for_work().await;
            time::sleep_until(next_poll).await;
            next_poll = Instant::now() + MIN_INTERVAL;
            // Taken before the poll: each waiter is promised a position that is not before its call.
            let waiters = std::mem::take(&mut *self.shared.waiters());
            if waiters.is_empty() && !self.shared.channels.has_subscribers() {
                continue;
            }
            match self.poll_in_time().await {
                Ok(position) => {
                    for waiter in waiters {
                        waiter(&self.shared.channels, position.clone());
                    }
                    self.reached = Some(position.commit);
                    self.outage.ended();
                }
                Err(error) => {
                    self.has_failed = true;
                    self.outage.failed_on_database(&error);
                    self.shared.waiters().extend(waiters);
                    time::sleep(RETRY_INTERVAL).await;
                    self.shared.wake.notify_one();
                }
            }
        }
    }

    async fn wait_for_work(&mut self) {
        let is_polling = self.shared.channels.has_subscribers();
        tokio::select! {
            () = self.shared.wake.notified() => {}
            () = self.commits.notified() => {}
            () = time::sleep(self.poll_interval), if is_polling => {}
        }
    }

    async fn poll_in_time(&mut self) -> Result<TailPosition, DbErr> {
        let poll = AssertUnwindSafe(self.poll()).catch_unwind();
        match time::timeout(POLL_TIMEOUT, poll).await {
            Ok(Ok(position)) => position,
            Ok(Err(_)) => Err(DbErr::Custom("the poll panicked".into())),
            Err(_) => Err(DbErr::Custom("the poll timed out".into())),
        }
    }

    /// Publishes what was committed since the last poll, and returns the position that is reached with it.
    /// May be cancelled: what has been published of an interval is kept with it.
    async fn poll(&mut self) -> Result<TailPosition, DbErr> {
        let now = self.log.position().await?;
        self.detect_restore(&now).await?;
        let interval = match &mut self.interval {
            Some(unfinished) => unfinished,
            none => {
                let channels = &self.shared.channels;
                match &self.reached {
                    Some(reached) if *reached != now && channels.has_subscribers() => {
                        let start = self.log.cursor_at(reached.clone()).next_interval(&now);
                        none.insert(Interval::new(self.intervals, start, channels))
                    }
                    _ => {
                        return Ok(TailPosition {
                            commit: now,
                            interval: self.intervals,
                        });
                    }
                }
            }
        };
        interval.publish(&self.log, &self.shared.channels).await?;
        let commit = interval.end.upto.clone();
        self.interval = None;
        self.intervals += 1;
        Ok(TailPosition {
            commit,
            interval: self.intervals,
        })
    }
}

impl Poller {
    /// Starts anew from `now` if the database does not hold what has been published: subscribers then validate their
    /// cursors. This asks the change log and not the server's timeline: a failover that loses nothing has a new
    /// timeline, a copy of the files that was restored does not.
    async fn detect_restore(&mut self, now: &FeedPosition) -> Result<(), DbErr> {
        let unfinished = self.interval.as_ref().map(|interval| &interval.end.upto);
        let Some(known) = unfinished.or(self.reached.as_ref()) else {
            return Ok(());
        };
        // After a failure another database may have taken the place of this one.
        let is_moved = self.has_failed && self.log.reopen().await?;
        self.has_failed = false;
        if !is_moved && self.log.holds(known, now).await? {
            return Ok(());
        }
        self.log.reopen().await?;
        warn!(
            "the database was restored to an earlier state: cursors from later ones have expired"
        );
        let cursor = self.log.cursor_at(now.clone());
        self.interval = None;
        self.reached = None;
        self.intervals += 1;
        // Without a subscriber these fail, which is fine.
        let channels = &self.shared.channels;
        let _ = channels
            .changes
            .send(Batch::restored(self.intervals, cursor.clone()));
        let _ = channels
            .events
            .send(Batch::restored(self.intervals, cursor));
        Ok(())
    }
}

impl Interval {
    fn new(number: u64, start: FeedCursor, channels: &Channels) -> Self {
        Self {
            number,
            end: start.next_interval(&start.upto),
            events: (channels.events.receiver_count() > 0).then(|| start.clone()),
            changes: Some(start),
            ended_runs: Vec::new(),
            is_truncated: false,
        }
    }

    async fn publish(&mut self, log: &ChangeLog, channels: &Channels) -> Result<(), DbErr> {
        while let Some(cursor) = &self.changes {
            let page = log.changes(cursor, BATCH_SIZE).await?;
            let ended = page.rows.iter().filter(|change| change.ends_run());
            self.ended_runs
                .extend(ended.map(|change| change.row.run_id));
            self.is_truncated |= page.is_truncated;
            self.send(&channels.changes, page.rows, page.next.as_ref());
            self.changes = page.next;
        }
        while let Some(cursor) = &self.events {
            let (events, next) = log.events(cursor, None, BATCH_SIZE).await?;
            self.send(&channels.events, events, next.as_ref());
            self.events = next;
        }
        Ok(())
    }

    fn send<T>(
        &self,
        channel: &broadcast::Sender<Arc<Batch<T>>>,
        rows: Vec<Arc<T>>,
        next: Option<&FeedCursor>,
    ) {
        let is_last = next.is_none();
        // Without a subscriber this fails, which is fine.
        let _ = channel.send(Arc::new(Batch {
            rows,
            interval: self.number,
            cursor: next.unwrap_or(&self.end).clone(),
            ended_runs: is_last.then(|| {
                if self.is_truncated {
                    EndedRuns::All
                } else {
                    EndedRuns::Some(self.ended_runs.as_slice().into())
                }
            }),
            is_restored: false,
        }));
    }
}
