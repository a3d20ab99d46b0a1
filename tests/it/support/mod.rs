//! What tests are made with.

mod clock;
mod issuer;
mod ledger;
mod postgres;
pub(crate) mod socket;

pub(crate) use clock::TestClock;
pub(crate) use issuer::Issuer;
pub(crate) use ledger::{Ledger, Setup, code, sqlite_url};
pub(crate) use postgres::{Cluster, database_name};
pub(crate) use rstest::rstest;
pub(crate) use serde_json::{Value, json};

/// Which database a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}
pub(crate) use Kind::{Postgres, Sqlite};

/// Whether everything that a test may need must be there: `./test` sees to that. Without it, as
/// with a bare `cargo test`, a test says what it lacks and ends.
pub(crate) fn everything_is_required() -> bool {
    std::env::var_os("SYNC_HISTORY_TEST_ALL").is_some()
}

/// Ends a test that lacks something, or fails it where nothing may be lacking.
pub(crate) fn lacking(what: &str) {
    assert!(
        !everything_is_required(),
        "{what} is required and not there"
    );
    eprintln!("not tested: {what} is not there");
}
