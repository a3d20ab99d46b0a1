//! Checks of a database before migrations change it.
//!
//! What the server cannot work with is described in sentences that name the table or column, and say what to do.

mod columns;
pub(super) mod postgres;
pub(super) mod sqlite;
