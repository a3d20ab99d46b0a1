//! Connections to an SQLite file: one writer behind a queue, and several readers.

mod file_guard;
mod job;
mod write_queue;

use std::{
    num::NonZero,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr,
    SqliteTransactionMode, TransactionOptions, TransactionTrait, metric,
};
use sqlx::{
    Connection,
    sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous},
};
use tokio::time;

use super::{
    DatabaseLocation, OpenOptions, StatementPool, Tables, adoption,
    connect::{ACQUIRE_TIMEOUT, open_pool, pool_options},
    connect_error::{OpenError, is_busy},
    migrate,
    pool::{MAX_RESULT_BYTES, PoolOptions},
    slow_query::{self, SlowQueryPool},
    url::SqliteUrl,
    write_monitor::WriteMonitor,
};
pub use file_guard::FileFault;
pub(super) use file_guard::FileGuard;
use write_queue::WriteQueue;

/// No more than there are processors: each reader is a thread that competes with the writer's.
const MAX_READERS: u32 = 4;
/// Pages in the write-ahead log that trigger a checkpoint: twice SQLite's default, since a page that several
/// transactions changed is copied only once. The commit that triggers it waits for the checkpoint.
const CHECKPOINT_PAGES: &str = "2000";
/// Interval between attempts to open a file that other servers are creating.
const OPEN_RETRY_INTERVAL: Duration = Duration::from_millis(20);
/// Fails if the file is read-only, and changes nothing. On such a file, BEGIN IMMEDIATE alone begins a transaction that reads.
const PROBE_WRITE: &str =
    "PRAGMA busy_timeout = 0; BEGIN IMMEDIATE; PRAGMA user_version = 0; ROLLBACK";
/// Virtual machine instructions between two checks of a slow query's time limit: about 0.1 ms.
const PROGRESS_INSTRUCTIONS: i32 = 1000;

/// An SQLite file.
#[derive(Clone, Debug)]
pub struct Sqlite {
    read: StatementPool,
    /// The only connection that writes.
    writer: StatementPool,
    write_queue: WriteQueue,
    slow_queries: SlowQueryPool,
    statistics: SlowQueryPool,
    files: FileGuard,
    monitor: WriteMonitor,
    location: Arc<DatabaseLocation>,
}

impl Sqlite {
    /// Brings the tables up to date, or requires them, and opens all pools.
    pub(super) async fn connect(
        url: &SqliteUrl,
        location: &DatabaseLocation,
        OpenOptions {
            timeouts, tables, ..
        }: OpenOptions,
    ) -> Result<Self, OpenError> {
        check(url, tables).await?;
        let url = url.text.as_str();
        if tables == Tables::Migrate {
            let migrating = open_file(options(url, 1)).await?;
            migrate::sqlite(&migrating).await?;
            migrating.close().await?;
        }
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        let readers = u32::try_from(processors).map_or(MAX_READERS, |n| n.clamp(2, MAX_READERS));
        let read = open_file(read_options(url, readers)).await?;
        let reads = PoolOptions {
            connections: readers,
            pinned: true,
            max_result_bytes: Some(MAX_RESULT_BYTES),
        };
        let scans = PoolOptions {
            connections: slow_query::MAX_CONCURRENT,
            // The deadline of a statement is set when its connection is acquired.
            pinned: false,
            ..reads
        };
        let slow = async |timeout| {
            let pool = open_file(slow_query_options(url, timeout)).await?;
            let pool = StatementPool::with_options(pool, scans);
            Ok::<_, OpenError>(SlowQueryPool::new(pool, timeout))
        };
        let slow_queries = slow(timeouts.slow_query).await?;
        let statistics = slow(timeouts.statistics).await?;
        let writer = open_file(write_options(url)).await?;
        let path = writer.get_sqlite_connection_pool().connect_options();
        let files = FileGuard::open(path.get_filename(), writer.clone());
        let files = files.map_err(OpenError::Files)?;
        let monitor = WriteMonitor::new(Some(files.clone()));
        Ok(Self {
            read: StatementPool::with_options(read, reads),
            write_queue: WriteQueue::spawn(writer.clone(), monitor.clone()),
            writer: StatementPool::new(writer).with_monitor(monitor.clone()),
            files,
            monitor,
            slow_queries,
            statistics,
            location: Arc::new(location.clone()),
        })
    }

    /// Returns the connections for read-only statements that an index supports.
    #[must_use]
    pub fn read(&self) -> &StatementPool {
        &self.read
    }

    /// Returns the writer, for rare statements that do not go through the queue.
    pub(super) fn write(&self) -> &StatementPool {
        &self.writer
    }

    pub(super) fn location(&self) -> &DatabaseLocation {
        &self.location
    }

    pub(super) fn monitor(&self) -> &WriteMonitor {
        &self.monitor
    }

    pub(super) fn slow_queries(&self) -> &SlowQueryPool {
        &self.slow_queries
    }

    pub(super) fn statistics(&self) -> &SlowQueryPool {
        &self.statistics
    }

    /// Runs `write` in a savepoint of the next transaction; see
    /// [`Database::transaction`](super::Database::transaction).
    ///
    /// # Errors
    /// Returns the error of `write`, or that of the database if the transaction cannot begin or commit.
    ///
    /// # Panics
    /// Panics if `write` does; nothing is stored then.
    pub async fn transaction<T, E, F>(&self, write: F) -> Result<T, E>
    where
        F: for<'a> FnOnce(&'a DatabaseTransaction) -> BoxFuture<'a, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<DbErr> + Send + 'static,
    {
        self.write_queue.execute(write).await
    }

    /// Takes the write lock, which a read-only file refuses, and releases it again.
    pub(super) async fn probe_write(&self) -> Result<(), DbErr> {
        self.monitor.check_files()?;
        let transaction = begin_immediate(self.writer.pool()).await?;
        transaction.rollback().await
    }

    pub(super) fn observe_statements<F>(&mut self, observe: F)
    where
        F: Fn(&metric::Info<'_>) + Clone + Send + Sync + 'static,
    {
        self.read.observe(observe.clone());
        self.slow_queries.observe(observe.clone());
        self.statistics.observe(observe.clone());
        self.writer.observe(observe);
        // The observer is part of a connection's clone.
        self.write_queue = WriteQueue::spawn(self.writer.pool().clone(), self.monitor.clone());
    }

    pub(super) async fn close(self) -> Result<(), DbErr> {
        self.write_queue.close().await;
        let fault = self.files.close().err();
        if fault == Some(FileFault::Overwritten) {
            // SQLite would copy its log into what is not the database any more.
            return Err(FileFault::Overwritten.into());
        }
        self.read.close().await?;
        self.slow_queries.close().await?;
        self.statistics.close().await?;
        if fault.is_some() {
            self.files.detach_log(self.writer.pool()).await?;
        }
        self.writer.close().await
    }
}

/// Checks that the file can be used, before its journal mode is changed.
async fn check(url: &SqliteUrl, tables: Tables) -> Result<(), OpenError> {
    let may_create = url.may_create && tables == Tables::Migrate;
    let mut options = pool_options(&url.text, 1);
    options.map_sqlx_sqlite_opts(move |file| file.create_if_missing(may_create));
    let explain = |error| OpenError::of_sqlite(&url.file, may_create, error);
    let connection = open_file(options).await.map_err(explain)?;
    let checked = check_tables(&connection, tables).await;
    let closed = connection.close().await;
    match checked {
        Err(OpenError::Query(error)) => Err(explain(error)),
        checked => checked.and(closed.map_err(explain)),
    }
}

async fn check_tables(connection: &DatabaseConnection, tables: Tables) -> Result<(), OpenError> {
    let problems = adoption::sqlite::problems(connection).await?;
    if !problems.is_empty() {
        return Err(OpenError::Unsuitable(problems));
    }
    if tables == Tables::Require {
        migrate::require(connection).await?;
    }
    // SQLite opens a file that it may not write to for reading. A lock of another process is waited for later.
    match connection.execute_unprepared(PROBE_WRITE).await {
        Err(error) if !is_busy(&error) => Err(error.into()),
        _ => Ok(()),
    }
}

/// Begins a transaction that takes the write lock immediately. One that reads first and asks for the lock later
/// fails if another has written in between.
async fn begin_immediate(writer: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    writer.begin_with_options(options).await
}

fn write_options(url: &str) -> ConnectOptions {
    let mut options = options(url, 1);
    options
        .map_sqlx_sqlite_opts(|options| {
            file_options(options)
                // Savepoints keep the pages they may restore in a temporary file otherwise, which takes a quarter
                // of the time of a write. Migrations, which sort whole indexes, use another connection.
                .pragma("temp_store", "MEMORY")
                .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        })
        // SQLite rolls back by itself on a full disk or an unreadable page, which the driver does not notice. A
        // connection that is returned within a transaction is therefore replaced.
        .map_sqlx_sqlite_before_acquire(|connection, _| {
            let is_clean = !connection.is_in_transaction();
            Box::pin(async move { Ok(is_clean) })
        });
    options
}

fn read_options(url: &str, connections: u32) -> ConnectOptions {
    let mut options = options(url, connections);
    options.map_sqlx_sqlite_opts(|options| file_options(options).pragma("query_only", "ON"));
    options
}

fn slow_query_options(url: &str, timeout: Duration) -> ConnectOptions {
    let mut options = read_options(url, slow_query::MAX_CONCURRENT);
    options
        .map_sqlx_sqlite_pool_opts(move |options| {
            options.after_connect(move |connection, _| set_deadline(connection, timeout))
        })
        .map_sqlx_sqlite_before_acquire(move |connection, _| {
            let set = set_deadline(connection, timeout);
            Box::pin(async move { set.await.map(|()| true) })
        });
    options
}

/// Interrupts statements on `connection` that are still running after `timeout`. SQLite has no setting for this.
fn set_deadline(
    connection: &mut SqliteConnection,
    timeout: Duration,
) -> BoxFuture<'_, Result<(), sqlx::Error>> {
    Box::pin(async move {
        let mut handle = connection.lock_handle().await?;
        let deadline = Instant::now() + timeout;
        handle.set_progress_handler(PROGRESS_INSTRUCTIONS, move || Instant::now() < deadline);
        Ok(())
    })
}

fn options(url: &str, connections: u32) -> ConnectOptions {
    let mut options = pool_options(url, connections);
    options
        .idle_timeout(None)
        .max_lifetime(None)
        .map_sqlx_sqlite_opts(file_options);
    options
}

/// `FULL` makes a commit durable before it is acknowledged. In WAL mode readers do not wait for the writer.
fn file_options(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(ACQUIRE_TIMEOUT)
        .with_regexp()
}

/// Opens the file, which other servers may be creating at the same time: the busy timeout does not cover the
/// switch to WAL mode.
async fn open_file(options: ConnectOptions) -> Result<DatabaseConnection, DbErr> {
    let deadline = Instant::now() + ACQUIRE_TIMEOUT;
    loop {
        match open_pool(options.clone()).await {
            Err(error) if is_busy(&error) && Instant::now() < deadline => {
                time::sleep(OPEN_RETRY_INTERVAL).await;
            }
            result => return result,
        }
    }
}
