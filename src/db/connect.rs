//! Opening the database by its URL.

use std::time::Duration;

use sea_orm::{ConnectOptions, DatabaseConnection};
use sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};

use super::{Database, SEARCH_PATH, error::ConnectError, migrate};

/// How long a request waits for a connection, and SQLite for a lock of another process.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one statement may take on PostgreSQL, unless it is said.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a statement waits for a row that another writer holds.
const LOCK_TIMEOUT: &str = "3s";
/// A connection that rested longer is asked whether its server still takes writes. One that did not
/// rest is not, for the round trip; while the server is not ready, it comes to rest.
const IDLE_BEFORE_CHECK: Duration = Duration::from_secs(30);
/// After so long a connection is replaced in any case.
const LONGEST_LIFE: Duration = Duration::from_mins(5);
/// Writers have connections of their own: those that wait for a worker's long transaction to let go of
/// a row must not keep readers, the feed and the probes waiting with them.
const POSTGRES_WRITERS: u32 = 10;
const POSTGRES_READERS: u32 = 10;
const SQLITE_READERS: u32 = 4;

/// Opens the database named by `url` and brings its tables up to date.
///
/// # Errors
/// The URL is unknown, the database does not answer, or its tables cannot be brought up to date.
pub async fn connect(url: &str) -> Result<Database, ConnectError> {
    connect_with(url, STATEMENT_TIMEOUT).await
}

/// The same, with a time that one statement may take on PostgreSQL.
///
/// # Errors
/// As [`connect`].
pub async fn connect_with(
    url: &str,
    statement_timeout: Duration,
) -> Result<Database, ConnectError> {
    let scheme = url.split(':').next().unwrap_or_default();
    match scheme {
        "postgres" | "postgresql" => connect_postgres(url, statement_timeout).await,
        "sqlite" if url.contains(":memory:") || url.contains("mode=memory") => {
            Err(ConnectError::InMemory)
        }
        "sqlite" => connect_sqlite(url).await,
        // Never more than the scheme: a URL holds a password.
        _ => Err(ConnectError::Scheme(scheme.chars().take(20).collect())),
    }
}

async fn connect_postgres(
    url: &str,
    statement_timeout: Duration,
) -> Result<Database, ConnectError> {
    migrate::postgres(url).await?;
    let pool = |connections| open(postgres_options(url, connections, statement_timeout));
    Ok(Database {
        write: pool(POSTGRES_WRITERS).await?,
        read: pool(POSTGRES_READERS).await?,
    })
}

fn postgres_options(url: &str, connections: u32, statement_timeout: Duration) -> ConnectOptions {
    // In milliseconds; none is said by 0.
    let statement_timeout = statement_timeout.as_millis().max(1).to_string();
    let mut options = options(url, connections);
    options
        .max_lifetime(LONGEST_LIFE)
        .set_schema_search_path(SEARCH_PATH)
        .map_sqlx_postgres_opts(move |options| {
            options.options([
                ("statement_timeout", statement_timeout.as_str()),
                ("lock_timeout", LOCK_TIMEOUT),
                ("idle_in_transaction_session_timeout", "30s"),
            ])
        })
        // A primary that was demoted still answers; a connection to it must not be kept.
        .map_sqlx_postgres_before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for < IDLE_BEFORE_CHECK {
                    return Ok(true);
                }
                let writable = sqlx::query_scalar("SELECT NOT pg_is_in_recovery()");
                writable.fetch_one(connection).await
            })
        });
    options
}

async fn connect_sqlite(url: &str) -> Result<Database, ConnectError> {
    let write = open(sqlite_options(url, 1)).await?;
    migrate::sqlite(&write).await?;
    let mut readers = sqlite_options(url, SQLITE_READERS);
    readers.map_sqlx_sqlite_opts(|options| sqlite_settings(options).pragma("query_only", "ON"));
    Ok(Database {
        write,
        read: open(readers).await?,
    })
}

fn sqlite_options(url: &str, connections: u32) -> ConnectOptions {
    let mut options = options(url, connections);
    options
        .idle_timeout(None)
        .max_lifetime(None)
        .map_sqlx_sqlite_opts(sqlite_settings);
    options
}

/// `FULL` makes a commit durable before it is acknowledged; WAL lets readers go on meanwhile.
fn sqlite_settings(
    options: sqlx::sqlite::SqliteConnectOptions,
) -> sqlx::sqlite::SqliteConnectOptions {
    options
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(ACQUIRE_TIMEOUT)
        .with_regexp()
}

fn options(url: &str, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .sqlx_logging(false);
    options
}

async fn open(options: ConnectOptions) -> Result<DatabaseConnection, ConnectError> {
    sea_orm::Database::connect(options)
        .await
        .map_err(ConnectError::Open)
}
