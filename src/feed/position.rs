//! Positions in the feed, from which a subscriber can resume.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{db::keyset::Position, store::FeedPosition};

/// A position in the feed: after the row `seq` of those committed between two commit positions, ordered by
/// `seq`. The rows are changes or events; a cursor belongs to one or the other. Changes of one run are in
/// their order of commit, since a transaction that changes a run waits for the previous one to end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FeedCursor {
    /// Identity of the feed, so that a cursor of another database is rejected.
    feed: Uuid,
    /// Everything committed by then is before the cursor.
    pub(super) base: FeedPosition,
    /// Everything committed later is after the cursor.
    pub(super) upto: FeedPosition,
    /// Of the rows committed between, those up to this `seq` are before the cursor.
    pub(super) seq: i64,
    /// In a feed of events, the event with this `seq`.
    pub(super) event: Option<Uuid>,
}

impl FeedCursor {
    /// Returns the cursor after everything committed by `position`.
    pub(super) fn at(feed: Uuid, position: FeedPosition) -> Self {
        Self {
            feed,
            base: position.clone(),
            upto: position,
            seq: 0,
            event: None,
        }
    }

    /// Returns the cursor before everything, in the interval that ends at `upto`.
    pub(super) fn beginning(feed: Uuid, upto: FeedPosition) -> Self {
        Self {
            feed,
            base: upto.beginning(),
            upto,
            seq: 0,
            event: None,
        }
    }

    pub(super) fn feed(&self) -> Uuid {
        self.feed
    }

    /// Returns whether the positions of the cursor are of the same kind of database as `now`. The checksum of a cursor does
    /// not prevent forgery.
    pub(super) fn is_comparable_to(&self, now: &FeedPosition) -> bool {
        let commits = [&self.base, &self.upto].map(|position| &position.commit);
        commits
            .iter()
            .all(|commit| commit.is_same_kind(&now.commit))
    }

    /// Returns whether nothing lies between the two positions, and so the next row is in a later interval.
    pub(super) fn is_at_interval_end(&self) -> bool {
        self.base == self.upto
    }

    /// Returns the cursor after the row `seq` of the same interval.
    pub(super) fn after_row(&self, seq: i64) -> Self {
        Self {
            seq,
            event: None,
            ..self.clone()
        }
    }

    /// Returns the cursor after an event of the same interval.
    pub(super) fn after_event(&self, seq: i64, id: Uuid) -> Self {
        Self {
            event: Some(id),
            ..self.after_row(seq)
        }
    }

    /// Returns the cursor at the end of this interval, which starts the interval up to `upto`.
    pub(super) fn next_interval(&self, upto: &FeedPosition) -> Self {
        Self {
            feed: self.feed,
            base: self.upto.clone(),
            upto: upto.clone(),
            seq: 0,
            event: None,
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
