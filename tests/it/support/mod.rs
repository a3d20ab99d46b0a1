//! Test servers, databases and clients.

mod background;
mod clock;
mod oidc_issuer;
mod operations;
mod pgbouncer;
mod postgres;
mod private_cluster;
mod process;
mod server;
pub(crate) mod socket;
mod wait;

pub(crate) use background::Background;
pub(crate) use clock::TestClock;
pub(crate) use oidc_issuer::OidcIssuer;
pub(crate) use pgbouncer::{PgBouncer, free_port};
pub(crate) use postgres::{Cluster, database_name};
pub(crate) use private_cluster::PrivateCluster;
pub(crate) use process::{Process, command, create_key, run_in};
pub(crate) use rstest::rstest;
pub(crate) use rstest_reuse::{apply, template};
pub(crate) use serde_json::{Value, json};
pub(crate) use server::{Options, TestServer, code, sqlite_url};
pub(crate) use wait::wait_until;

/// The database that a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DatabaseKind {
    Sqlite,
    Postgres,
}
pub(crate) use DatabaseKind::{Postgres, Sqlite};

/// Runs a test on SQLite and on PostgreSQL.
///
/// A PostgreSQL test has `postgres` in its name: that is what `SYNC_HISTORY_TEST_SKIP_POSTGRES`
/// filters by (see `./test`).
#[template]
#[rstest::rstest]
#[case::sqlite(crate::support::Sqlite)]
#[case::postgres(crate::support::Postgres)]
fn on_both_databases(#[case] database: DatabaseKind) {}
