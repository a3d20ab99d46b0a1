//! Opening a database by its URL.

use std::{pin::pin, time::Duration};

use sea_orm::{ConnectOptions, DatabaseConnection, DbErr};
use tokio::time;
use tracing::warn;

use super::{
    Database, Postgres, Sqlite,
    connect_error::ConnectError,
    url::{DatabaseUrl, ParsedUrl},
};

/// How long a request waits for a free connection, and SQLite for the lock of another process.
pub(super) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// Time after which a connection that is not open yet is worth a log line.
pub(super) const SLOW_CONNECT: Duration = Duration::from_millis(500);

/// Time limits of statements.
#[derive(Clone, Copy, Debug)]
pub struct StatementTimeouts {
    /// Limit for any statement on PostgreSQL. SQLite has no such limit.
    pub statement: Duration,
    /// Limit for the queries of one operation that no index supports, in total.
    pub slow_query: Duration,
    /// Limit for the statistics of one operation, in total.
    pub statistics: Duration,
}

impl Default for StatementTimeouts {
    fn default() -> Self {
        Self {
            statement: Duration::from_secs(30),
            slow_query: Duration::from_millis(120),
            statistics: Duration::from_secs(2),
        }
    }
}

/// How a database is opened.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenOptions {
    /// Time limits of statements.
    pub timeouts: StatementTimeouts,
    /// What becomes of tables that are missing or of an earlier version.
    pub tables: Tables,
    /// How long to wait for a PostgreSQL server that does not accept connections yet.
    pub wait: Duration,
}

/// What becomes of tables that are missing or of an earlier version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tables {
    /// They are created or brought up to date, and so is the SQLite file, if the URL allows it.
    #[default]
    Migrate,
    /// The database is not opened.
    Require,
}

/// Opens the database at `url` with the default options.
///
/// # Errors
/// Returns [`ConnectError`] if the URL is not supported, the database is unreachable, or a migration fails.
pub async fn connect(url: &str) -> Result<Database, ConnectError> {
    connect_with(url, StatementTimeouts::default()).await
}

/// Opens the database at `url` with these time limits, and brings its tables up to date.
///
/// # Errors
/// As [`connect`].
pub async fn connect_with(
    url: &str,
    timeouts: StatementTimeouts,
) -> Result<Database, ConnectError> {
    let options = OpenOptions {
        timeouts,
        ..OpenOptions::default()
    };
    open(&DatabaseUrl::parse(url)?, options).await
}

/// Opens the database at `url`.
///
/// # Errors
/// Returns [`ConnectError::Open`] if the database is unreachable, its tables cannot be used, or a migration fails.
pub async fn open(url: &DatabaseUrl, options: OpenOptions) -> Result<Database, ConnectError> {
    let location = url.location();
    let opened = match &url.0 {
        ParsedUrl::Postgres(server) => Postgres::connect(server, &location, options)
            .await
            .map(Database::Postgres),
        ParsedUrl::Sqlite(url) => Sqlite::connect(url, &location, options)
            .await
            .map(Database::Sqlite),
    };
    opened.map_err(|source| ConnectError::Open { location, source })
}

/// Returns the options common to all pools.
pub(super) fn pool_options(url: &str, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .sqlx_logging(false);
    options
}

/// Opens a pool. While the database is unreachable, the driver tries again until a timeout.
pub(super) async fn open_pool(options: ConnectOptions) -> Result<DatabaseConnection, DbErr> {
    let mut opened = pin!(sea_orm::Database::connect(options));
    if let Ok(opened) = time::timeout(SLOW_CONNECT, opened.as_mut()).await {
        return opened;
    }
    warn!("the database has not responded yet; still trying to connect");
    opened.await
}
