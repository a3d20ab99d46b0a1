//! Filters of events.

use chrono::{DateTime, Utc};
use entity::event::Column;
use sea_orm::sea_query::{Condition, Expr};
use sea_orm::{ColumnTrait, DbBackend};
use uuid::Uuid;

use crate::runs::filter::contains;

/// All given parts must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct EventFilter {
    /// Of any of these runs.
    pub run_id: Option<Vec<Uuid>>,
    /// Of any of these types.
    pub event_type: Option<Vec<String>>,
    /// from <= x
    pub timestamp_from: Option<DateTime<Utc>>,
    /// x < to
    pub timestamp_to: Option<DateTime<Utc>>,
    /// Part of the message.
    pub message_contains: Option<String>,
}

impl EventFilter {
    /// Whether an index leads to the events that match, newest first.
    #[must_use]
    pub fn is_indexed(&self) -> bool {
        let runs = self.run_id.as_ref().map_or(0, Vec::len);
        let types = self.event_type.as_ref().map_or(0, Vec::len);
        self.message_contains.is_none() && runs <= 1 && types <= 1
    }

    /// The filter as the database asks it.
    #[must_use]
    pub fn condition(&self, backend: DbBackend) -> Condition {
        Condition::all()
            .add_option(
                self.run_id
                    .as_ref()
                    .map(|ids| Column::SyncId.is_in(ids.iter().copied())),
            )
            .add_option(
                self.event_type
                    .as_ref()
                    .map(|types| Column::EventType.is_in(types)),
            )
            .add_option(self.timestamp_from.map(|from| Column::Timestamp.gte(from)))
            .add_option(self.timestamp_to.map(|to| Column::Timestamp.lt(to)))
            .add_option(
                self.message_contains
                    .as_ref()
                    .map(|part| contains(Expr::col(Column::Message), part, backend)),
            )
    }
}
