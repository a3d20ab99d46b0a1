//! What the feed delivers.

use std::sync::Arc;

use entity::{SyncChangeKind, change};

use super::position::FeedCursor;
use crate::{
    events::Event,
    runs::{Run, status},
};

/// A committed change.
#[derive(Debug)]
pub struct Change {
    /// Where to resume behind it.
    pub cursor: FeedCursor,
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
    pub cursor: FeedCursor,
    /// As stored.
    pub event: Event,
}

impl Change {
    /// Whether the run ended by this change.
    pub(super) fn has_ended_its_run(&self) -> bool {
        self.row.status().is_ok_and(status::has_ended)
    }

    /// What changed; a kind no release of this server has written counts as progress.
    #[must_use]
    pub fn kind(&self) -> SyncChangeKind {
        self.row.kind().unwrap_or(SyncChangeKind::Progress)
    }
}
