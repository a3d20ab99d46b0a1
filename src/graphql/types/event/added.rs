//! Added events, as a subscription delivers them.

use async_graphql::SimpleObject;

use super::sync_event::SyncEvent;
use crate::{
    events::Event,
    feed::EventCursor,
    graphql::{fast_path::Fast, types::cursor::encode_added_events},
};

/// An event that was added to a run.
#[derive(Debug, SimpleObject)]
pub(crate) struct SyncEventAdded {
    /// The cursor of this event. Pass it as `after` to resume the subscription after this event.
    cursor: String,
    /// The added event.
    event: Fast<SyncEvent>,
}

impl From<(EventCursor, Event)> for SyncEventAdded {
    fn from((cursor, event): (EventCursor, Event)) -> Self {
        Self {
            cursor: encode_added_events(&cursor),
            event: Fast(event.into()),
        }
    }
}
