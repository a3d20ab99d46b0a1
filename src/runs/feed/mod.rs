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
mod events;
mod source;
mod tail;
mod watch;

use std::{sync::Arc, time::Duration};

use entity::{SyncChangeKind, sync_change};
use tracing::warn;

pub use changes::{Delivery, Interest};
pub use cursor::Cursor;
pub use events::{EventCursor, EventsOf};
pub use tail::Moment;
pub use watch::{Live, Replay, Span, Subject};

use super::{
    Event, Run,
    error::{Error, Result},
    lifecycle,
};
use crate::db::Database;
use source::Source;
use tail::Tail;

/// The changes of all runs in one database, as this process sees them.
#[derive(Clone, Debug)]
pub struct Feed {
    source: Arc<Source>,
    tail: Arc<Tail>,
}

/// A committed change.
#[derive(Debug)]
pub struct Change {
    /// Where to resume behind it.
    pub cursor: Cursor,
    /// As recorded.
    pub row: sync_change::Model,
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
        self.row.status().is_ok_and(lifecycle::has_ended)
    }

    /// What changed; a kind no release of this server has written counts as progress.
    #[must_use]
    pub fn kind(&self) -> SyncChangeKind {
        self.row.kind().unwrap_or(SyncChangeKind::Progress)
    }
}

impl Feed {
    /// Starts to follow the changes in `database`.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn start(database: Database) -> Result<Self> {
        let source = Arc::new(Source::open(database).await?);
        let tail = Arc::new(Tail::start(Arc::clone(&source)));
        Ok(Self { source, tail })
    }

    /// Tells the tail that this process has written, so that it looks at once.
    pub(super) fn ring(&self) {
        self.tail.ring();
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
