//! Events, as they are added.

use async_graphql::SimpleObject;

use super::SyncEvent;
use crate::{events::Event, feed::EventCursor, graphql::types::cursor::encode_added_events};

/// A committed event of a run.
#[derive(Debug, SimpleObject)]
pub(crate) struct SyncEventAdded {
    /// Where to resume: pass it as `after`.
    cursor: String,
    /// The event.
    event: SyncEvent,
}

impl From<(EventCursor, Event)> for SyncEventAdded {
    fn from((cursor, event): (EventCursor, Event)) -> Self {
        Self {
            cursor: encode_added_events(&cursor),
            event: event.into(),
        }
    }
}
