//! Filters of events.

use chrono::{DateTime, Utc};
use entity::event::Column;
use sea_orm::ColumnTrait;
use sea_orm::sea_query::{Condition, Expr};
use uuid::Uuid;

use crate::{runs::filter::Range, store::Store};

/// A filter of events. An event matches if it matches every field that is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct EventFilter {
    /// The run is one of these.
    pub run_id: Option<Vec<Uuid>>,
    /// The type is one of these.
    pub event_type: Option<Vec<String>>,
    /// The time is in this range.
    pub timestamp: Range<DateTime<Utc>>,
    /// The message contains this text, ignoring case.
    pub message_contains: Option<String>,
}

impl EventFilter {
    /// Returns whether an index supports a list of the matching events, newest first.
    #[must_use]
    pub fn is_indexed(&self) -> bool {
        let runs = self.run_id.as_ref().map_or(0, Vec::len);
        let types = self.event_type.as_ref().map_or(0, Vec::len);
        self.message_contains.is_none() && runs <= 1 && types <= 1
    }

    /// Returns the condition that selects the matching events.
    pub(crate) fn condition(&self, store: &Store) -> Condition {
        let timestamp = Expr::col(Column::Timestamp);
        let [after, before] = self.timestamp.conditions(&timestamp, Expr::val);
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
            .add_option(after)
            .add_option(before)
            .add_option(
                self.message_contains
                    .as_ref()
                    .map(|text| store.contains_text(Expr::col(Column::Message), text)),
            )
    }
}
