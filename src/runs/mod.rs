//! The domain: what a run is, how it may change, and what can be asked of the ledger. It knows
//! neither GraphQL nor HTTP.
//!
//! [`Runs`] is the whole of it to its callers: `list` and `write` hold its
//! methods, `status` the rules of a run's status, `commands` and `filter` what is handed in, `extent` how
//! much of a run is told, `parts` what is read along with it, `lean` which lists an index leads to, `change_signal`
//! how the feed learns that there is something to read.

use std::sync::Arc;

use crate::{clock::Clock, db::Database};

mod change_signal;
pub mod commands;
pub mod duration;
mod error;
mod extent;
pub mod filter;
mod index_support;
pub(crate) mod list;
mod load;
mod statement;
pub mod status;
mod write;

pub use change_signal::ChangeSignal;
pub(crate) use change_signal::ChangeSubscriber;
pub use entity::{run::Model as Run, user::Model as User};
pub use error::{Error, Result};
pub use extent::RunColumns;
pub use list::{RunOrder, RunOrderField};
pub use load::{LoadedRun, RunSelection};
pub use write::WriteResult;

/// How much one call may hand in.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Characters of an event's type; the column holds no more than the default.
    pub event_type_chars: usize,
    /// Bytes of one `details` as JSON.
    pub details_bytes: usize,
    /// Levels of objects and lists in one `details`: it must be read again with what is around it.
    pub details_depth: usize,
    /// Events in one call.
    pub events_per_call: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            event_type_chars: 50,
            details_bytes: 64 * 1024,
            details_depth: 64,
            events_per_call: 1000,
        }
    }
}

/// The ledger.
#[derive(Clone, Debug)]
pub struct Runs {
    pub(crate) database: Database,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) changes: ChangeSignal,
    pub(crate) limits: Limits,
}

impl Runs {
    /// Runs in this database.
    #[must_use]
    pub fn new(database: Database, clock: Arc<dyn Clock>, limits: Limits) -> Self {
        Self {
            database,
            clock,
            changes: ChangeSignal::default(),
            limits,
        }
    }

    /// Notified after each commit of this server's that changed a run or added events.
    #[must_use]
    pub fn change_signal(&self) -> &ChangeSignal {
        &self.changes
    }
}
