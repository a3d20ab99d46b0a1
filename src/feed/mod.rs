//! The change feed: each committed change of a run once, in order, to whoever watches.
//!
//! Triggers write every change to `sync_change`, whoever makes it; that table is the feed's only
//! source of changes, and `sync_event` itself, whose rows never change, that of events. One task per
//! process, the `tail`, reads both and hands what it reads to all who watch, in memory. One that comes
//! with an older cursor, or fell behind, reads the table by its own cursor until it has reached the
//! tail; see `watch`.
//!
//! The order of writing (`seq`) is not the order of committing: a row that commits late would be
//! skipped by whoever remembers only the highest `seq` seen. Hence a [`FeedCursor`] names two moments,
//! and the rows that were committed between them; see `cursor`.

mod change;
mod change_log;
mod notifier;
mod origin;
mod position;
mod query;
mod retention;
mod retry;
mod run_changes;
mod run_events;
mod stream;
mod tail;

use std::{sync::Arc, time::Duration};

use tokio::task::JoinSet;
use uuid::Uuid;

pub use change::{AddedEvent, Change};
pub use position::FeedCursor;
pub use run_changes::{RunChange, RunChanges};
pub use run_events::{EventCursor, RunEvents};
pub use stream::{Backfill, LiveStream, TickRange, Topic};
pub use tail::TailPosition;

use crate::{
    db::Database,
    runs::{ChangeSignal, Result},
};
use change_log::ChangeLog;
use tail::Tail;

/// The changes of all runs in one database, as this process sees them.
#[derive(Clone, Debug)]
pub struct ChangeFeed {
    log: Arc<ChangeLog>,
    tail: Tail,
    /// They end with the last that holds the feed.
    _tasks: Arc<JoinSet<()>>,
}

/// How the feed is kept.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How often to look for what other writers did, while somebody watches.
    pub poll_interval: Duration,
    /// How long changes are kept, for those who come back with a cursor.
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
    /// Starts to follow the changes in `database`, and looks for more whenever `signal` is notified; `own` is
    /// this server's name among those on it.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn start(
        database: Database,
        own: Uuid,
        signal: &ChangeSignal,
        settings: Settings,
    ) -> Result<Self> {
        let log = Arc::new(ChangeLog::open(database.clone()).await?);
        let mut tasks = JoinSet::new();
        let tail = Tail::start(Arc::clone(&log), settings.poll_interval, signal, &mut tasks);
        let heard = tail.clone();
        notifier::spawn(&database, own, signal, &mut tasks, move || heard.ring());
        tasks.spawn(retention::keep_up(database, settings.retention));
        Ok(Self {
            log,
            tail,
            _tasks: Arc::new(tasks),
        })
    }

    /// The place behind everything committed so far.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn now(&self) -> Result<FeedCursor> {
        let head = self.log.head().await?;
        Ok(FeedCursor::at(self.log.feed(), head))
    }

    /// Waits until what is committed by now is published, and tells that moment.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn reach(&self) -> Result<TailPosition> {
        self.tail.reach().await
    }

    /// All of `subject` behind `after` up to a moment. Without a cursor these are no changes, and all
    /// events.
    ///
    /// # Errors
    /// There is no such thing; the cursor is of another database, or newer than this one; or the
    /// database does not answer.
    pub async fn replay<S: Topic>(
        &self,
        subject: S,
        after: Option<S::Place>,
        upto: TailPosition,
    ) -> Result<Backfill<S>> {
        subject.check(&self.log, after.as_ref(), &upto.head).await?;
        Ok(Backfill::new(
            Arc::clone(&self.log),
            self.tail.clone(),
            subject,
            after,
            upto,
        ))
    }

    /// All of `subject` that is committed from now on.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn watch<S: Topic>(&self, subject: S) -> Result<LiveStream<S>> {
        let attached = self.tail.attach::<S>().await?;
        Ok(LiveStream::new(
            Arc::clone(&self.log),
            self.tail.clone(),
            subject,
            attached,
        ))
    }
}
