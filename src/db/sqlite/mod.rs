//! Writing to SQLite.

mod batch;
pub(super) mod batch_insert;
mod job;
pub(super) mod savepoint;
pub(super) mod write_queue;
