//! Which events.

use async_graphql::{ID, InputObject};

use crate::{
    events::filter::EventFilter,
    graphql::run::filter::{DateTimeRange, ids, search_text, values},
    runs::Result,
};

/// All given fields must hold. A list means any of its values; an empty list matches nothing; null or absent means not filtered.
#[derive(Clone, Debug, Default, InputObject)]
pub(in crate::graphql) struct SyncEventFilter {
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
    pub(in crate::graphql) fn parse(self) -> Result<EventFilter> {
        let timestamp = self.timestamp.unwrap_or_default();
        Ok(EventFilter {
            run_id: ids("runId", self.run_id)?,
            event_type: values("eventType", self.event_type)?
                .map(|types| {
                    types
                        .into_iter()
                        .map(|text| search_text("eventType", text))
                        .collect()
                })
                .transpose()?,
            timestamp_from: timestamp.gte.map(|at| at.0),
            timestamp_to: timestamp.lt.map(|at| at.0),
            message_contains: self
                .message_contains
                .map(|text| search_text("messageContains", text))
                .transpose()?,
        })
    }
}
