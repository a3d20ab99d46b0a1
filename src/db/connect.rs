//! Opening a database by its URL.

use std::time::Duration;

use sea_orm::{ConnectOptions, DatabaseConnection};

use super::{Database, Postgres, Sqlite, error::ConnectError};

/// How long a request waits for a free connection, and SQLite for the lock of another process.
pub(super) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

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
    let scheme = url.split(':').next().unwrap_or_default();
    match scheme {
        "postgres" | "postgresql" => {
            let postgres = Postgres::connect(url, timeouts).await?;
            Ok(Database::Postgres(postgres))
        }
        "sqlite" if url.contains(":memory:") || url.contains("mode=memory") => {
            Err(ConnectError::InMemory)
        }
        "sqlite" => Ok(Database::Sqlite(Sqlite::connect(url, timeouts).await?)),
        // Only the scheme: the URL may contain a password.
        _ => Err(ConnectError::Scheme(scheme.chars().take(20).collect())),
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

pub(super) async fn open(options: ConnectOptions) -> Result<DatabaseConnection, ConnectError> {
    sea_orm::Database::connect(options)
        .await
        .map_err(ConnectError::Open)
}
