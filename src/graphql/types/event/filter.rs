//! Which events.

use async_graphql::{ID, InputObject};

use crate::{
    events::filter::EventFilter,
    graphql::types::filters::{DateTimeRange, parse_ids, validate_search_text, validate_values},
    runs::Result,
};

/// All given fields must hold. A list means any of its values; an empty list matches nothing; null or absent means not filtered.
#[derive(Clone, Debug, Default, InputObject)]
pub(crate) struct SyncEventFilter {
    /// Of any of these runs.
    run_id: Option<Vec<ID>>,
    /// Of any of these types.
    event_type: Option<Vec<String>>,
    /// Happened in this time.
    timestamp: Option<DateTimeRange>,
    /// Case-insensitive part of the message.
    message_contains: Option<String>,
}

impl SyncEventFilter {
    /// The filter as the domain knows it.
    pub(crate) fn parse(self) -> Result<EventFilter> {
        let timestamp = self.timestamp.unwrap_or_default();
        Ok(EventFilter {
            run_id: parse_ids("runId", self.run_id)?,
            event_type: validate_values("eventType", self.event_type)?
                .map(|types| {
                    types
                        .into_iter()
                        .map(|text| validate_search_text("eventType", text))
                        .collect()
                })
                .transpose()?,
            timestamp_from: timestamp.gte.map(|at| at.0),
            timestamp_to: timestamp.lt.map(|at| at.0),
            message_contains: self
                .message_contains
                .map(|text| validate_search_text("messageContains", text))
                .transpose()?,
        })
    }
}
