//! Connections to PostgreSQL.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    Statement, TransactionTrait, metric,
};

use super::{
    DatabaseLocation, OpenOptions, StatementPool,
    connect::{open_pool, pool_options},
    connect_error::OpenError,
    migrate::{self, SEARCH_PATH},
    pool::{MAX_RESULT_BYTES, PoolOptions},
    pooler,
    slow_query::{self, SlowQueryPool},
    text_index::TextIndex,
    user,
    write_monitor::WriteMonitor,
};
use crate::fair_queue::FairQueue;

/// What SeaORM chooses the driver by. The server and the password are set in the driver's options only, since SeaORM's
/// are logged with their URL.
pub(super) const SCHEME: &str = "postgres://localhost";
/// How long a statement waits for a row that another transaction has locked.
const LOCK_TIMEOUT: &str = "3s";
/// Connections idle for longer are checked before use.
const IDLE_BEFORE_CHECK: Duration = Duration::from_secs(30);
/// Connections are replaced after this time in any case.
const MAX_LIFETIME: Duration = Duration::from_mins(5);
/// Writes have connections of their own: those that wait for a worker's long transaction to release a row do not
/// block reads, the change feed or health checks.
const WRITE_CONNECTIONS: u32 = 10;
const TRANSACTION_CONNECTIONS: u32 = 4;
const READ_CONNECTIONS: u32 = 10;
/// Planner settings for queries that an index supports.
///
/// The planner assumes that matching rows are spread evenly, so for a small page it prefers a walk along the order of
/// the list with a filter. That reads most of the table if the matches are few or lie together. With these settings
/// the most selective index wins.
///
/// A generic plan is made once per connection and statement. By default PostgreSQL would plan each execution again,
/// which takes longer than reading a page: it keeps custom plans while they appear cheaper, and they do, since the
/// generic plan of a limit that is a parameter assumes 10 % of the rows.
const INDEX_PLANNING: [(&str, &str); 4] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("seq_page_cost", "0.1"),
    ("random_page_cost", "0.1"),
];

/// A PostgreSQL database.
#[derive(Clone, Debug)]
pub struct Postgres {
    read: StatementPool,
    write: StatementPool,
    transactions: DatabaseConnection,
    /// Who begins a transaction.
    transaction_permits: FairQueue,
    slow_queries: SlowQueryPool,
    statistics: SlowQueryPool,
    text_index: TextIndex,
    monitor: WriteMonitor,
    location: Arc<DatabaseLocation>,
}

impl Postgres {
    /// Waits for the server, brings the tables up to date, or requires them, and opens all pools.
    pub(super) async fn connect(
        server: &PgConnectOptions,
        location: &DatabaseLocation,
        options: OpenOptions,
    ) -> Result<Self, OpenError> {
        let timeouts = options.timeouts;
        let statement = timeouts.statement;
        let session = session_options(server, statement, &INDEX_PLANNING);
        pooler::wait_for_sessions(&session, location, options.wait).await?;
        migrate::postgres(server, options.tables).await?;
        let pinned = async |connections, timeout, planning, max_result_bytes| {
            let pool = open_pool(pool(server, connections, timeout, planning)).await?;
            let options = PoolOptions {
                connections,
                pinned: true,
                max_result_bytes,
            };
            Ok::<_, OpenError>(StatementPool::with_options(pool, options))
        };
        let reads = Some(MAX_RESULT_BYTES);
        let slow = async |timeout| {
            let pool = pinned(slow_query::MAX_CONCURRENT, timeout, &[], reads).await?;
            Ok::<_, OpenError>(SlowQueryPool::new(pool, timeout))
        };
        let monitor = WriteMonitor::new(None);
        let write = pinned(WRITE_CONNECTIONS, statement, &[], None).await?;
        Ok(Self {
            read: pinned(READ_CONNECTIONS, statement, &INDEX_PLANNING, reads).await?,
            write: write.with_monitor(monitor.clone()),
            transactions: open_pool(pool(server, TRANSACTION_CONNECTIONS, statement, &[])).await?,
            transaction_permits: FairQueue::new(TRANSACTION_CONNECTIONS, usize::MAX),
            slow_queries: slow(timeouts.slow_query).await?,
            statistics: slow(timeouts.statistics).await?,
            text_index: TextIndex::open(server, options.tables).await,
            monitor,
            location: Arc::new(location.clone()),
        })
    }

    pub(super) fn location(&self) -> &DatabaseLocation {
        &self.location
    }

    /// Returns the connections for read-only statements that an index supports.
    #[must_use]
    pub fn read(&self) -> &StatementPool {
        &self.read
    }

    /// Returns the connections for writes of a single statement, each of which is durable once it returns.
    #[must_use]
    pub fn write(&self) -> &StatementPool {
        &self.write
    }

    pub(super) fn slow_queries(&self) -> &SlowQueryPool {
        &self.slow_queries
    }

    pub(super) fn statistics(&self) -> &SlowQueryPool {
        &self.statistics
    }

    pub(super) fn text_index(&self) -> &TextIndex {
        &self.text_index
    }

    /// Runs `write` in a transaction; see [`Database::transaction`](super::Database::transaction).
    ///
    /// # Errors
    /// Returns the error of `write`, or that of the database if the transaction cannot begin or commit.
    pub async fn transaction<T, E, F>(&self, write: F) -> Result<T, E>
    where
        F: for<'a> FnOnce(&'a DatabaseTransaction) -> BoxFuture<'a, Result<T, E>>,
        E: From<DbErr>,
    {
        let record = |error: &DbErr| self.monitor.record(error);
        // Any number of transactions may wait.
        let _permit = self.transaction_permits.acquire(&user::current()).await;
        let transaction = self.transactions.begin().await.inspect_err(record)?;
        let value = write(&transaction).await?;
        // Success proves nothing, since the transaction need not have written.
        transaction.commit().await.inspect_err(record)?;
        Ok(value)
    }

    pub(super) fn monitor(&self) -> &WriteMonitor {
        &self.monitor
    }

    /// Uses the read connections, which accept writes too: contention among writers is no reason to report the
    /// database as unavailable.
    pub(super) async fn probe_write(&self) -> Result<(), DbErr> {
        // On for a standby too.
        let select = Statement::from_string(
            DbBackend::Postgres,
            "SELECT current_setting('transaction_read_only')::boolean",
        );
        let row = self.read.query_one_raw(select).await?;
        let is_read_only: bool = row.map_or(Ok(true), |row| row.try_get_by_index(0))?;
        if is_read_only {
            return Err(DbErr::Custom("the database is read-only".to_owned()));
        }
        Ok(())
    }

    pub(super) fn observe_statements<F>(&mut self, observe: F)
    where
        F: Fn(&metric::Info<'_>) + Clone + Send + Sync + 'static,
    {
        self.read.observe(observe.clone());
        self.write.observe(observe.clone());
        self.slow_queries.observe(observe.clone());
        self.statistics.observe(observe.clone());
        self.transactions.set_metric_callback(observe);
    }

    pub(super) async fn close(self) -> Result<(), DbErr> {
        self.write.close().await?;
        self.read.close().await?;
        self.slow_queries.close().await?;
        self.statistics.close().await?;
        self.transactions.close().await
    }
}

fn pool(
    server: &PgConnectOptions,
    connections: u32,
    statement_timeout: Duration,
    planning: &'static [(&str, &str)],
) -> ConnectOptions {
    let mut options = pool_options(SCHEME, connections);
    let session = session_options(server, statement_timeout, planning);
    options
        .max_lifetime(MAX_LIFETIME)
        .set_schema_search_path(SEARCH_PATH)
        .map_sqlx_postgres_opts(move |_| session.clone())
        // A demoted primary still responds; connections to it must not be kept.
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

/// Returns the options of a connection, with the settings of its session.
fn session_options(
    server: &PgConnectOptions,
    statement_timeout: Duration,
    planning: &[(&str, &str)],
) -> PgConnectOptions {
    // In milliseconds; 0 would disable the timeout.
    let statement_timeout = statement_timeout.as_millis().max(1).to_string();
    let session = server.clone().options([
        ("statement_timeout", statement_timeout.as_str()),
        ("lock_timeout", LOCK_TIMEOUT),
        ("idle_in_transaction_session_timeout", "30s"),
        // No statement here is large enough to gain from compilation or parallel workers, which take
        // processors from other requests.
        ("jit", "off"),
        ("max_parallel_workers_per_gather", "0"),
    ]);
    session.options(planning.iter().copied())
}
