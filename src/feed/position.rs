//! Positions in the feed, from which a subscriber can resume.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{db::keyset::Position, store::CommitPosition};

/// A position in the feed: after the row `seq` of those committed between two commit positions, ordered by
/// `seq`. The rows are changes or events; a cursor belongs to one or the other. Changes of one run are in
/// their order of commit, since a transaction that changes a run waits for the previous one to end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FeedCursor {
    /// Identity of the feed, so that a cursor of another database is rejected.
    feed: Uuid,
    /// Everything committed by then is before the cursor.
    pub(super) base: CommitPosition,
    /// Everything committed later is after the cursor.
    pub(super) upto: CommitPosition,
    /// Of the rows committed between, those up to this `seq` are before the cursor.
    pub(super) seq: i64,
}

impl FeedCursor {
    /// Returns the cursor after everything committed by `position`.
    pub(super) fn at(feed: Uuid, position: CommitPosition) -> Self {
        Self {
            feed,
            base: position.clone(),
            upto: position,
            seq: 0,
        }
    }

    /// Returns the cursor before everything, in the interval that ends at `upto`.
    pub(super) fn beginning(feed: Uuid, upto: CommitPosition) -> Self {
        Self {
            feed,
            base: upto.beginning(),
            upto,
            seq: 0,
        }
    }

    pub(super) fn feed(&self) -> Uuid {
        self.feed
    }

    /// Returns whether nothing lies between the two positions, and so the next row is in a later interval.
    pub(super) fn is_at_interval_end(&self) -> bool {
        self.base == self.upto
    }

    /// Returns the cursor after the row `seq` of the same interval.
    pub(super) fn after_row(&self, seq: i64) -> Self {
        Self {
            seq,
            ..self.clone()
        }
    }

    /// Returns the cursor at the end of this interval, which starts the interval up to `upto`.
    pub(super) fn next_interval(&self, upto: &CommitPosition) -> Self {
        Self {
            feed: self.feed,
            base: self.upto.clone(),
            upto: upto.clone(),
            seq: 0,
        }
    }
}

/// A position among the events of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum EventCursor {
    /// After an event from before the feed, by its position in lists.
    Adopted(Position),
    /// After an event that the feed has a position for.
    Feed(FeedCursor),
}

impl From<FeedCursor> for EventCursor {
    fn from(cursor: FeedCursor) -> Self {
        Self::Feed(cursor)
    }
}
