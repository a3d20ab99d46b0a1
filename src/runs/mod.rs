//! Runs: the rules that they follow, and the operations on them. Knows neither GraphQL nor HTTP.
//!
//! [`Runs`] is the entry point. `write` creates and changes runs as the rules in [`status`] allow it, `complete` ends them, `bulk`
//! writes several in one call, `heartbeats` closes those whose workers have stopped reporting. `list` and `load` read them,
//! [`stats`] counts and sums them, [`freshness`] says which data is late. [`commands`] and [`filter`] are what callers pass in,
//! `order` and `groups` say how lists are ordered, `index_support` says which filters an index supports, `text_search` how
//! runs are found by a text. Each write notifies the [`ChangeSignal`], which the change feed listens to.

mod bulk;
mod change_signal;
pub mod commands;
mod complete;
mod creation;
mod details_filter;
mod end;
mod error;
pub mod failures;
pub mod filter;
pub mod freshness;
mod groups;
mod heartbeats;
mod id_prefix;
mod index_support;
mod index_task;
mod list;
mod load;
mod order;
mod range;
mod scan;
pub mod stats;
pub mod status;
pub(crate) mod text_indexer;
mod text_match;
mod text_search;
mod users;
mod write;
mod write_scope;

use std::sync::Arc;

pub use bulk::{CancelledRuns, DeletedRuns};
pub use change_signal::ChangeSignal;
pub(crate) use change_signal::ChangeSubscriber;
pub use end::{duration_micros, ended_at, updated_at};
pub use entity::{run::Model as Run, user::Model as User};
pub use error::{Error, Result};
pub use heartbeats::{HeartbeatMonitor, last_report};
pub use load::RunSelection;
pub use order::{RunOrder, RunOrderField};
pub use users::{UserPosition, user_position};
pub use write::WriteResult;
pub use write_scope::WriteScope;

pub use crate::store::{LoadedRun, RunColumns};
use crate::{clock::Clock, db::Database, store::Store};
use freshness::ExpectedIntervals;

/// Limits on the input of one call.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Maximum length of an event type in characters; the column holds no more than the default.
    pub event_type_chars: usize,
    /// Maximum size of a `details` object in bytes of JSON.
    pub details_bytes: usize,
    /// Maximum size of a run's details after a report was merged into them, in bytes of JSON.
    pub merged_details_bytes: usize,
    /// Maximum size of an event's message, an error message or a reason, in bytes.
    pub text_bytes: usize,
    /// Maximum number of runs that one call cancels.
    pub cancelled_runs: u64,
    /// Maximum number of runs that one call may name.
    pub runs_per_call: usize,
    /// Maximum nesting depth of a `details` object: a response that contains it must remain parseable.
    pub details_depth: usize,
    /// Maximum number of events in one call.
    pub events_per_call: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            event_type_chars: 50,
            details_bytes: 64 * 1024,
            merged_details_bytes: 256 * 1024,
            text_bytes: 64 * 1024,
            cancelled_runs: 1000,
            runs_per_call: 100,
            details_depth: 64,
            events_per_call: 1000,
        }
    }
}

/// The runs in a database. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Runs {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) changes: ChangeSignal,
    pub(crate) limits: Limits,
    expected: Arc<ExpectedIntervals>,
}

impl Runs {
    /// Returns the runs in `database`.
    #[must_use]
    pub fn new(database: Database, clock: Arc<dyn Clock>, limits: Limits) -> Self {
        Self {
            store: Store::new(database),
            clock,
            changes: ChangeSignal::default(),
            limits,
            expected: Arc::default(),
        }
    }

    /// Returns the runs with configured intervals, which replace those that are learned.
    #[must_use]
    pub fn with_expected_intervals(self, expected: ExpectedIntervals) -> Self {
        Self {
            expected: Arc::new(expected),
            ..self
        }
    }

    /// Returns the signal that is notified after each commit of this server that changes a run or adds events.
    #[must_use]
    pub fn change_signal(&self) -> &ChangeSignal {
        &self.changes
    }
}
