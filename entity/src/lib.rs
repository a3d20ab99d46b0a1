//! Rows of the ledger, as both databases hold them, and the words stored in their columns.
//!
//! The names of tables and columns are those of the Python application that kept this ledger
//! before and whose workers still write to it. Columns that hold a word (`status`, `source`,
//! `entity_type`) are plain text here: another writer may store a word that no enum knows, and
//! such a row must not take its neighbours down. The accessors of [`sync_history::Model`] read
//! the word and say so when it is unknown.

mod columns;
mod details;
pub mod sync_change;
pub mod sync_event;
pub mod sync_history;
pub mod sync_key;
pub mod user;
mod words;

pub use columns::{Columns, FromColumns};
pub use details::Details;
pub use words::{SyncChangeKind, SyncEntityType, SyncSource, SyncStatus, UnknownWord};
