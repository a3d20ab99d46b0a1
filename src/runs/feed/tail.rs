//! The one reader of the change table in this process.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sea_orm::DbErr;
use tokio::{
    sync::{Notify, broadcast, oneshot},
    task::JoinHandle,
    time,
};
use tracing::warn;

use super::{
    Change,
    cursor::{Cursor, Head},
    source::Source,
};
use crate::runs::error::{Error, Result};

/// How often to look for what other writers did, while somebody watches.
const POLL: Duration = Duration::from_millis(200);
/// Between two attempts while the database does not answer.
const RETRY: Duration = Duration::from_millis(500);
/// How long a subscriber waits for the database before it is told to come back.
const ATTACH_TIMEOUT: Duration = Duration::from_secs(10);
/// Changes in one batch.
pub(super) const BATCH: u64 = 500;
/// Batches kept for subscribers that are slow; one that falls behind reads the table itself.
const BACKLOG: usize = 64;

/// Changes that follow one another, and the moment reached with the last of them if they complete
/// an interval.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) changes: Vec<Arc<Change>>,
    pub(super) reached: Option<Head>,
}

/// A subscriber's hold on the tail: all that was committed by `head` is behind it, and all later
/// changes come in batches.
#[derive(Debug)]
pub(super) struct Attached {
    pub(super) head: Head,
    pub(super) batches: broadcast::Receiver<Arc<Batch>>,
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
    waiting: Mutex<Vec<oneshot::Sender<Attached>>>,
    batches: broadcast::Sender<Arc<Batch>>,
}

impl Tail {
    pub(super) fn start(source: Arc<Source>) -> Self {
        let shared = Arc::new(Shared {
            bell: Notify::new(),
            waiting: Mutex::default(),
            batches: broadcast::Sender::new(BACKLOG),
        });
        let task = tokio::spawn(follow(source, Arc::clone(&shared)));
        Self { shared, task }
    }

    /// Makes the tail look at once.
    pub(super) fn ring(&self) {
        self.shared.bell.notify_one();
    }

    /// Waits until the tail has reached this moment, and holds on to it there.
    pub(super) async fn attach(&self) -> Result<Attached> {
        let (sender, receiver) = oneshot::channel();
        self.shared.waiting().push(sender);
        self.ring();
        match time::timeout(ATTACH_TIMEOUT, receiver).await {
            Ok(Ok(attached)) => Ok(attached),
            _ => Err(Error::Unavailable(DbErr::Custom(
                "the change feed is not being read".into(),
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
    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<oneshot::Sender<Attached>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_watched(&self) -> bool {
        self.batches.receiver_count() > 0
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
        match advance(&source, &shared, reached.clone()).await {
            Ok(head) => {
                for subscriber in waiting {
                    let batches = shared.batches.subscribe();
                    let attached = Attached {
                        head: head.clone(),
                        batches,
                    };
                    // One that no longer waits has gone away.
                    let _ = subscriber.send(attached);
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
    let mut batches = Vec::new();
    let mut cursor = Cursor::at(source.feed(), reached).next_interval(&head);
    loop {
        let (changes, more) = source.read(&cursor, BATCH).await?;
        let last = more.is_none();
        batches.push(Batch {
            changes,
            reached: last.then(|| head.clone()),
        });
        match more {
            Some(next) => cursor = next,
            None => break,
        }
    }
    for batch in batches {
        // Nobody listening is no failure.
        let _ = shared.batches.send(Arc::new(batch));
    }
    Ok(head)
}
