//! Opening a database by its URL.

use std::{pin::pin, time::Duration};

use sea_orm::{ConnectOptions, DatabaseConnection};
use tokio::time;
use tracing::warn;

use super::{Database, Postgres, Sqlite, error::ConnectError, url::DatabaseUrl};

/// How long a request waits for a free connection, and SQLite for the lock of another process.
pub(super) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// Time after which a connection that is not open yet is worth a log line.
const SLOW_CONNECT: Duration = Duration::from_millis(500);

/// Time limits of statements.
#[derive(Clone, Copy, Debug)]
pub struct StatementTimeouts {
    /// Limit for any statement on PostgreSQL. SQLite has no such limit.
    pub statement: Duration,
    /// Limit for the queries of one operation that no index supports, in total.
    pub slow_query: Duration,
}

impl Default for StatementTimeouts {
    fn default() -> Self {
        Self {
            statement: Duration::from_secs(30),
            slow_query: Duration::from_millis(120),
        }
    }
}

/// Opens the database at `url` with the default time limits, and brings its tables up to date.
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
    match DatabaseUrl::parse(url)? {
        DatabaseUrl::Postgres(server) => {
            let postgres = Postgres::connect(&server, timeouts).await?;
            Ok(Database::Postgres(postgres))
        }
        DatabaseUrl::Sqlite(url) => Ok(Database::Sqlite(Sqlite::connect(&url, timeouts).await?)),
    }
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
pub(super) async fn open(options: ConnectOptions) -> Result<DatabaseConnection, ConnectError> {
    let mut opened = pin!(sea_orm::Database::connect(options));
    if let Ok(opened) = time::timeout(SLOW_CONNECT, opened.as_mut()).await {
        return opened.map_err(ConnectError::Open);
    }
    warn!("the database has not responded yet; still trying to connect");
    opened.await.map_err(ConnectError::Open)
}
