//! Commit positions: what had been committed by a point in time, as each database represents it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::NewestChange;

/// A point in the order of commits. It divides all transactions into those that had committed by then and
/// those that had not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum CommitPosition {
    /// PostgreSQL: the transactions that are visible to a snapshot.
    Snapshot(Snapshot),
    /// SQLite, where writers run one after the other: the highest `seq` of each table.
    Sequence {
        /// Of `sync_change`.
        changes: i64,
        /// Of `sync_event`.
        events: i64,
    },
}

impl CommitPosition {
    /// Returns whether everything committed by `other` had also been committed by this position.
    pub(crate) fn includes(&self, other: &Self) -> bool {
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

    /// Returns whether this position lies in the future of `now`: then the database was restored to an
    /// earlier state after the position had been read.
    pub(crate) fn is_ahead_of(&self, now: &Self) -> bool {
        match (self, now) {
            (Self::Snapshot(this), Self::Snapshot(now)) => this.xmax > now.xmax,
            (
                Self::Sequence { changes, events },
                Self::Sequence {
                    changes: changes_now,
                    events: events_now,
                },
            ) => changes > changes_now || events > events_now,
            // Made on the other kind of database.
            _ => true,
        }
    }

    /// Returns whether both positions are of the same kind of database.
    pub(crate) fn is_same_kind(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }

    /// Returns the position before the first commit, on the kind of database that this position is of.
    pub(crate) fn beginning(&self) -> Self {
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

/// PostgreSQL's `pg_snapshot`: transactions below `xmin` had ended, those from `xmax` on had not started, and
/// those between had ended unless they are `in_progress`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "(u64, u64, Vec<u64>)")]
pub(crate) struct Snapshot {
    xmin: u64,
    xmax: u64,
    in_progress: Vec<u64>,
}

impl Snapshot {
    /// Returns the snapshot of the transactions up to that of the newest change which is visible to this one: as far as
    /// changes are concerned, the same. Transactions after it may be lost in a failover, and their ids given to others.
    pub(super) fn until(&self, newest: Option<NewestChange>) -> Self {
        let end = newest.map_or(1, |newest| newest.xid.saturating_add(1));
        let xmax = self.xmax.min(end);
        let in_progress = self.in_progress.iter().copied();
        let in_progress: Vec<_> = in_progress.filter(|xid| *xid < xmax).collect();
        Self {
            xmin: in_progress.first().copied().unwrap_or(xmax),
            xmax,
            in_progress,
        }
    }
}

/// Formats the position as `10:20:10,14,15` (a snapshot) or `10:20` (sequences).
impl fmt::Display for CommitPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Snapshot(snapshot) => snapshot.fmt(f),
            Self::Sequence { changes, events } => write!(f, "{changes}:{events}"),
        }
    }
}

impl FromStr for CommitPosition {
    type Err = InvalidPosition;

    fn from_str(text: &str) -> Result<Self, InvalidPosition> {
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

/// Accepts what PostgreSQL accepts: a cursor may be forged.
impl TryFrom<(u64, u64, Vec<u64>)> for Snapshot {
    type Error = InvalidPosition;

    fn try_from((xmin, xmax, in_progress): (u64, u64, Vec<u64>)) -> Result<Self, InvalidPosition> {
        let snapshot = Self {
            xmin,
            xmax,
            in_progress,
        };
        let xids = &snapshot.in_progress;
        let is_valid = (1..=xmax).contains(&xmin)
            && xids.is_sorted()
            && xids.iter().all(|xid| (xmin..xmax).contains(xid));
        is_valid
            .then_some(())
            .ok_or_else(|| InvalidPosition(snapshot.to_string()))?;
        Ok(snapshot)
    }
}

/// Formats the snapshot as PostgreSQL does: `10:20:10,14,15`.
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

/// A text that is not a commit position.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a commit position")]
pub(crate) struct InvalidPosition(String);

impl FromStr for Snapshot {
    type Err = InvalidPosition;

    fn from_str(text: &str) -> Result<Self, InvalidPosition> {
        let parse = || {
            let mut parts = text.splitn(3, ':');
            let xmin = parts.next()?.parse().ok()?;
            let xmax = parts.next()?.parse().ok()?;
            let in_progress = parts
                .next()?
                .split(',')
                .filter(|xid| !xid.is_empty())
                .map(|xid| xid.parse().ok())
                .collect::<Option<_>>()?;
            Self::try_from((xmin, xmax, in_progress)).ok()
        };
        parse().ok_or_else(|| InvalidPosition(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(text: &str) -> CommitPosition {
        text.parse().unwrap()
    }

    #[test]
    fn snapshots_round_trip_through_the_format_of_postgresql() {
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
    fn a_position_includes_earlier_positions() {
        assert!(position("10:20:").includes(&position("10:20:10,12")));
        assert!(position("10:20:10").includes(&position("10:18:10,12")));
        assert!(!position("10:20:12").includes(&position("10:18:10")));
        assert!(!position("10:18:").includes(&position("10:20:")));
        // A transaction in progress at the later position had not started at the earlier one.
        assert!(position("25:30:25").includes(&position("10:20:")));
        assert!(position("3:4").includes(&position("3:2")));
        assert!(!position("3:4").includes(&position("4:2")));
        assert_eq!(position("3:4").to_string(), "3:4");
    }

    #[test]
    fn a_position_from_the_future_is_detected() {
        assert!(position("10:20:").is_ahead_of(&position("10:19:")));
        assert!(!position("10:20:").is_ahead_of(&position("20:20:")));
        assert!(position("3:0").is_ahead_of(&position("2:9")));
        assert!(position("0:3").is_ahead_of(&position("9:2")));
        assert!(!position("2:2").is_ahead_of(&position("2:2")));
        assert!(position("2:2").is_ahead_of(&position("10:20:")));
    }
}
