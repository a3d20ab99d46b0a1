//! Database access: connections, transactions, keyset pagination and error classification.
//!
//! [`Database`] is either [`Postgres`] or [`Sqlite`]. What both offer is a method of [`Database`]; code that
//! needs a different statement for each database matches on it:
//!
//! | method | connections | use |
//! |---|---|---|
//! | [`Database::read`] | pinned, read only | queries that an index supports |
//! | [`Database::slow_query`] | two, with a time limit | queries that scan a range |
//! | [`Database::statistics`] | two, with a longer time limit | aggregates of a range |
//! | [`Database::transaction`] | PostgreSQL: a transaction of its own; SQLite: a savepoint in the shared transaction | writes |
//! | [`Postgres::write`] | pinned | writes of one statement, which need no transaction |
//! | [`Database::write`] | PostgreSQL: pinned; SQLite: the writer | rare writes of one statement |
//!
//! Those who wait for a connection are served by users in turn: see `user`.
//!
//! SQLite allows one writer at a time. All its writes go through a queue that commits them in batches; see
//! `sqlite::write_queue`.

mod adoption;
mod connect;
mod connect_error;
pub mod error;
pub mod keyset;
mod location;
pub mod migrate;
mod pool;
mod pooler;
mod postgres;
mod slow_query;
mod sqlite;
mod text_index;
mod url;
mod user;
mod write_monitor;

use futures_util::future::BoxFuture;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, metric};

pub use connect::{OpenOptions, StatementTimeouts, Tables, connect, connect_with, open};
pub use connect_error::{ConnectError, OpenError, UrlError};
pub use location::DatabaseLocation;
pub use pool::StatementPool;
pub use postgres::Postgres;
pub use slow_query::{ScanBudget, SlowQueryError};
pub use sqlite::{FileFault, Sqlite};
pub(crate) use text_index::SEARCH_KEY;
pub use url::DatabaseUrl;
pub(crate) use user::on_behalf_of;

use slow_query::SlowQueryPool;
use write_monitor::WriteMonitor;

/// A PostgreSQL database or an SQLite file. Clones share their connections.
#[derive(Clone, Debug)]
pub enum Database {
    /// PostgreSQL.
    Postgres(Postgres),
    /// SQLite.
    Sqlite(Sqlite),
}

impl Database {
    /// Returns the connections for read-only statements that an index supports.
    #[must_use]
    pub fn read(&self) -> &StatementPool {
        match self {
            Self::Postgres(postgres) => postgres.read(),
            Self::Sqlite(sqlite) => sqlite.read(),
        }
    }

    /// Returns the connections for rare writes of a single statement, each of which is durable once it returns.
    /// On SQLite such a statement pays for a commit of its own: frequent writes belong into a
    /// [`transaction`](Self::transaction).
    #[must_use]
    pub fn write(&self) -> &StatementPool {
        match self {
            Self::Postgres(postgres) => postgres.write(),
            Self::Sqlite(sqlite) => sqlite.write(),
        }
    }

    /// Runs a query that no index supports, on connections reserved for such queries. The time it takes is
    /// charged to `budget`, which all slow queries of one operation share.
    ///
    /// # Errors
    /// Returns [`SlowQueryError::BudgetExceeded`] if the budget is spent before or during the query, and
    /// [`SlowQueryError::Database`] if the query fails for another reason.
    pub async fn slow_query<T>(
        &self,
        budget: &ScanBudget,
        query: impl AsyncFnOnce(&StatementPool) -> Result<T, DbErr>,
    ) -> Result<T, SlowQueryError> {
        self.slow_queries().run(&budget.scans, query).await
    }

    /// Runs a query that reads all rows of a range to compute statistics, on connections reserved for such queries. The
    /// time it takes is charged to `budget`, apart from that of slow queries.
    ///
    /// # Errors
    /// As [`slow_query`](Self::slow_query).
    pub async fn statistics<T>(
        &self,
        budget: &ScanBudget,
        query: impl AsyncFnOnce(&StatementPool) -> Result<T, DbErr>,
    ) -> Result<T, SlowQueryError> {
        let pool = match self {
            Self::Postgres(postgres) => postgres.statistics(),
            Self::Sqlite(sqlite) => sqlite.statistics(),
        };
        pool.run(&budget.statistics, query).await
    }

    /// Runs `write` in a transaction, and commits it if `write` succeeds. The changes are durable once this
    /// returns. On SQLite the commit is shared with other transactions that are waiting.
    ///
    /// `write` must use only the connection that it receives: on SQLite any other write would wait for this one.
    ///
    /// # Errors
    /// Returns the error of `write`, or that of the database if the transaction cannot begin or commit. Nothing is
    /// stored then, unless the connection was lost during the commit.
    ///
    /// # Panics
    /// Panics if `write` does; nothing is stored then.
    pub async fn transaction<T, E, F>(&self, write: F) -> Result<T, E>
    where
        F: for<'a> FnOnce(&'a DatabaseTransaction) -> BoxFuture<'a, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<DbErr> + Send + 'static,
    {
        match self {
            Self::Postgres(postgres) => postgres.transaction(write).await,
            Self::Sqlite(sqlite) => sqlite.transaction(write).await,
        }
    }

    /// Returns whether an index supports the search for a text in error messages.
    pub(crate) fn has_text_index(&self) -> bool {
        match self {
            Self::Postgres(postgres) => postgres.text_index().is_ready(),
            Self::Sqlite(_) => true,
        }
    }

    /// Waits for indexes that are being created in the background.
    pub async fn finish_indexes(&self) {
        if let Self::Postgres(postgres) = self {
            postgres.text_index().created().await;
        }
    }

    /// Checks that the database accepts writes, without changing anything.
    ///
    /// # Errors
    /// Returns an error if the database is unreachable or read-only, or if SQLite stays locked by another process.
    pub async fn probe_write(&self) -> Result<(), DbErr> {
        match self {
            Self::Postgres(postgres) => postgres.probe_write().await,
            Self::Sqlite(sqlite) => sqlite.probe_write().await,
        }
    }

    /// Returns whether writes fail because of the database.
    pub(crate) fn is_write_failing(&self) -> bool {
        self.monitor().is_failing()
    }

    /// Waits until writes fail because of the database.
    pub(crate) async fn write_failure(&self) {
        self.monitor().failing().await;
    }

    /// Commits a transaction that writes, and stores nothing.
    ///
    /// # Errors
    /// Returns an error if the database does not accept it.
    pub(crate) async fn commit_test_row(&self) -> Result<(), DbErr> {
        let committed = self.transaction(|transaction| {
            Box::pin(async move {
                let execute = async |sql| transaction.execute_unprepared(sql).await.map(drop);
                execute("INSERT INTO sync_moment (taken_at, head) VALUES (0, '')").await?;
                execute("DELETE FROM sync_moment WHERE taken_at = 0").await
            })
        });
        self.monitor().confirm(committed.await)
    }

    /// Calls `observe` with every statement executed from now on. Meant for tests and benchmarks.
    pub fn observe_statements<F>(&mut self, observe: F)
    where
        F: Fn(&metric::Info<'_>) + Clone + Send + Sync + 'static,
    {
        match self {
            Self::Postgres(postgres) => postgres.observe_statements(observe),
            Self::Sqlite(sqlite) => sqlite.observe_statements(observe),
        }
    }

    /// Finishes the waiting writes and closes all connections. SQLite then copies its write-ahead log into the
    /// database file.
    ///
    /// # Errors
    /// Returns an error if a connection cannot be closed properly.
    pub async fn close(self) -> Result<(), DbErr> {
        match self {
            Self::Postgres(postgres) => postgres.close().await,
            Self::Sqlite(sqlite) => sqlite.close().await,
        }
    }

    /// Returns where the database is, for logs.
    #[must_use]
    pub fn location(&self) -> &DatabaseLocation {
        match self {
            Self::Postgres(postgres) => postgres.location(),
            Self::Sqlite(sqlite) => sqlite.location(),
        }
    }

    fn monitor(&self) -> &WriteMonitor {
        match self {
            Self::Postgres(postgres) => postgres.monitor(),
            Self::Sqlite(sqlite) => sqlite.monitor(),
        }
    }

    fn slow_queries(&self) -> &SlowQueryPool {
        match self {
            Self::Postgres(postgres) => postgres.slow_queries(),
            Self::Sqlite(sqlite) => sqlite.slow_queries(),
        }
    }
}
