//! The order of a list of runs.

use async_graphql::{Enum, InputObject};

use crate::runs::{RunOrder, RunOrderField};

/// What a list of runs can be ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "RunOrderField")]
pub(crate) enum SyncRunOrderField {
    /// When they began.
    StartedAt,
    /// When they ended; open runs come last.
    CompletedAt,
    /// How long they took; open runs come last.
    Duration,
    /// How many records were read.
    RecordsProcessed,
    /// How many records could not be taken over.
    RecordsFailed,
}

/// Which way a list runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum OrderDirection {
    /// Smallest, or oldest, first.
    Asc,
    /// Largest, or newest, first.
    Desc,
}

/// How a list of runs is ordered. Ties are broken by id. Runs without a value come last in both directions.
#[derive(Clone, Copy, Debug, InputObject)]
pub(crate) struct SyncRunOrder {
    /// By what.
    #[graphql(default_with = "SyncRunOrderField::StartedAt")]
    field: SyncRunOrderField,
    /// Which way.
    #[graphql(default_with = "OrderDirection::Desc")]
    direction: OrderDirection,
}

/// Newest first.
impl Default for SyncRunOrder {
    fn default() -> Self {
        Self {
            field: SyncRunOrderField::StartedAt,
            direction: OrderDirection::Desc,
        }
    }
}

impl From<SyncRunOrder> for RunOrder {
    fn from(order: SyncRunOrder) -> Self {
        Self {
            field: order.field.into(),
            descending: order.direction == OrderDirection::Desc,
        }
    }
}
