//! Opening the database by its URL.

use std::{
    num::NonZero,
    thread,
    time::{Duration, Instant},
};

use sea_orm::{ConnectOptions, DatabaseConnection};
use sqlx::{
    Connection,
    sqlite::{SqliteJournalMode, SqliteSynchronous},
};
use tokio::time;

use super::{
    Database, SEARCH_PATH,
    error::{ConnectError, is_busy},
    migrate,
    pool::StatementPool,
    slow_query::{self, SlowQueryPool},
    sqlite::write_queue::WriteQueue,
};

/// How long a request waits for a connection, and SQLite for a lock of another process.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a statement waits for a row that another writer holds.
const LOCK_TIMEOUT: &str = "3s";
/// A connection that rested longer is asked whether its server still takes writes. One that did not
/// rest is not, for the round trip; while the server is not ready, it comes to rest.
const IDLE_BEFORE_CHECK: Duration = Duration::from_secs(30);
/// After so long a connection is replaced in any case.
const MAX_LIFETIME: Duration = Duration::from_mins(5);
/// Writers have connections of their own: those that wait for a worker's long transaction to let go of
/// a row must not keep readers, the feed and the probes waiting with them.
const POSTGRES_WRITERS: u32 = 10;
const POSTGRES_TRANSACTIONS: u32 = 4;
const POSTGRES_READERS: u32 = 10;
/// What makes PostgreSQL take the plan that reads the fewest rows, for statements that an index leads to.
/// Weighing pages, it walks along all runs in the order they lie in, leaving out what does not match, as
/// long as it believes matches to be spread evenly; but where they are is what it does not know.
const INDEX_PLANNING: [(&str, &str); 3] = [
    ("enable_seqscan", "off"),
    ("seq_page_cost", "0.1"),
    ("random_page_cost", "0.1"),
];
/// At most; no more than there are processors, since each is a thread that contends with the writer's.
const SQLITE_READERS: u32 = 4;
/// Pages of a write-ahead log after which SQLite copies them to the database: twice as many as by itself, since a
/// page that several transactions changed is copied once. Whoever commits then waits for it.
const CHECKPOINT_PAGES: &str = "2000";
const WRITER_ROW_BUFFER: usize = 1024;
/// Between two attempts to open a file that others are making.
const OPEN_RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// How long statements may take.
#[derive(Clone, Copy, Debug)]
pub struct StatementTimeouts {
    /// Any, on PostgreSQL.
    pub statement: Duration,
    /// One that reads far more than it answers.
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

/// Opens the database named by `url` and brings its tables up to date.
///
/// # Errors
/// The URL is unknown, the database does not answer, or its tables cannot be brought up to date.
pub async fn connect(url: &str) -> Result<Database, ConnectError> {
    connect_with(url, StatementTimeouts::default()).await
}

/// The same, with how long statements may take.
///
/// # Errors
/// As [`connect`].
pub async fn connect_with(
    url: &str,
    timeouts: StatementTimeouts,
) -> Result<Database, ConnectError> {
    let scheme = url.split(':').next().unwrap_or_default();
    match scheme {
        "postgres" | "postgresql" => connect_postgres(url, timeouts).await,
        "sqlite" if url.contains(":memory:") || url.contains("mode=memory") => {
            Err(ConnectError::InMemory)
        }
        "sqlite" => connect_sqlite(url, timeouts).await,
        // Never more than the scheme: a URL holds a password.
        _ => Err(ConnectError::Scheme(scheme.chars().take(20).collect())),
    }
}

async fn connect_postgres(
    url: &str,
    timeouts: StatementTimeouts,
) -> Result<Database, ConnectError> {
    migrate::postgres(url).await?;
    let pool = |connections, longest, planning| {
        open(postgres_options(url, connections, longest, planning))
    };
    Ok(Database {
        transactions: pool(POSTGRES_TRANSACTIONS, timeouts.statement, &[]).await?,
        write: StatementPool::keeping(
            pool(POSTGRES_WRITERS, timeouts.statement, &[]).await?,
            POSTGRES_WRITERS,
        ),
        read: StatementPool::keeping(
            pool(POSTGRES_READERS, timeouts.statement, &INDEX_PLANNING).await?,
            POSTGRES_READERS,
        ),
        scans: SlowQueryPool::new(
            StatementPool::keeping(
                pool(slow_query::MAX_CONCURRENT, timeouts.slow_query, &[]).await?,
                slow_query::MAX_CONCURRENT,
            ),
            timeouts.slow_query,
        ),
        write_queue: None,
    })
}

fn postgres_options(
    url: &str,
    connections: u32,
    statement_timeout: Duration,
    planning: &'static [(&str, &str)],
) -> ConnectOptions {
    // In milliseconds; none is said by 0.
    let statement_timeout = statement_timeout.as_millis().max(1).to_string();
    let mut options = options(url, connections);
    options
        .max_lifetime(MAX_LIFETIME)
        .set_schema_search_path(SEARCH_PATH)
        .map_sqlx_postgres_opts(move |options| {
            options
                .options([
                    ("statement_timeout", statement_timeout.as_str()),
                    ("lock_timeout", LOCK_TIMEOUT),
                    ("idle_in_transaction_session_timeout", "30s"),
                    // Nothing here is so large that compiling it, or several processes for one statement,
                    // would be worth what they take from everybody else.
                    ("jit", "off"),
                    ("max_parallel_workers_per_gather", "0"),
                ])
                .options(planning.iter().copied())
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

async fn connect_sqlite(url: &str, timeouts: StatementTimeouts) -> Result<Database, ConnectError> {
    let migrating = open_sqlite(sqlite_options(url, 1)).await?;
    migrate::sqlite(&migrating).await?;
    migrating.close().await.map_err(ConnectError::Open)?;
    let write = open_sqlite(sqlite_writer(url)).await?;
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let readers = u32::try_from(processors).map_or(SQLITE_READERS, |n| n.clamp(2, SQLITE_READERS));
    let longest = timeouts.slow_query;
    let mut scanners = sqlite_readers(url, slow_query::MAX_CONCURRENT);
    scanners
        .map_sqlx_sqlite_pool_opts(move |options| {
            options.after_connect(move |connection, _| slow_query::limit(connection, longest))
        })
        .map_sqlx_sqlite_before_acquire(move |connection, _| {
            let limited = slow_query::limit(connection, longest);
            Box::pin(async move { limited.await.map(|()| true) })
        });
    Ok(Database {
        write: StatementPool::new(write.clone()),
        transactions: write,
        read: StatementPool::keeping(open_sqlite(sqlite_readers(url, readers)).await?, readers),
        scans: SlowQueryPool::new(StatementPool::new(open_sqlite(scanners).await?), longest),
        write_queue: Some(WriteQueue::default()),
    })
}

/// One that was given back within a transaction is replaced: SQLite has undone that by itself, on a full
/// disk or an unreadable page, and the driver would go on believing in it.
fn sqlite_writer(url: &str) -> ConnectOptions {
    let mut options = sqlite_options(url, 1);
    options.map_sqlx_sqlite_opts(|options| {
        sqlite_settings(options)
            // What is put back when a savepoint is gone back to is kept in a file otherwise, whose writing is a
            // quarter of all that a report costs SQLite. It is small, unlike what an index is made from, for
            // which migrations have a connection of their own.
            .pragma("temp_store", "MEMORY")
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
            // Its thread does not wait for the rows of statements sent together to be taken.
            .row_buffer_size(WRITER_ROW_BUFFER)
    });
    options.map_sqlx_sqlite_before_acquire(|connection, _| {
        let is_clean = !connection.is_in_transaction();
        Box::pin(async move { Ok(is_clean) })
    });
    options
}

fn sqlite_readers(url: &str, connections: u32) -> ConnectOptions {
    let mut options = sqlite_options(url, connections);
    options.map_sqlx_sqlite_opts(|options| sqlite_settings(options).pragma("query_only", "ON"));
    options
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

/// Opens a file, which others that start now may be making: for the change to WAL nobody waits by
/// himself, whatever the time that is set for locks.
async fn open_sqlite(options: ConnectOptions) -> Result<DatabaseConnection, ConnectError> {
    let give_up = Instant::now() + ACQUIRE_TIMEOUT;
    loop {
        match open(options.clone()).await {
            Err(ConnectError::Open(error)) if is_busy(&error) && Instant::now() < give_up => {
                time::sleep(OPEN_RETRY_INTERVAL).await;
            }
            opened => return opened,
        }
    }
}

async fn open(options: ConnectOptions) -> Result<DatabaseConnection, ConnectError> {
    sea_orm::Database::connect(options)
        .await
        .map_err(ConnectError::Open)
}
