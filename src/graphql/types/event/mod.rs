//! Events: the type with its table of fields, its lists, and the inputs and payloads of its mutations.

mod added;
mod connection;
mod filter;
mod input;
mod payload;
mod sync_event;

pub(crate) use added::SyncEventAdded;
pub(crate) use connection::{PreloadedEvents, list_events, list_events_of_runs, plan_preload};
pub(crate) use filter::SyncEventFilter;
pub(crate) use input::{AddSyncEventInput, AddSyncEventsInput};
pub(crate) use payload::{AddSyncEventPayload, AddSyncEventsPayload};
pub(crate) use sync_event::SyncEvent;
