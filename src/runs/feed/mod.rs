//! The change feed: each committed change of a run once, in order, to whoever watches.
//!
//! Triggers write every change to `sync_change`, whoever makes it; that table is the feed's only
//! source of changes, and `sync_event` itself, whose rows never change, that of events. One task per
//! process, the `tail`, reads both and hands what it reads to all subscribers in memory. A subscriber
//! that comes with an older cursor, or that fell behind, reads the table by its own cursor until it has
//! reached the tail, and then follows.
//!
//! The order of writing (`seq`) is not the order of committing: a row that commits late would be
//! skipped by whoever remembers only the highest `seq` seen. Hence a [`Cursor`] names two moments,
//! and the rows that were committed between them; see `cursor`.

mod changes;
mod cursor;
mod events;
mod source;
mod tail;

use std::{sync::Arc, time::Duration};

use entity::{SyncChangeKind, sync_change};
use tracing::warn;
use uuid::Uuid;

pub use changes::{ChangeSubscriber, Delivery, Interest};
pub use cursor::Cursor;
pub use events::{EventCursor, EventSubscriber};

use super::{
    Event, Run,
    error::{Error, Result},
    lifecycle,
};
use crate::db::Database;
use cursor::Head;
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

    /// Subscribes to the changes of `interest` behind `after`, or from now on.
    ///
    /// # Errors
    /// The cursor is of another database, or newer than this one; or the database does not answer.
    pub async fn changes(
        &self,
        interest: Interest,
        after: Option<Cursor>,
    ) -> Result<ChangeSubscriber> {
        let attached = self.tail.attach_to_changes().await?;
        if let Some(cursor) = &after {
            self.check(cursor, &attached.head)?;
        }
        Ok(ChangeSubscriber::new(
            self.clone(),
            interest,
            after,
            attached,
        ))
    }

    /// Subscribes to the events of a run behind `after`, or from its first on.
    ///
    /// # Errors
    /// There is no such run; the cursor is of another database, or newer than this one; or the
    /// database does not answer.
    pub async fn events(
        &self,
        run_id: Uuid,
        after: Option<EventCursor>,
    ) -> Result<EventSubscriber> {
        if self.source.status(run_id).await?.is_none() {
            return Err(Error::NotFound {
                what: "run",
                id: run_id,
            });
        }
        if let Some(EventCursor::Fed(cursor)) = &after {
            self.check(cursor, &self.source.head().await?)?;
        }
        Ok(EventSubscriber::new(self.clone(), run_id, after))
    }

    fn check(&self, cursor: &Cursor, head: &Head) -> Result<()> {
        if cursor.feed() != self.source.feed() || cursor.is_ahead_of(head) {
            return Err(Error::CursorExpired);
        }
        Ok(())
    }
}
