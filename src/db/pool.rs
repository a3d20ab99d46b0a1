//! Pools for single statements.
//!
//! sqlx pings a connection each time that it returns to its pool. The ping takes as long as the round trip of a
//! short statement: to the PostgreSQL server, or to the thread of an SQLite connection. A [`StatementPool`] hands
//! connections from one statement to the next without a ping. A connection returns to the pool, and is checked,
//! after an error, after its caller was cancelled, when it was idle, and at regular intervals.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{Stream, TryStreamExt};
use sea_orm::{
    ConnAcquireErr, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult,
    RuntimeErr, Statement,
    entity::prelude::async_trait,
    metric,
    sea_query::Values,
    sqlx::{
        self, AssertSqlSafe, Database, Decode, Executor, IntoArguments, Pool, Postgres, Row,
        Sqlite, TypeInfo, ValueRef, pool::PoolConnection, postgres::PgRow, sqlite::SqliteRow,
    },
};
use sea_query_sqlx::SqlxValues;

use super::{
    error::{Failure, ResultTooLarge, classify, is_unavailable, wrap},
    user,
    write_monitor::WriteMonitor,
};
use crate::{fair_queue::FairQueue, outage::Outage};

/// Connections idle for longer are checked.
const MAX_IDLE: Duration = Duration::from_secs(5);
/// Connections are checked at least this often.
const MAX_HOLD: Duration = Duration::from_mins(1);

/// Bytes of the rows that one statement may read, if there are several. Texts of other writers may be of any length.
pub(super) const MAX_RESULT_BYTES: usize = 64 * 1024 * 1024;

type Observer = Arc<dyn Fn(&metric::Info<'_>) + Send + Sync>;

/// A pool of connections for single statements. Implements [`ConnectionTrait`].
#[derive(Clone)]
pub struct StatementPool {
    pool: DatabaseConnection,
    connections: Connections,
    observer: Option<Observer>,
    /// Confirms each statement, if all are writes.
    monitor: Option<WriteMonitor>,
    /// Of statements that read.
    outage: Arc<Outage>,
}

/// What a pool does besides executing statements.
#[derive(Clone, Copy, Debug)]
pub(super) struct PoolOptions {
    /// Number of connections of the pool.
    pub(super) connections: u32,
    /// Whether connections are kept between statements; otherwise the pool's hooks prepare one for each statement.
    pub(super) pinned: bool,
    /// Bytes of the rows that a statement may return, if there are several.
    pub(super) max_result_bytes: Option<usize>,
}

/// Who hands out connections for statements that return rows.
#[derive(Clone)]
enum Connections {
    SeaOrm,
    Postgres(Arc<DirectConnections<Postgres>>),
    Sqlite(Arc<DirectConnections<Sqlite>>),
}

/// Connections that are acquired from the pool of the driver.
struct DirectConnections<DB: Database> {
    pool: Pool<DB>,
    options: PoolOptions,
    /// One per connection. A task that waited at the pool would not notice that a pinned connection is idle, nor take
    /// turns with those of other users.
    permits: FairQueue,
    idle: Mutex<Vec<IdleConnection<DB>>>,
    /// Set before the last connections are returned to the pool: closing it waits for all of them.
    is_closed: AtomicBool,
}

struct IdleConnection<DB: Database> {
    connection: PoolConnection<DB>,
    acquired: Instant,
    last_used: Instant,
}

impl<DB: Database> DirectConnections<DB> {
    fn new(pool: &Pool<DB>, options: PoolOptions) -> Arc<Self> {
        Arc::new(Self {
            pool: pool.clone(),
            options,
            permits: FairQueue::new(options.connections, usize::MAX),
            idle: Mutex::default(),
            is_closed: AtomicBool::new(false),
        })
    }

    /// Takes the most recently used connection, so that the others become idle, or acquires one from the pool.
    async fn acquire(&self) -> Result<IdleConnection<DB>, DbErr> {
        let now = Instant::now();
        let latest = self.idle().pop();
        match latest {
            Some(latest)
                if now - latest.last_used < MAX_IDLE && now - latest.acquired < MAX_HOLD =>
            {
                return Ok(latest);
            }
            // The others have been idle for longer still.
            Some(latest) if now - latest.last_used >= MAX_IDLE => self.release_all(),
            // Before the pool hands out a connection, which may be this one.
            Some(latest) => drop(latest),
            None => {}
        }
        // Boxed, since it would make up most of the future of every statement.
        let acquired = Box::pin(self.pool.acquire()).await;
        let connection = acquired.map_err(|error| match error {
            sqlx::Error::PoolTimedOut => DbErr::ConnectionAcquire(ConnAcquireErr::Timeout),
            sqlx::Error::PoolClosed => DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed),
            error => DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error))),
        })?;
        Ok(IdleConnection {
            connection,
            acquired: now,
            last_used: now,
        })
    }

    /// Keeps a connection for the next statement, or returns it to the pool.
    fn release(&self, mut used: IdleConnection<DB>) {
        used.last_used = Instant::now();
        let mut idle = self.idle();
        if self.options.pinned && !self.is_closed.load(Ordering::Relaxed) {
            idle.push(used);
        }
    }

    /// Returns all idle connections to the pool, which checks them.
    fn release_all(&self) {
        self.idle().clear();
    }

    /// Returns all connections to the pool, those that are in use after their statements.
    fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        self.release_all();
    }

    /// Closes a connection and all that are idle.
    fn close_all(&self, used: IdleConnection<DB>) {
        let mut idle = self.idle();
        for mut connection in idle.drain(..).chain([used]) {
            connection.connection.close_on_drop();
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<IdleConnection<DB>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<DB: Database> DirectConnections<DB>
where
    SqlxValues: IntoArguments<DB>,
    DB::Row: RowBytes,
    QueryResult: From<DB::Row>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    async fn query_all(
        &self,
        statement: Statement,
        observer: Option<&Observer>,
    ) -> Result<Vec<QueryResult>, DbErr> {
        let observation = observer.map(|observer| (observer, statement.clone()));
        // Any number of statements may wait.
        let _permit = self.permits.acquire(&user::current()).await;
        let mut acquired = self.acquire().await?;
        let values = statement.values.unwrap_or(Values(Vec::new()));
        let query = sqlx::query_with(AssertSqlSafe(statement.sql), SqlxValues(values));
        let max_bytes = self.options.max_result_bytes.unwrap_or(usize::MAX);
        let started = Instant::now();
        let result = fetch(query.fetch(&mut *acquired.connection), max_bytes).await;
        if let Some((observer, statement)) = &observation {
            observer(&metric::Info {
                elapsed: started.elapsed(),
                statement,
                failed: !matches!(result, Ok(Some(_))),
            });
        }
        match result {
            Ok(Some(rows)) => {
                self.release(acquired);
                Ok(rows)
            }
            Ok(None) => {
                // Closed, since it would have to receive the rest first.
                drop(acquired.connection.detach());
                Err(wrap(ResultTooLarge(max_bytes)))
            }
            Err(error) => {
                let error = DbErr::Query(RuntimeErr::SqlxError(Arc::new(error)));
                match classify(&error) {
                    // The others are probably affected too.
                    Failure::Unavailable => self.release_all(),
                    // The statements that they have prepared may be of no use any more.
                    Failure::Schema => self.close_all(acquired),
                    // An error that the database reports does not harm the connection.
                    _ => self.release(acquired),
                }
                Err(error)
            }
        }
    }
}

/// Collects the rows of a result; returns `None` if they have more than this many bytes.
async fn fetch<R>(
    mut rows: impl Stream<Item = Result<R, sqlx::Error>> + Unpin,
    max_bytes: usize,
) -> Result<Option<Vec<QueryResult>>, sqlx::Error>
where
    R: RowBytes,
    QueryResult: From<R>,
{
    let mut found = Vec::new();
    let mut bytes = 0;
    while let Some(row) = rows.try_next().await? {
        bytes += row.bytes();
        if bytes > max_bytes && !found.is_empty() {
            return Ok(None);
        }
        found.push(QueryResult::from(row));
    }
    Ok(Some(found))
}

/// A row whose size is known.
trait RowBytes {
    /// Returns the bytes of the row's texts and other values of variable length.
    fn bytes(&self) -> usize;
}

impl RowBytes for PgRow {
    fn bytes(&self) -> usize {
        let values = (0..self.len()).filter_map(|index| self.try_get_raw(index).ok());
        values
            .map(|value| value.as_bytes().map_or(0, <[u8]>::len))
            .sum()
    }
}

impl RowBytes for SqliteRow {
    fn bytes(&self) -> usize {
        let values = (0..self.len()).filter_map(|index| {
            let value = self.try_get_raw(index).ok()?;
            let is_long = matches!(value.type_info().name(), "TEXT" | "BLOB");
            is_long.then(|| <&[u8] as Decode<Sqlite>>::decode(value).map_or(0, <[u8]>::len))
        });
        values.sum()
    }
}

impl fmt::Debug for StatementPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pool.fmt(f)
    }
}

impl StatementPool {
    /// Creates a pool whose connections are acquired for each statement.
    pub(super) fn new(pool: DatabaseConnection) -> Self {
        Self {
            pool,
            connections: Connections::SeaOrm,
            observer: None,
            monitor: None,
            outage: Arc::new(Outage::new("cannot read the database")),
        }
    }

    /// Lets `monitor` confirm each statement.
    pub(super) fn with_monitor(mut self, monitor: WriteMonitor) -> Self {
        self.monitor = Some(monitor);
        self
    }

    /// Returns what a statement is acknowledged with. One that `is_noop` proves nothing if it succeeds.
    fn confirm<T>(
        &self,
        result: Result<T, DbErr>,
        is_noop: impl FnOnce(&T) -> bool,
    ) -> Result<T, DbErr> {
        match &self.monitor {
            Some(monitor) if !result.as_ref().is_ok_and(is_noop) => monitor.confirm(result),
            Some(_) => result,
            None => {
                match &result {
                    Ok(_) => self.outage.ended(),
                    Err(error) if is_unavailable(error) => self.outage.failed(error),
                    // The database responds.
                    Err(_) => {}
                }
                result
            }
        }
    }

    /// Creates a pool with these options. Nothing else may use `pool`.
    pub(super) fn with_options(pool: DatabaseConnection, options: PoolOptions) -> Self {
        let connections = if pool.get_database_backend() == DbBackend::Postgres {
            let pool = pool.get_postgres_connection_pool();
            Connections::Postgres(DirectConnections::new(pool, options))
        } else {
            let pool = pool.get_sqlite_connection_pool();
            Connections::Sqlite(DirectConnections::new(pool, options))
        };
        Self {
            connections,
            ..Self::new(pool)
        }
    }

    /// Returns the underlying pool.
    pub(crate) fn pool(&self) -> &DatabaseConnection {
        &self.pool
    }

    pub(super) fn observe<F>(&mut self, observe: F)
    where
        F: Fn(&metric::Info<'_>) + Clone + Send + Sync + 'static,
    {
        self.observer = Some(Arc::new(observe.clone()));
        self.pool.set_metric_callback(observe);
    }

    pub(super) async fn close(self) -> Result<(), DbErr> {
        match &self.connections {
            Connections::SeaOrm => {}
            Connections::Postgres(direct) => direct.close(),
            Connections::Sqlite(direct) => direct.close(),
        }
        self.pool.close().await
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for StatementPool {
    fn get_database_backend(&self) -> DbBackend {
        self.pool.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let result = self.pool.execute_raw(statement).await;
        self.confirm(result, |result| result.rows_affected() == 0)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let result = self.pool.execute_unprepared(sql).await;
        self.confirm(result, |result| result.rows_affected() == 0)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        Ok(self.query_all_raw(statement).await?.into_iter().next())
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let observer = self.observer.as_ref();
        let result = match &self.connections {
            Connections::SeaOrm => self.pool.query_all_raw(statement).await,
            Connections::Postgres(direct) => direct.query_all(statement, observer).await,
            Connections::Sqlite(direct) => direct.query_all(statement, observer).await,
        };
        self.confirm(result, Vec::is_empty)
    }
}
