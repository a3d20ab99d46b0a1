//! The order of a list of runs.

use async_graphql::{Enum, InputObject};

use crate::runs::{RunOrder, RunOrderField};

/// The fields by which runs can be ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "RunOrderField")]
pub(crate) enum SyncRunOrderField {
    /// Order runs by `startedAt`.
    StartedAt,
    /// Order runs by `completedAt`. Open runs come last in both directions.
    CompletedAt,
    /// Order runs by `durationSeconds`. Open runs come last in both directions.
    Duration,
    /// Order runs by `recordsProcessed`.
    RecordsProcessed,
    /// Order runs by `recordsFailed`.
    RecordsFailed,
    /// Order runs by the name of their status, and those of one status newest first, in both directions. UNKNOWN comes last
    /// in both directions.
    Status,
    /// Order runs by the name of their entity type, and those of one type newest first, in both directions. UNKNOWN comes
    /// last in both directions.
    EntityType,
    /// Order runs by the name of their source, and those of one source newest first, in both directions. UNKNOWN comes last
    /// in both directions.
    Source,
}

/// The direction of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum OrderDirection {
    /// Ascending: smallest or oldest first.
    Asc,
    /// Descending: largest or newest first.
    Desc,
}

/// The order of a list of runs. Runs with the same value are ordered by id, unless the field says otherwise; runs without
/// a value come last in both directions.
#[derive(Clone, Copy, Debug, InputObject)]
pub(crate) struct SyncRunOrder {
    /// The field to order by. `STARTED_AT` by default.
    #[graphql(default_with = "SyncRunOrderField::StartedAt")]
    field: SyncRunOrderField,
    /// The direction of the order. DESC by default.
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
