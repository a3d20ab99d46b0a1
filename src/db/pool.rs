//! StatementPool statements, each by itself.
//!
//! The pool asks a connection after each use whether it is still there, and takes the round trip for it that
//! the statement took: to PostgreSQL's server, or to SQLite's thread. Here connections go from one statement
//! to the next without: one that failed, whose caller went away, or that idle goes back to the pool, which
//! asks.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use sea_orm::{
    ConnAcquireErr, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult,
    RuntimeErr, Statement,
    entity::prelude::async_trait,
    metric,
    sea_query::Values,
    sqlx::{
        self, AssertSqlSafe, Database, Executor, IntoArguments, Pool, Postgres, Sqlite,
        pool::PoolConnection,
    },
};
use sea_query_sqlx::SqlxValues;
use tokio::sync::Semaphore;

use super::error::{Failure, classify};

/// A connection that idle longer is asked about.
const MAX_IDLE: Duration = Duration::from_secs(5);
/// So is one that has not idle for so long.
const MAX_HOLD: Duration = Duration::from_mins(1);

type Observer = Arc<dyn Fn(&metric::Info<'_>) + Send + Sync>;

/// Where single statements are executed.
#[derive(Clone)]
pub struct StatementPool {
    connection: DatabaseConnection,
    pinning: Pinning,
    observer: Option<Observer>,
}

/// Where their connections come from.
#[derive(Clone)]
enum Pinning {
    /// The pool, each time.
    Pool,
    Postgres(Arc<PinnedConnections<Postgres>>),
    Sqlite(Arc<PinnedConnections<Sqlite>>),
}

/// Connections that go from one statement to the next.
struct PinnedConnections<DB: Database> {
    pool: Pool<DB>,
    /// As many as there are connections: who waits for one that is kept would wait in vain at the pool.
    permits: Semaphore,
    idle: Mutex<Vec<IdleConnection<DB>>>,
}

struct IdleConnection<DB: Database> {
    connection: PoolConnection<DB>,
    taken: Instant,
    used: Instant,
}

impl<DB: Database> PinnedConnections<DB> {
    fn new(pool: &Pool<DB>, connections: u32) -> Arc<Self> {
        Arc::new(Self {
            pool: pool.clone(),
            permits: Semaphore::new(connections as usize),
            idle: Mutex::default(),
        })
    }

    /// The connection that was used last, so that the others come to rest; or one of the pool's.
    async fn take(&self) -> Result<IdleConnection<DB>, DbErr> {
        let now = Instant::now();
        let last = self.idle().pop();
        match last {
            Some(last) if now - last.used < MAX_IDLE && now - last.taken < MAX_HOLD => {
                return Ok(last);
            }
            // So have all that were used before it.
            Some(last) if now - last.used >= MAX_IDLE => self.release_all(),
            // Before another is asked for, which it may become.
            Some(last) => drop(last),
            None => {}
        }
        let connection = self.pool.acquire().await.map_err(|error| match error {
            sqlx::Error::PoolTimedOut => DbErr::ConnectionAcquire(ConnAcquireErr::Timeout),
            sqlx::Error::PoolClosed => DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed),
            error => DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error))),
        })?;
        Ok(IdleConnection {
            connection,
            taken: now,
            used: now,
        })
    }

    fn keep(&self, mut used: IdleConnection<DB>) {
        used.used = Instant::now();
        self.idle().push(used);
    }

    /// Gives all back to the pool, which asks whether they are still there.
    fn release_all(&self) {
        self.idle().clear();
    }

    fn idle(&self) -> MutexGuard<'_, Vec<IdleConnection<DB>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<DB: Database> PinnedConnections<DB>
where
    SqlxValues: IntoArguments<DB>,
    QueryResult: From<DB::Row>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    /// What a statement answers.
    async fn query(
        &self,
        statement: Statement,
        observer: Option<&Observer>,
    ) -> Result<Vec<QueryResult>, DbErr> {
        let observation = observer.map(|observer| (observer, statement.clone()));
        // They are closed at no time.
        let _turn = self.permits.acquire().await;
        let mut taken = self.take().await?;
        let values = statement.values.unwrap_or(Values(Vec::new()));
        let query = sqlx::query_with(AssertSqlSafe(statement.sql), SqlxValues(values));
        let began = Instant::now();
        let outcome = query.fetch_all(&mut *taken.connection).await;
        if let Some((observer, statement)) = &observation {
            observer(&metric::Info {
                elapsed: began.elapsed(),
                statement,
                failed: outcome.is_err(),
            });
        }
        let failed = |error| DbErr::Query(RuntimeErr::SqlxError(Arc::new(error)));
        let outcome = outcome.map_err(failed);
        match &outcome {
            // What cut this one off has cut off the others too.
            Err(error) if classify(error) == Failure::Unavailable => self.release_all(),
            // Also where the database refused: the connection is as good as before.
            _ => self.keep(taken),
        }
        Ok(outcome?.into_iter().map(QueryResult::from).collect())
    }
}

impl fmt::Debug for StatementPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.connection.fmt(f)
    }
}

impl StatementPool {
    /// On connections that the pool gives out, and makes ready, for each.
    pub(super) fn new(connection: DatabaseConnection) -> Self {
        Self {
            connection,
            pinning: Pinning::Pool,
            observer: None,
        }
    }

    /// On all of the pool's connections, so many, which nobody else uses, from one to the next.
    pub(super) fn keeping(connection: DatabaseConnection, connections: u32) -> Self {
        let pinning = if connection.get_database_backend() == DbBackend::Postgres {
            let pool = connection.get_postgres_connection_pool();
            Pinning::Postgres(PinnedConnections::new(pool, connections))
        } else {
            let pool = connection.get_sqlite_connection_pool();
            Pinning::Sqlite(PinnedConnections::new(pool, connections))
        };
        Self {
            pinning,
            ..Self::new(connection)
        }
    }

    /// The pool behind it.
    pub(crate) fn pool(&self) -> &DatabaseConnection {
        &self.connection
    }

    pub(super) fn observe<F>(&mut self, observe: F)
    where
        F: Fn(&metric::Info<'_>) + Clone + Send + Sync + 'static,
    {
        self.observer = Some(Arc::new(observe.clone()));
        self.connection.set_metric_callback(observe);
    }

    pub(super) async fn close(self) -> Result<(), DbErr> {
        match &self.pinning {
            Pinning::Pool => {}
            Pinning::Postgres(kept) => kept.release_all(),
            Pinning::Sqlite(kept) => kept.release_all(),
        }
        self.connection.close().await
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for StatementPool {
    fn get_database_backend(&self) -> DbBackend {
        self.connection.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.connection.execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.connection.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        Ok(self.query_all_raw(statement).await?.into_iter().next())
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let observer = self.observer.as_ref();
        match &self.pinning {
            Pinning::Pool => self.connection.query_all_raw(statement).await,
            Pinning::Postgres(kept) => kept.query(statement, observer).await,
            Pinning::Sqlite(kept) => kept.query(statement, observer).await,
        }
    }
}
