//! The filter of a list of events.

use async_graphql::{ID, InputObject};

use crate::{
    events::filter::EventFilter,
    graphql::types::filters::{DateTimeRange, parse_ids, validate_search_text, validate_values},
    runs::Result,
};

/// A filter of events. An event must match all given fields; a field that is absent or null matches every
/// event. A list matches any of its values, at most 1,000; an empty list matches no event.
#[derive(Clone, Debug, Default, InputObject)]
pub(crate) struct SyncEventFilter {
    /// Matches events of one of these runs, given by UUID.
    run_id: Option<Vec<ID>>,
    /// Matches events of one of these types.
    event_type: Option<Vec<String>>,
    /// Matches events that happened in this range.
    timestamp: Option<DateTimeRange>,
    /// Matches events whose message contains this text, ignoring case. At most 500 characters.
    message_contains: Option<String>,
}

impl SyncEventFilter {
    /// Converts the input to the domain's filter.
    ///
    /// # Errors
    /// Returns [`Error::BadInput`](crate::runs::Error::BadInput) if a value is invalid.
    pub(crate) fn parse(self) -> Result<EventFilter> {
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
            timestamp: self.timestamp.unwrap_or_default().into(),
            message_contains: self
                .message_contains
                .map(|text| validate_search_text("messageContains", text))
                .transpose()?,
        })
    }
}
