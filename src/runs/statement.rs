//! Executing a statement that writes runs, and telling what they are then.

use entity::{FromColumns, sync_history::Column};
use sea_orm::sea_query::{Expr, InsertStatement, Query, ReturningClause, UpdateStatement};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, DbErr, StatementBuilder};
use uuid::Uuid;

use super::{Run, Runs, reads};
use crate::db::{
    Statements,
    statement::{both, select},
};

impl Runs {
    /// Executes a statement that writes this run, if any, and answers it as it then is.
    pub(super) async fn write_run(
        &self,
        id: Uuid,
        statement: impl Returning,
    ) -> Result<Option<Run>, DbErr> {
        let run = self
            .database
            .write_with(Statements::One, move |connection| {
                Box::pin(execute_and_read_one(connection, id, statement))
            })
            .await?;
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
pub(super) trait Returning: StatementBuilder + Send + 'static {
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

/// Executes a statement that writes this run, if any, and reads it.
pub(super) async fn execute_and_read_one(
    connection: &impl ConnectionTrait,
    id: Uuid,
    statement: impl Returning,
) -> Result<Option<Run>, DbErr> {
    let backend = connection.get_database_backend();
    if backend == DbBackend::Postgres {
        return Ok(execute_and_read(connection, statement).await?.pop());
    }
    // Both at once, since the way to SQLite's thread and back takes longer than the statements do. What
    // the triggers change does not count.
    let mut read = select::<Run>(Run::COLUMNS);
    read.and_where(Column::Id.eq(id))
        .and_where(Expr::cust("changes() > 0"));
    let both = both(backend.build(&statement), backend.build(&read));
    let rows = connection.query_all_raw(both).await?;
    let row = rows.first();
    row.map(Run::from_columns).transpose()
}

/// On SQLite a statement returns rows as they were before its triggers; so they are read again.
pub(super) async fn execute_and_read(
    connection: &impl ConnectionTrait,
    statement: impl Returning,
) -> Result<Vec<Run>, DbErr> {
    if connection.get_database_backend() == DbBackend::Postgres {
        let columns = Query::returning().expr(Expr::cust(Run::COLUMNS));
        let statement = statement.that_returns(columns);
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
