//! Places in the feed.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A moment of the feed: tells what had been committed by then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommitPosition {
    /// PostgreSQL: which transactions had.
    Snapshot(Snapshot),
    /// SQLite, which has one writer at a time: the highest `seq` of each table.
    Sequence {
        /// Of `sync_change`.
        changes: i64,
        /// Of `sync_event`.
        events: i64,
    },
}

/// What the feed is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    Changes,
    Events,
}

impl CommitPosition {
    /// The highest `seq` of a table at this moment, where that alone tells the moment.
    pub(super) fn seq(&self, table: Table) -> i64 {
        match (self, table) {
            (Self::Snapshot(_), _) => 0,
            (Self::Sequence { changes, .. }, Table::Changes) => *changes,
            (Self::Sequence { events, .. }, Table::Events) => *events,
        }
    }

    /// Whether all that was committed by `other` was committed by this moment too.
    pub(super) fn includes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Snapshot(this), Self::Snapshot(other)) => {
                this.xmax >= other.xmax
                    && this
                        .in_progress
                        .iter()
                        .all(|xid| *xid >= other.xmax || other.in_progress.contains(xid))
            }
            (
                Self::Sequence { changes, events },
                Self::Sequence {
                    changes: other_changes,
                    events: other_events,
                },
            ) => changes >= other_changes && events >= other_events,
            // Made on the other kind of database.
            _ => false,
        }
    }

    /// The moment before anything was committed, on the kind of database that this moment is of.
    pub(super) fn beginning(&self) -> Self {
        match self {
            Self::Snapshot(_) => Self::Snapshot(Snapshot {
                xmin: 1,
                xmax: 1,
                in_progress: Vec::new(),
            }),
            Self::Sequence { .. } => Self::Sequence {
                changes: 0,
                events: 0,
            },
        }
    }
}

/// PostgreSQL's `pg_snapshot`: transactions below `xmin` had ended, those from `xmax` on had not
/// begun, and of those between, `in_progress` were open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    xmin: u64,
    xmax: u64,
    in_progress: Vec<u64>,
}

/// A place in the feed: behind the row `seq` among those committed between two moments, in the order
/// of `seq`. The rows are changes or events; a cursor is of one or the other. A run's changes follow
/// one another in that order, since each transaction that changes a run waits for the one before it
/// to end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedCursor {
    /// Identity of the feed, so that no cursor is taken for one of another database's.
    feed: Uuid,
    /// All that was committed by then lies before this place.
    pub(super) base: CommitPosition,
    /// All that was committed later lies behind this place.
    pub(super) upto: CommitPosition,
    /// Of what was committed between, this much lies before.
    pub(super) seq: i64,
}

impl FeedCursor {
    /// The place behind all that was committed by `head`.
    pub(super) fn at(feed: Uuid, head: CommitPosition) -> Self {
        Self {
            feed,
            base: head.clone(),
            upto: head,
            seq: 0,
        }
    }

    pub(super) fn feed(&self) -> Uuid {
        self.feed
    }

    /// The place before all that was ever committed, in the interval up to `head`.
    pub(super) fn beginning(feed: Uuid, head: CommitPosition) -> Self {
        Self {
            feed,
            base: head.beginning(),
            upto: head,
            seq: 0,
        }
    }

    /// The place behind the row `seq` of the same interval.
    pub(super) fn behind(&self, seq: i64) -> Self {
        Self {
            seq,
            ..self.clone()
        }
    }

    /// The place at the end of this interval, which is the start of the one up to `head`.
    pub(super) fn next_interval(&self, head: &CommitPosition) -> Self {
        Self {
            feed: self.feed,
            base: self.upto.clone(),
            upto: head.clone(),
            seq: 0,
        }
    }

    /// Whether this place lies in the future of `head`: then the database was restored to an
    /// earlier state since the cursor was made.
    pub(super) fn is_ahead_of(&self, head: &CommitPosition) -> bool {
        match (&self.upto, head) {
            (CommitPosition::Snapshot(upto), CommitPosition::Snapshot(head)) => {
                upto.xmax > head.xmax
            }
            (
                CommitPosition::Sequence { changes, events },
                CommitPosition::Sequence {
                    changes: head_changes,
                    events: head_events,
                },
            ) => changes > head_changes || events > head_events,
            // Made on the other kind of database.
            _ => true,
        }
    }
}

/// `10:20:10,14,15` as PostgreSQL writes a snapshot, or `10:20` for sequences.
impl fmt::Display for CommitPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Snapshot(snapshot) => snapshot.fmt(f),
            Self::Sequence { changes, events } => write!(f, "{changes}:{events}"),
        }
    }
}

impl FromStr for CommitPosition {
    type Err = InvalidCommitPosition;

    fn from_str(text: &str) -> Result<Self, InvalidCommitPosition> {
        let snapshot = || text.parse().map(Self::Snapshot);
        let sequence = || {
            let (changes, events) = text.split_once(':')?;
            Some(Self::Sequence {
                changes: changes.parse().ok()?,
                events: events.parse().ok()?,
            })
        };
        sequence().map_or_else(snapshot, Ok)
    }
}

/// As PostgreSQL writes it: `10:20:10,14,15`.
impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:", self.xmin, self.xmax)?;
        for (index, xid) in self.in_progress.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{xid}")?;
        }
        Ok(())
    }
}

/// A text that is no moment.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a moment of the feed")]
pub struct InvalidCommitPosition(String);

impl FromStr for Snapshot {
    type Err = InvalidCommitPosition;

    fn from_str(text: &str) -> Result<Self, InvalidCommitPosition> {
        let parse = || {
            let mut parts = text.splitn(3, ':');
            let xmin = parts.next()?.parse().ok()?;
            let xmax = parts.next()?.parse().ok()?;
            let list = parts.next()?;
            let in_progress = list
                .split(',')
                .filter(|xid| !xid.is_empty())
                .map(|xid| xid.parse().ok())
                .collect::<Option<_>>()?;
            Some(Self {
                xmin,
                xmax,
                in_progress,
            })
        };
        parse().ok_or_else(|| InvalidCommitPosition(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_reads_and_writes_as_postgresql_does() {
        for text in [
            "10:20:10,14,15",
            "736:736:",
            "18446744073709551614:18446744073709551615:",
        ] {
            assert_eq!(text.parse::<Snapshot>().unwrap().to_string(), text);
        }
        for text in ["", "1:2", "a:b:", "1:2:3,x"] {
            assert!(text.parse::<Snapshot>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_moment_includes_what_came_before_it() {
        let head = |text: &str| text.parse::<CommitPosition>().unwrap();
        assert!(head("10:20:").includes(&head("10:20:10,12")));
        assert!(head("10:20:10").includes(&head("10:18:10,12")));
        assert!(!head("10:20:12").includes(&head("10:18:10")));
        assert!(!head("10:18:").includes(&head("10:20:")));
        // What was still open at the later moment had not begun at the earlier.
        assert!(head("25:30:25").includes(&head("10:20:")));
        assert!(head("3:4").includes(&head("3:2")));
        assert!(!head("3:4").includes(&head("4:2")));
        assert_eq!(head("3:4").to_string(), "3:4");
    }

    #[test]
    fn a_cursor_from_the_future_is_told() {
        let at = |head| FeedCursor::at(Uuid::nil(), head);
        let snapshot = |text: &str| CommitPosition::Snapshot(text.parse().unwrap());
        assert!(at(snapshot("10:20:")).is_ahead_of(&snapshot("10:19:")));
        assert!(!at(snapshot("10:20:")).is_ahead_of(&snapshot("20:20:")));
        let sequence = |changes, events| CommitPosition::Sequence { changes, events };
        assert!(at(sequence(3, 0)).is_ahead_of(&sequence(2, 9)));
        assert!(at(sequence(0, 3)).is_ahead_of(&sequence(9, 2)));
        assert!(!at(sequence(2, 2)).is_ahead_of(&sequence(2, 2)));
        assert!(at(sequence(2, 2)).is_ahead_of(&snapshot("10:20:")));
    }
}
