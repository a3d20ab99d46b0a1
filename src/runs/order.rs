//! Orders of lists of runs.

use entity::{
    SyncEntityType, SyncSource, SyncStatus,
    run::{self, Column},
};
use sea_orm::sea_query::{Expr, IntoTableRef};
use strum::VariantArray;
use uuid::Uuid;

use super::{LoadedRun, Run, duration_micros, ended_at};
use crate::{
    db::keyset::{KeysetOrder, Position, PositionValue, Tie},
    store::{Store, instant},
};

/// The field that a list of runs is ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
pub enum RunOrderField {
    /// The start time.
    StartedAt,
    /// The end time; runs without one come last.
    CompletedAt,
    /// The time from start to end; runs that have not ended come last.
    Duration,
    /// The number of records processed.
    RecordsProcessed,
    /// The number of records that failed.
    RecordsFailed,
    /// The name of the status; runs of one status are ordered by their start, newest first, and unknown ones come last.
    Status,
    /// The name of the entity type; otherwise as [`Status`](Self::Status).
    EntityType,
    /// The name of the source; otherwise as [`Status`](Self::Status).
    Source,
}

/// The order of a list of runs.
#[derive(Clone, Copy, Debug)]
pub struct RunOrder {
    /// The field to order by; the ID breaks ties.
    pub field: RunOrderField,
    /// Whether the largest value comes first.
    pub descending: bool,
}

/// The group of runs whose value is unknown, in lists ordered by an enum.
pub(super) const UNKNOWN_GROUP: u8 = 0;
/// The group of runs without a value, in lists ordered by one that a run may lack.
pub(super) const NULL_GROUP: u8 = 1;

impl RunOrderField {
    /// Returns the position of `run` in a list ordered by this field.
    #[must_use]
    pub fn position(self, run: &Run) -> Position {
        let value = match self.value(run) {
            Some(_) if self.unreadable(run).is_some() => PositionValue::Stored,
            value => value.into(),
        };
        Position {
            group: self.group(run),
            value,
            seq: 0,
            id: run.id,
        }
    }

    /// Returns the number of groups that a list ordered by this field may have.
    #[must_use]
    pub fn groups(self) -> usize {
        match self {
            Self::StartedAt | Self::RecordsProcessed | Self::RecordsFailed => 1,
            Self::CompletedAt | Self::Duration => 2,
            Self::Status => SyncStatus::VARIANTS.len() + 1,
            Self::EntityType => SyncEntityType::VARIANTS.len() + 1,
            Self::Source => SyncSource::VARIANTS.len() + 1,
        }
    }

    /// Returns whether the field is an enum.
    #[must_use]
    pub fn is_enum(self) -> bool {
        matches!(self, Self::Status | Self::EntityType | Self::Source)
    }

    /// Returns the number of the group of a run in lists ordered by this field.
    fn group(self, run: &Run) -> u8 {
        match self {
            Self::Status => run.status().as_ref().map_or(UNKNOWN_GROUP, group_of),
            Self::EntityType => run.entity_type().as_ref().map_or(UNKNOWN_GROUP, group_of),
            Self::Source => run.source().as_ref().map_or(UNKNOWN_GROUP, group_of),
            _ if self.value(run).is_none() => NULL_GROUP,
            _ => 0,
        }
    }

    /// Returns the stored value of `run` that rows of a group are ordered by, if it cannot be represented.
    fn unreadable(self, run: &Run) -> Option<&str> {
        match self {
            Self::StartedAt | Self::Status | Self::EntityType | Self::Source => {
                run.unreadable(Column::StartedAt)
            }
            Self::CompletedAt => run.unreadable(Column::CompletedAt),
            Self::Duration => run
                .unreadable(Column::StartedAt)
                .or_else(|| run.unreadable(Column::CompletedAt)),
            Self::RecordsProcessed => run.unreadable(Column::RecordsProcessed),
            Self::RecordsFailed => run.unreadable(Column::RecordsFailed),
        }
    }

    /// Returns the value of `run` that rows of a group are ordered by.
    fn value(self, run: &Run) -> Option<i64> {
        match self {
            Self::StartedAt | Self::Status | Self::EntityType | Self::Source => {
                Some(run.started_at.timestamp_micros())
            }
            Self::CompletedAt => ended_at(run).map(|at| at.timestamp_micros()),
            Self::Duration => duration_micros(run),
            Self::RecordsProcessed => Some(run.records_processed.into()),
            Self::RecordsFailed => Some(run.records_failed.into()),
        }
    }

    /// Returns what rows of a group are sorted by.
    fn sort_key(self, run: &Run) -> (Option<i64>, Option<&str>, Uuid) {
        // All texts that are no instants have one value; SQLite sorts them as texts.
        let text = match self {
            Self::Duration | Self::RecordsProcessed | Self::RecordsFailed => None,
            _ => self.unreadable(run),
        };
        (self.value(run), text, run.id)
    }
}

impl RunOrder {
    /// Returns the numbers of the groups, in their order.
    pub(super) fn groups(self) -> Vec<u8> {
        match self.field {
            RunOrderField::StartedAt
            | RunOrderField::RecordsProcessed
            | RunOrderField::RecordsFailed => vec![0],
            RunOrderField::CompletedAt | RunOrderField::Duration => vec![0, NULL_GROUP],
            RunOrderField::Status => self.enum_groups::<SyncStatus>(),
            RunOrderField::EntityType => self.enum_groups::<SyncEntityType>(),
            RunOrderField::Source => self.enum_groups::<SyncSource>(),
        }
    }

    /// Names of values are their stored texts in upper case, so both have the same order.
    fn enum_groups<T: Copy + PartialEq + AsRef<str> + VariantArray>(self) -> Vec<u8> {
        let mut values = T::VARIANTS.to_vec();
        values.sort_unstable_by(|one, other| one.as_ref().cmp(other.as_ref()));
        if self.descending {
            values.reverse();
        }
        let groups = values.iter().map(group_of);
        groups.chain([UNKNOWN_GROUP]).collect()
    }

    /// Returns the order of the rows of a group.
    pub(super) fn keyset(self, store: &Store) -> KeysetOrder {
        let (by, operand): (Expr, fn(i64) -> Expr) = match self.field {
            RunOrderField::StartedAt
            | RunOrderField::Status
            | RunOrderField::EntityType
            | RunOrderField::Source => (Expr::col(Column::StartedAt), instant),
            RunOrderField::CompletedAt => (store.ended_at(), instant),
            RunOrderField::Duration => (store.duration(), store.duration_operand()),
            RunOrderField::RecordsProcessed => (Expr::col(Column::RecordsProcessed), Expr::val),
            RunOrderField::RecordsFailed => (Expr::col(Column::RecordsFailed), Expr::val),
        };
        KeysetOrder {
            table: run::Entity.into_table_ref(),
            by,
            ties: vec![Tie {
                by: Expr::col(Column::Id),
                value: |position| Expr::val(position.id),
            }],
            id: Expr::col(Column::Id),
            descending: self.is_group_descending(),
            operand,
        }
    }

    /// Runs with the same value of an enum are ordered newest first, whatever the order of its values.
    fn is_group_descending(self) -> bool {
        self.descending || self.field.is_enum()
    }

    /// Sorts runs in the order of the list.
    pub(super) fn sort(self, runs: &mut [LoadedRun]) {
        let groups = self.groups();
        let place = |run: &Run| {
            let group = self.field.group(run);
            groups.iter().position(|number| *number == group)
        };
        runs.sort_unstable_by(|LoadedRun { run: one, .. }, LoadedRun { run: other, .. }| {
            place(one).cmp(&place(other)).then_with(|| {
                let ordering = self.field.sort_key(one).cmp(&self.field.sort_key(other));
                if self.is_group_descending() {
                    ordering.reverse()
                } else {
                    ordering
                }
            })
        });
    }
}

/// Returns the number of the group of a value. It must not change: cursors contain it.
pub(super) fn group_of<T: PartialEq + VariantArray>(value: &T) -> u8 {
    let index = T::VARIANTS.iter().position(|known| known == value);
    index.map_or(UNKNOWN_GROUP, |index| {
        u8::try_from(index + 1).unwrap_or(u8::MAX)
    })
}
