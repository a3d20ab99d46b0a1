//! The database: SQLite in a file, or PostgreSQL. What the two differ in is decided here and,
//! for a statement, next to the statement.

mod connect;
pub mod error;
pub mod keyset;
pub mod migrate;
mod pool;
pub(crate) mod query;
mod slow_query;
mod sqlite;

use futures_util::future::BoxFuture;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, QueryResult,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};

pub use connect::{StatementTimeouts, connect, connect_with};
pub use error::ConnectError;
pub use pool::StatementPool;
pub use slow_query::{ScanBudget, SlowQueryError};
pub use sqlite::{
    batch_insert::{Insert, Inserted},
    savepoint::Writer,
};

use slow_query::SlowQueryPool;
use sqlite::write_queue::WriteQueue;

/// Where PostgreSQL looks for tables that are named without their schema.
const SEARCH_PATH: &str = "sync_history,user";

/// Connections to read, to scan and to write with. SQLite has one writer, whom several readers do not
/// disturb; on PostgreSQL too none waits for the others' connections.
#[derive(Clone, Debug)]
pub struct Database {
    /// For transactions that write.
    transactions: DatabaseConnection,
    write: StatementPool,
    read: StatementPool,
    scans: SlowQueryPool,
    /// On SQLite; PostgreSQL commits those together itself that come at once.
    write_queue: Option<WriteQueue>,
}

impl Database {
    /// Which of the two databases it is.
    #[must_use]
    pub fn backend(&self) -> DbBackend {
        self.read.get_database_backend()
    }

    /// For statements that change nothing and find what they answer by an index.
    #[must_use]
    pub fn read(&self) -> &StatementPool {
        &self.read
    }

    /// Reads what no index leads to, for the operation whose `time` this is.
    ///
    /// # Errors
    /// It takes too long, or the database does not answer.
    pub async fn slow_query<T>(
        &self,
        time: &ScanBudget,
        read: impl AsyncFnOnce(&StatementPool) -> Result<T, DbErr>,
    ) -> Result<T, SlowQueryError> {
        self.scans.read(time, read).await
    }

    /// Executes a statement that writes, and tells its rows; it is stored, durably, when this returns.
    ///
    /// # Errors
    /// That of the statement, of which then nothing is stored; or the database does not answer, so that it is not
    /// known whether it is, also where a statement has written and cannot read what it was to tell.
    pub async fn write_one(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match &self.write_queue {
            Some(group) => group.execute(&self.transactions, statement).await,
            None => self.write.query_all_raw(statement).await,
        }
    }

    /// Inserts a row into SQLite, where those that come at once are one statement; it is stored, durably, when this
    /// returns.
    ///
    /// # Errors
    /// As [`write_one`](Self::write_one); and on PostgreSQL, where each kind of row has a statement of its own.
    pub async fn insert(&self, insert: Insert) -> Result<Inserted, DbErr> {
        match &self.write_queue {
            Some(group) => group.execute(&self.transactions, insert).await,
            None => Err(DbErr::Custom("rows are inserted into SQLite".to_owned())),
        }
    }

    /// Executes a write of several statements, of which all are stored, durably, when this returns, or none if
    /// it fails. What it calls must not write by another way than the connection it is given: it would wait
    /// for itself.
    ///
    /// # Errors
    /// Those of the write, or the database does not answer.
    ///
    /// # Panics
    /// When the write does.
    pub async fn write_several<T, E, F>(&self, write: F) -> Result<T, E>
    where
        F: for<'a> FnOnce(&'a Writer<'a>) -> BoxFuture<'a, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<DbErr> + Send + 'static,
    {
        if let Some(group) = &self.write_queue {
            return group.write(&self.transactions, Box::new(write)).await;
        }
        let transaction = self.begin().await?;
        let written = write(&Writer::new(&transaction)).await?;
        transaction.commit().await?;
        Ok(written)
    }

    /// For a single statement that writes, now and then.
    #[must_use]
    pub fn write(&self) -> &StatementPool {
        &self.write
    }

    /// Begins a transaction that writes. On SQLite it takes the write lock at once: a transaction
    /// that reads first and asks for the lock later fails whenever another has written between.
    ///
    /// # Errors
    /// The database does not answer, or another process holds SQLite's lock for too long.
    pub async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        begin(&self.transactions).await
    }

    /// Proves that the database takes writes, and leaves nothing behind.
    ///
    /// # Errors
    /// It does not: it is away, read-only, or locked.
    pub async fn probe_write(&self) -> Result<(), DbErr> {
        const NOTHING: &str = "DELETE FROM sync_feed WHERE 1 = 0";
        if self.backend() == DbBackend::Postgres {
            // Not behind the writers: that they wait for one another is no reason not to be ready.
            let nothing = Statement::from_string(DbBackend::Postgres, NOTHING);
            return self.read.execute_raw(nothing).await.map(drop);
        }
        let transaction = self.begin().await?;
        transaction.execute_unprepared(NOTHING).await?;
        transaction.rollback().await
    }

    /// Calls `observe` with every statement that is executed from now on, for tests and benches.
    pub fn observe_statements<F>(&mut self, observe: F)
    where
        F: Fn(&sea_orm::metric::Info<'_>) + Clone + Send + Sync + 'static,
    {
        self.transactions.set_metric_callback(observe.clone());
        let scans = self.scans.connection_mut();
        scans.observe(observe.clone());
        self.write.observe(observe.clone());
        self.read.observe(observe);
    }

    /// Writes what still waits, and closes all connections, so that SQLite folds its log back into the file.
    ///
    /// # Errors
    /// A connection could not be closed in order.
    pub async fn close(self) -> Result<(), DbErr> {
        if let Some(group) = &self.write_queue {
            group.drain().await;
        }
        self.write.close().await?;
        self.read.close().await?;
        self.scans.connection().clone().close().await?;
        self.transactions.close().await
    }
}

async fn begin(write: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    write.begin_with_options(options).await
}
