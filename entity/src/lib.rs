//! Database entities: the tables that the server shares with other writers.
//!
//! Table and column names are those of the Python application that used this database before and
//! whose workers still write to it. Enum columns (`status`, `source`, `entity_type`) are plain text
//! here: another writer may store a value that no enum has, and such a row must not make the rows
//! around it unreadable. The accessors of [`run::Model`] parse the text and return [`UnknownValue`]
//! if it is unknown.

pub mod api_key;
pub mod change;
mod decimal;
mod details;
mod enums;
pub mod event;
pub mod feed;
pub mod feed_position;
pub mod instant;
mod json_equality;
mod raw_object;
mod row_reader;
pub mod run;
mod stored;
pub mod user;
mod valid_json;

pub use decimal::Decimal;
pub use details::{Details, DetailsNotLoaded};
pub use enums::{SyncChangeKind, SyncEntityType, SyncSource, SyncStatus, UnknownValue};
pub use json_equality::is_equal;
pub use raw_object::{RawObject, merge_details};
pub use row_reader::{FromRow, RowReader, UnreadableValue};
