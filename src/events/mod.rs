//! Events of runs: adding, filtering and listing them.

mod add;
pub mod commands;
pub mod filter;
mod list;
mod list_by_run;

use std::sync::Arc;

pub use add::{AddedEvent, AddedEvents};
pub use entity::event::Model as Event;
pub use list::event_position;
pub use list_by_run::{EventQuery, RunEventKey};

pub use crate::store::EventPageSpec;
use crate::{
    clock::Clock,
    runs::{ChangeSignal, Limits, Runs},
    store::Store,
};

/// The events in a database. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Events {
    store: Store,
    clock: Arc<dyn Clock>,
    changes: ChangeSignal,
    limits: Limits,
}

impl Events {
    /// Returns the events of these runs, in the same database and with the same limits.
    #[must_use]
    pub fn new(runs: &Runs) -> Self {
        Self {
            store: runs.store.clone(),
            clock: Arc::clone(&runs.clock),
            changes: runs.changes.clone(),
            limits: runs.limits.clone(),
        }
    }
}
