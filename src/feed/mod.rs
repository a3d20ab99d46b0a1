//! The change feed: delivers each committed change of a run once, in order, to every subscriber.
//!
//! Database triggers write every change to the change log `sync_change`, whichever application makes it.
//! The log is the feed's only source of changes; `sync_event`, whose rows are immutable, is that of events.
//!
//! The order of writing (`seq`) is not the order of commits: a reader that remembers only the highest `seq`
//! seen skips a row that is committed late. Hence a `FeedCursor` names two commit positions, and a row
//! among those committed between them.
//!
//! Bottom up:
//! - `position`: cursors. `change`: rows. `origin`: the identity of the feed.
//! - `change_log`: bounded reads of the tables. `current_position`: the position after all that is committed.
//! - `tail`: one task per process polls the tables, and publishes what it reads in memory, in `batch`es.
//! - `topic`: what can be subscribed to: `run_changes` and `run_events`.
//! - `backfill`: a topic read from the table, after a cursor and up to a position of the tail.
//! - `stream`: a topic followed in memory, from a position of the tail until it lags.
//! - `freshness_monitor`: the states of pairs, which change by runs or by time.
//! - `notifier`: notifications between servers. `retention`: pruning of old changes.

mod backfill;
mod batch;
mod change;
mod change_log;
mod current_position;
mod freshness_monitor;
mod notifier;
mod origin;
mod position;
mod retention;
mod retry;
mod run_changes;
mod run_events;
mod stream;
mod tail;
mod topic;

use std::{sync::Arc, time::Duration};

use tokio::task::JoinSet;
use uuid::Uuid;

pub(crate) use backfill::Backfill;
pub(crate) use freshness_monitor::{FreshnessChanges, FreshnessMonitor};
pub(crate) use position::{EventCursor, FeedCursor};
pub(crate) use run_changes::{RunChange, RunChanges};
pub(crate) use run_events::RunEvents;
pub(crate) use stream::{LiveStream, StreamEnd};
pub(crate) use tail::TailPosition;
pub(crate) use topic::{Delivery, Topic};

use crate::{
    db::Database,
    runs::{ChangeSignal, Result, failures, text_indexer},
    store::Store,
};
use change_log::ChangeLog;
use current_position::CurrentPosition;
use tail::Tail;

/// The changes of all runs in one database. Clones share one tail, which stops when the last one is
/// dropped.
#[derive(Clone, Debug)]
pub struct ChangeFeed {
    log: Arc<ChangeLog>,
    position: CurrentPosition,
    tail: Tail,
    _tasks: Arc<JoinSet<()>>,
}

/// Settings of the feed.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Time between two polls for changes by other applications, while there are subscribers.
    pub poll_interval: Duration,
    /// Time for which changes are kept, so that subscribers can resume.
    pub retention: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            poll_interval: Duration::from_millis(200),
            retention: Duration::from_hours(14 * 24),
        }
    }
}

impl ChangeFeed {
    /// Starts the feed of `database`. It polls at once when `signal` is notified. `server_id` identifies
    /// this server among those on the database.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`](crate::runs::Error::Unavailable) if the database is.
    pub async fn start(
        database: Database,
        server_id: Uuid,
        signal: &ChangeSignal,
        settings: Settings,
    ) -> Result<Self> {
        let log = Arc::new(ChangeLog::open(database.clone()).await?);
        let mut tasks = JoinSet::new();
        let tail = Tail::spawn(Arc::clone(&log), settings.poll_interval, signal, &mut tasks);
        let notified = tail.clone();
        notifier::spawn(&database, server_id, signal, &mut tasks, move || {
            notified.wake();
        });
        tasks.spawn(retention::run(database.clone(), settings.retention));
        tasks.spawn(failures::index_failures(
            Store::new(database.clone()),
            signal.subscribe(),
        ));
        tasks.spawn(text_indexer::index_messages(
            Store::new(database),
            signal.subscribe(),
        ));
        Ok(Self {
            position: CurrentPosition::new(Arc::clone(&log)),
            log,
            tail,
            _tasks: Arc::new(tasks),
        })
    }

    /// Returns the cursor after everything committed so far. Callers share queries.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`](crate::runs::Error::Unavailable) if the database is.
    pub(crate) async fn now(&self) -> Result<FeedCursor> {
        let position = self.position.read().await?;
        Ok(self.log.cursor_at(position))
    }

    /// Waits until the tail has published everything committed so far, and returns its position.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`](crate::runs::Error::Unavailable) if the database is.
    pub(crate) async fn position(&self) -> Result<TailPosition> {
        self.tail.position().await
    }

    /// Reads `topic` from the table: after `after`, or from its beginning, up to `upto`.
    ///
    /// # Errors
    /// Returns [`Error::NotFound`](crate::runs::Error::NotFound) if the run does not exist, and
    /// [`Error::CursorExpired`](crate::runs::Error::CursorExpired) if the cursor belongs to another
    /// database, or to a later state of this one.
    pub(crate) async fn backfill<T: Topic>(
        &self,
        topic: T,
        after: Option<T::Cursor>,
        upto: TailPosition,
    ) -> Result<Backfill<T>> {
        topic
            .validate(&self.log, after.as_ref(), &upto.commit)
            .await?;
        let (log, tail) = (Arc::clone(&self.log), self.tail.clone());
        Ok(Backfill::new(log, tail, topic, after, upto))
    }

    /// Follows `topic` in memory: everything committed after a position that is not before the call.
    ///
    /// # Errors
    /// Returns [`Error::Unavailable`](crate::runs::Error::Unavailable) if the database is.
    pub(crate) async fn follow<T: Topic>(&self, topic: T) -> Result<LiveStream<T>> {
        let (start, batches) = self.tail.subscribe(T::channel).await?;
        let cursor = self.log.cursor_at(start.commit.clone()).into();
        Ok(LiveStream::new(topic, &start, cursor, batches))
    }
}
