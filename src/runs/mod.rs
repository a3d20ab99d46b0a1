//! The domain: what a run is, how it may change, and what can be asked of the ledger. It knows
//! neither GraphQL nor HTTP.
//!
//! [`Runs`] is the whole of it to its callers: `list` and `write` hold its
//! methods, `status` the rules of a run's status, `commands` and `filter` what is handed in, `extent` how
//! much of a run is told, `parts` what is read along with it, `lean` which lists an index leads to, `feed` how
//! changes reach those who watch.

use std::sync::Arc;

use crate::{clock::Clock, db::Database};

pub mod commands;
pub mod duration;
mod error;
mod extent;
pub mod feed;
pub mod filter;
mod index_support;
pub(crate) mod list;
mod load;
mod statement;
pub mod status;
mod write;

pub use entity::{run::Model as Run, user::Model as User};
pub use error::{Error, Result};
pub use extent::RunColumns;
pub use list::{RunOrder, RunOrderField};
pub use load::{LoadedRun, RunSelection};
pub use write::WriteResult;

use feed::Feed;

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
    /// Of the feed.
    pub feed: feed::Settings,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            event_type_chars: 50,
            details_bytes: 64 * 1024,
            details_depth: 64,
            events_per_call: 1000,
            feed: feed::Settings::default(),
        }
    }
}

/// The ledger.
#[derive(Clone, Debug)]
pub struct Runs {
    pub(crate) database: Database,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) feed: Feed,
    pub(crate) limits: Limits,
}

impl Runs {
    /// Opens the ledger that `database` holds, and starts to follow its changes.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn open(database: Database, clock: Arc<dyn Clock>, limits: Limits) -> Result<Self> {
        let feed = Feed::start(database.clone(), clock.new_id(), limits.feed).await?;
        Ok(Self {
            database,
            clock,
            feed,
            limits,
        })
    }

    /// The changes of runs, as they are committed.
    #[must_use]
    pub fn feed(&self) -> &Feed {
        &self.feed
    }
}
