//! The change feed: each committed change of a run once, in order, to whoever watches.
//!
//! Triggers write every change to `sync_change`, whoever makes it; that table is the feed's only
//! source of changes, and `sync_event` itself, whose rows never change, that of events. One task per
//! process, the `tail`, reads both and hands what it reads to all who watch, in memory. One that comes
//! with an older cursor, or fell behind, reads the table by its own cursor until it has reached the
//! tail; see `watch`.
//!
//! The order of writing (`seq`) is not the order of committing: a row that commits late would be
//! skipped by whoever remembers only the highest `seq` seen. Hence a [`Cursor`] names two moments,
//! and the rows that were committed between them; see `cursor`.

mod changes;
mod cursor;
mod doorbell;
mod events;
mod home;
mod source;
mod tail;
mod upkeep;
mod watch;

use std::{sync::Arc, time::Duration};

use entity::{SyncChangeKind, change};
use tokio::task::JoinSet;
use tracing::warn;
use uuid::Uuid;

pub use changes::{Delivery, Interest};
pub use cursor::Cursor;
pub use events::{EventCursor, EventsOf};
pub use tail::Moment;
pub use watch::{Live, Replay, Span, Subject};

use super::{
    Run,
    error::{Error, Result},
    status,
};
use crate::{db::Database, events::Event};
use doorbell::Doorbell;
use source::Source;
use tail::Tail;

/// The changes of all runs in one database, as this process sees them.
#[derive(Clone, Debug)]
pub struct Feed {
    source: Arc<Source>,
    tail: Tail,
    doorbell: Option<Doorbell>,
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

/// A committed change.
#[derive(Debug)]
pub struct Change {
    /// Where to resume behind it.
    pub cursor: Cursor,
    /// As recorded.
    pub row: change::Model,
    /// The run as it was when the change was read: as it is now.
    pub run: Arc<Run>,
    /// The run as the change found it, as far as a filter looks at it; none if it made it.
    pub before: Option<Arc<Run>>,
    /// The run as the change left it, as far as a filter looks at it.
    pub after: Arc<Run>,
}

/// A committed event.
#[derive(Debug)]
pub struct AddedEvent {
    /// Where to resume behind it.
    pub cursor: Cursor,
    /// As stored.
    pub event: Event,
}

/// How long a database that does not answer is let rest before it is asked again.
const RETRY: Duration = Duration::from_millis(500);

/// What a subscriber does about a failure: one that passes is waited out, since a live view that
/// ends with it would have to be begun again by hand.
async fn wait_out(error: Error) -> Result<()> {
    match error {
        Error::Unavailable(cause) => {
            warn!(%cause, "a subscriber cannot read on; trying on");
            tokio::time::sleep(RETRY).await;
            Ok(())
        }
        other => Err(other),
    }
}

impl Change {
    /// Whether the run ended by this change.
    fn has_ended_its_run(&self) -> bool {
        self.row.status().is_ok_and(status::has_ended)
    }

    /// What changed; a kind no release of this server has written counts as progress.
    #[must_use]
    pub fn kind(&self) -> SyncChangeKind {
        self.row.kind().unwrap_or(SyncChangeKind::Progress)
    }
}

impl Feed {
    /// Starts to follow the changes in `database`; `own` is this server's name among those on it.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn start(database: Database, own: Uuid, settings: Settings) -> Result<Self> {
        let source = Arc::new(Source::open(database.clone()).await?);
        let mut tasks = JoinSet::new();
        let tail = Tail::start(Arc::clone(&source), settings.poll_interval, &mut tasks);
        let heard = tail.clone();
        let doorbell = Doorbell::hang(&database, own, &mut tasks, move || heard.ring());
        tasks.spawn(upkeep::keep_up(database, settings.retention));
        Ok(Self {
            source,
            tail,
            doorbell,
            _tasks: Arc::new(tasks),
        })
    }

    /// Tells all servers that this one has written, so that they look at once.
    pub(crate) fn ring(&self) {
        self.tail.ring();
        if let Some(doorbell) = &self.doorbell {
            doorbell.pull();
        }
    }

    /// The place behind everything committed so far.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn now(&self) -> Result<Cursor> {
        let head = self.source.head().await?;
        Ok(Cursor::at(self.source.feed(), head))
    }

    /// Waits until what is committed by now is published, and tells that moment.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn reach(&self) -> Result<Moment> {
        self.tail.reach().await
    }

    /// All of `subject` behind `after` up to a moment. Without a cursor these are no changes, and all
    /// events.
    ///
    /// # Errors
    /// There is no such thing; the cursor is of another database, or newer than this one; or the
    /// database does not answer.
    pub async fn replay<S: Subject>(
        &self,
        subject: S,
        after: Option<S::Place>,
        upto: Moment,
    ) -> Result<Replay<S>> {
        subject
            .check(&self.source, after.as_ref(), &upto.head)
            .await?;
        Ok(Replay::new(self.clone(), subject, after, upto))
    }

    /// All of `subject` that is committed from now on.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn watch<S: Subject>(&self, subject: S) -> Result<Live<S>> {
        let attached = self.tail.attach::<S>().await?;
        Ok(Live::new(self.clone(), subject, attached))
    }
}
