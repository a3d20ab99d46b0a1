//! The connection that a write is given.

use std::sync::{Mutex, PoisonError};

use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult, Statement,
    entity::prelude::async_trait,
};

/// A connection to write with. What has to be executed first goes with the first statement: each way to
/// SQLite's thread and back takes longer than most statements do.
#[derive(Debug)]
pub struct Writer<'a> {
    transaction: &'a DatabaseTransaction,
    first: Mutex<&'static str>,
}

impl<'a> Writer<'a> {
    /// One in a transaction.
    pub(in crate::db) fn new(transaction: &'a DatabaseTransaction) -> Self {
        Self::after(transaction, "")
    }

    /// One whose first statement these precede, each ended by a semicolon.
    pub(super) fn after(transaction: &'a DatabaseTransaction, first: &'static str) -> Self {
        Self {
            transaction,
            first: Mutex::new(first),
        }
    }

    /// Whether nothing is left of what has to be executed first.
    pub(super) fn has_begun(&self) -> bool {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        first.is_empty()
    }

    fn begin(&self) -> &'static str {
        std::mem::take(&mut self.first.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn begin_with(&self, mut statement: Statement) -> Statement {
        statement.sql.insert_str(0, self.begin());
        statement
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Writer<'_> {
    fn get_database_backend(&self) -> DbBackend {
        self.transaction.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let statement = self.begin_with(statement);
        self.transaction.execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let sql = format!("{}{sql}", self.begin());
        self.transaction.execute_unprepared(&sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let statement = self.begin_with(statement);
        self.transaction.query_one_raw(statement).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let statement = self.begin_with(statement);
        self.transaction.query_all_raw(statement).await
    }
}
