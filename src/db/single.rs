//! Single statements, each by itself.
//!
//! The pool asks PostgreSQL after each use of a connection whether it is still there, and takes the
//! round trip for it that the statement took. Here connections go from one statement to the next
//! without: one that failed, whose caller went away, or that rested goes back to the pool, which asks.

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
    sqlx::{self, AssertSqlSafe, PgPool, Postgres, pool::PoolConnection},
};
use sea_query_sqlx::SqlxValues;
use tokio::sync::Semaphore;

use super::error::{Failure, classify};

/// A connection that rested longer is asked about.
const REST: Duration = Duration::from_secs(5);
/// So is one that has not rested for so long.
const STAY: Duration = Duration::from_mins(1);

type Observer = Arc<dyn Fn(&metric::Info<'_>) + Send + Sync>;

/// Where single statements are executed.
#[derive(Clone)]
pub struct Single {
    connection: DatabaseConnection,
    /// On PostgreSQL.
    hand: Option<Arc<Hand>>,
    observer: Option<Observer>,
}

/// Connections that go from one statement to the next.
struct Hand {
    /// As many as there are connections: who waits for one that is kept would wait in vain at the pool.
    turns: Semaphore,
    kept: Mutex<Vec<Kept>>,
}

struct Kept {
    connection: PoolConnection<Postgres>,
    taken: Instant,
    used: Instant,
}

impl Hand {
    /// The connection that was used last, so that the others come to rest; or one of the pool's.
    async fn take(&self, pool: &PgPool) -> Result<Kept, DbErr> {
        let now = Instant::now();
        let last = self.kept().pop();
        match last {
            Some(last) if now - last.used < REST && now - last.taken < STAY => return Ok(last),
            // So have all that were used before it.
            Some(last) if now - last.used >= REST => self.let_go(),
            // Before another is asked for, which it may become.
            Some(last) => drop(last),
            None => {}
        }
        let connection = pool.acquire().await.map_err(|error| match error {
            sqlx::Error::PoolTimedOut => DbErr::ConnectionAcquire(ConnAcquireErr::Timeout),
            sqlx::Error::PoolClosed => DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed),
            error => DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error))),
        })?;
        Ok(Kept {
            connection,
            taken: now,
            used: now,
        })
    }

    fn keep(&self, mut used: Kept) {
        used.used = Instant::now();
        self.kept().push(used);
    }

    /// Gives all back to the pool, which asks whether they are still there.
    fn let_go(&self) {
        self.kept().clear();
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Single {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.connection.fmt(f)
    }
}

impl Single {
    /// On the connections of a pool, so many, that nobody else uses.
    pub(super) fn new(connection: DatabaseConnection, connections: u32) -> Self {
        let is_postgres = connection.get_database_backend() == DbBackend::Postgres;
        let hand = is_postgres.then(|| Hand {
            turns: Semaphore::new(connections as usize),
            kept: Mutex::default(),
        });
        Self {
            connection,
            hand: hand.map(Arc::new),
            observer: None,
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
        if let Some(hand) = &self.hand {
            hand.let_go();
        }
        self.connection.close().await
    }

    /// What a statement answers on PostgreSQL.
    async fn query(&self, hand: &Hand, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let observed = self
            .observer
            .as_ref()
            .map(|observer| (observer, statement.clone()));
        // They are closed at no time.
        let _turn = hand.turns.acquire().await;
        let pool = self.connection.get_postgres_connection_pool();
        let mut taken = hand.take(pool).await?;
        let values = statement.values.unwrap_or(Values(Vec::new()));
        let query = sqlx::query_with(AssertSqlSafe(statement.sql), SqlxValues(values));
        let began = Instant::now();
        let outcome = query.fetch_all(&mut *taken.connection).await;
        if let Some((observer, statement)) = &observed {
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
            Err(error) if classify(error) == Failure::Unavailable => hand.let_go(),
            // Also where the server refused: the connection is as good as before.
            _ => hand.keep(taken),
        }
        Ok(outcome?.into_iter().map(QueryResult::from).collect())
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Single {
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
        match &self.hand {
            Some(hand) => Ok(self.query(hand, statement).await?.into_iter().next()),
            None => self.connection.query_one_raw(statement).await,
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match &self.hand {
            Some(hand) => self.query(hand, statement).await,
            None => self.connection.query_all_raw(statement).await,
        }
    }
}
