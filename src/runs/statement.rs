//! Executing a statement that writes runs, and telling what they are then.

use entity::{FromColumns, sync_history::Column};
use sea_orm::sea_query::{InsertStatement, Query, ReturningClause, UpdateStatement};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Iterable, StatementBuilder};
use uuid::Uuid;

use super::{Run, Runs, reads};
use crate::db::Statements;

impl Runs {
    /// Executes a statement that writes one run at most, and answers the run as it then is.
    pub(super) async fn write_run(&self, statement: impl Returning) -> Result<Option<Run>, DbErr> {
        let run = self.write_runs(statement).await?.pop();
        if run.is_some() {
            self.feed.ring();
        }
        Ok(run)
    }

    /// Executes a statement that writes runs, and answers them as they then are.
    pub(super) async fn write_runs(&self, statement: impl Returning) -> Result<Vec<Run>, DbErr> {
        self.database
            .write_with(Statements::One, |connection| {
                Box::pin(execute_and_read(connection, statement))
            })
            .await
    }
}

/// A statement that can tell what it wrote.
pub(super) trait Returning: Send + 'static {
    fn that_returns(self, clause: ReturningClause) -> impl StatementBuilder + Send;
}

impl Returning for InsertStatement {
    fn that_returns(mut self, clause: ReturningClause) -> impl StatementBuilder + Send {
        Self::returning(&mut self, clause);
        self
    }
}

impl Returning for UpdateStatement {
    fn that_returns(mut self, clause: ReturningClause) -> impl StatementBuilder + Send {
        Self::returning(&mut self, clause);
        self
    }
}

/// On SQLite a statement returns rows as they were before its triggers; so they are read again.
pub(super) async fn execute_and_read(
    connection: &impl ConnectionTrait,
    statement: impl Returning,
) -> Result<Vec<Run>, DbErr> {
    if connection.get_database_backend() == DbBackend::Postgres {
        let statement = statement.that_returns(Query::returning().columns(Column::iter()));
        let rows = connection.query_all(&statement).await?;
        return rows.iter().map(Run::from_columns).collect();
    }
    let ids = Query::returning().column(Column::Id);
    let ids = connection.query_all(&statement.that_returns(ids)).await?;
    let ids = ids
        .iter()
        .map(|row| row.try_get("", "id"))
        .collect::<Result<Vec<Uuid>, _>>()?;
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    reads::find_runs(connection, &ids).await
}
