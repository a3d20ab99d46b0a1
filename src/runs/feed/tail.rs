//! The one reader of the change table in this process.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::FutureExt;
use sea_orm::DbErr;
use tokio::{
    sync::{Notify, broadcast, oneshot},
    task::JoinHandle,
    time,
};
use tracing::warn;
use uuid::Uuid;

use super::{
    AddedEvent, Change,
    cursor::{Cursor, Head},
    source::{Part, Source},
};
use crate::runs::error::{Error, Result};

/// How often to look for what other writers did, while somebody watches.
const POLL: Duration = Duration::from_millis(200);
/// Between two attempts while the database does not answer.
const RETRY: Duration = Duration::from_millis(500);
/// How long a subscriber waits for the database before it is told to come back.
const ATTACH_TIMEOUT: Duration = Duration::from_secs(10);
/// Changes in one batch.
pub(super) const BATCH: u32 = 500;
/// Batches kept for subscribers that are slow; one that falls behind reads the table itself.
const BACKLOG: usize = 64;

/// Changes or events that follow one another.
#[derive(Debug)]
pub(super) struct Batch<T> {
    pub(super) items: Vec<Arc<T>>,
    /// Set with the last of an interval.
    pub(super) reached: Option<Reached>,
}

/// The end of an interval.
#[derive(Clone, Debug)]
pub(super) struct Reached {
    /// The moment.
    pub(super) head: Head,
    /// The runs that have ended since the moment before.
    pub(super) ended: Arc<[Uuid]>,
}

/// A subscriber's hold on the tail: all that was committed by `head` is behind it, and all that is
/// later comes in batches.
#[derive(Debug)]
pub(super) struct Attached<T> {
    pub(super) head: Head,
    pub(super) batches: broadcast::Receiver<Arc<Batch<T>>>,
}

/// One who waits to attach.
#[derive(Debug)]
enum Waiting {
    Changes(oneshot::Sender<Attached<Change>>),
    Events(oneshot::Sender<Attached<AddedEvent>>),
}

/// The handle of the task that reads.
#[derive(Debug)]
pub(super) struct Tail {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    bell: Notify,
    waiting: Mutex<Vec<Waiting>>,
    changes: broadcast::Sender<Arc<Batch<Change>>>,
    events: broadcast::Sender<Arc<Batch<AddedEvent>>>,
}

impl Tail {
    pub(super) fn start(source: Arc<Source>) -> Self {
        let shared = Arc::new(Shared {
            bell: Notify::new(),
            waiting: Mutex::default(),
            changes: broadcast::Sender::new(BACKLOG),
            events: broadcast::Sender::new(BACKLOG),
        });
        let task = tokio::spawn(follow(source, Arc::clone(&shared)));
        Self { shared, task }
    }

    /// Makes the tail look at once.
    pub(super) fn ring(&self) {
        self.shared.bell.notify_one();
    }

    /// Waits until the tail has reached this moment, and holds on to its changes there.
    pub(super) async fn attach_to_changes(&self) -> Result<Attached<Change>> {
        self.attach(Waiting::Changes).await
    }

    /// The same for its events.
    pub(super) async fn attach_to_events(&self) -> Result<Attached<AddedEvent>> {
        self.attach(Waiting::Events).await
    }

    async fn attach<T>(
        &self,
        waiting: fn(oneshot::Sender<Attached<T>>) -> Waiting,
    ) -> Result<Attached<T>> {
        let (sender, receiver) = oneshot::channel();
        self.shared.waiting().push(waiting(sender));
        self.ring();
        match time::timeout(ATTACH_TIMEOUT, receiver).await {
            Ok(Ok(attached)) => Ok(attached),
            _ => Err(Error::Unavailable(DbErr::Custom(
                "the feed is not being read".into(),
            ))),
        }
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_watched(&self) -> bool {
        self.changes.receiver_count() + self.events.receiver_count() > 0
    }
}

/// Reads on for ever: at each ring of the bell, and every so often while somebody watches.
async fn follow(source: Arc<Source>, shared: Arc<Shared>) {
    let mut reached: Option<Head> = None;
    loop {
        if shared.is_watched() {
            let _ = time::timeout(POLL, shared.bell.notified()).await;
        } else {
            shared.bell.notified().await;
        }
        // Taken before looking: whoever waits is promised a moment that is not before its asking.
        let waiting = std::mem::take(&mut *shared.waiting());
        if waiting.is_empty() && !shared.is_watched() {
            continue;
        }
        let advance = AssertUnwindSafe(advance(&source, &shared, reached.clone()));
        let outcome = advance.catch_unwind().await;
        match outcome.unwrap_or_else(|_| Err(DbErr::Custom("the feed's reader panicked".into()))) {
            Ok(head) => {
                for waiting in waiting {
                    waiting.serve(&shared, head.clone());
                }
                reached = Some(head);
            }
            Err(error) => {
                warn!(%error, "the change feed cannot be read; trying on");
                shared.waiting().extend(waiting);
                time::sleep(RETRY).await;
                shared.bell.notify_one();
            }
        }
    }
}

/// Publishes what was committed since `reached`, and tells the moment it then is.
async fn advance(
    source: &Source,
    shared: &Shared,
    reached: Option<Head>,
) -> std::result::Result<Head, DbErr> {
    let head = source.head().await?;
    let Some(reached) = reached else {
        return Ok(head);
    };
    if reached == head || !shared.is_watched() {
        return Ok(head);
    }
    // Read whole before any of it is published, so that an attempt that fails half-way can be
    // repeated without telling anything twice.
    let interval = Cursor::at(source.feed(), reached).next_interval(&head);
    let changes = |cursor| async move { source.changes(&cursor, BATCH).await };
    let changes = read_whole(interval.clone(), changes).await?;
    let events = if shared.events.receiver_count() > 0 {
        let events = |cursor| async move { source.events(&cursor, None, BATCH).await };
        read_whole(interval, events).await?
    } else {
        Vec::new()
    };
    let ended = changes
        .iter()
        .flatten()
        .filter(|change| change.has_ended_its_run());
    let reached = Reached {
        head: head.clone(),
        ended: ended.map(|change| change.row.run_id).collect(),
    };
    publish(&shared.changes, changes, &reached);
    publish(&shared.events, events, &reached);
    Ok(head)
}

/// All parts of an interval.
async fn read_whole<T, F>(
    interval: Cursor,
    read: impl Fn(Cursor) -> F,
) -> std::result::Result<Vec<Vec<Arc<T>>>, DbErr>
where
    F: Future<Output = std::result::Result<Part<T>, DbErr>>,
{
    let mut parts = Vec::new();
    let mut from = Some(interval);
    while let Some(cursor) = from {
        let (items, more) = read(cursor).await?;
        parts.push(items);
        from = more;
    }
    Ok(parts)
}

/// Hands the parts of an interval to whoever listens; the last tells that it is whole.
fn publish<T>(
    channel: &broadcast::Sender<Arc<Batch<T>>>,
    parts: Vec<Vec<Arc<T>>>,
    reached: &Reached,
) {
    let count = parts.len();
    for (index, items) in parts.into_iter().enumerate() {
        let reached = (index + 1 == count).then(|| reached.clone());
        // Nobody listening is no failure.
        let _ = channel.send(Arc::new(Batch { items, reached }));
    }
}

impl Waiting {
    /// Gives what is waited for; one that no longer waits has gone away.
    fn serve(self, shared: &Shared, head: Head) {
        match self {
            Self::Changes(sender) => {
                let batches = shared.changes.subscribe();
                let _ = sender.send(Attached { head, batches });
            }
            Self::Events(sender) => {
                let batches = shared.events.subscribe();
                let _ = sender.send(Attached { head, batches });
            }
        }
    }
}
