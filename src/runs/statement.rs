//! Executing a statement that writes runs, and telling what they are then.

use entity::{
    FromColumns,
    run::{self, Column},
};
use sea_orm::sea_query::{
    Expr, InsertStatement, OnConflict, Query, ReturningClause, UpdateStatement,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, QueryResult, QueryTrait,
    Statement, StatementBuilder,
};
use uuid::Uuid;

use super::{Run, RunColumns, Runs, list};
use crate::db::query::{both, select};

impl Runs {
    /// Executes a statement that writes this run, if any, and answers it as it then is.
    pub(super) async fn write_run(
        &self,
        id: Uuid,
        statement: impl Returning,
        columns: RunColumns,
    ) -> Result<Option<Run>, DbErr> {
        let statement = returning_run(self.database.backend(), id, statement, columns);
        let rows = self.database.write_one(statement).await?;
        self.written(rows.first())
    }

    /// Inserts a run, if there is none of its id, and answers it as it then is.
    pub(super) async fn insert_run(
        &self,
        id: Uuid,
        row: run::ActiveModel,
        columns: RunColumns,
    ) -> Result<Option<Run>, DbErr> {
        if self.database.backend() == DbBackend::Postgres {
            let insert = run::Entity::insert(row)
                .on_conflict(OnConflict::column(Column::Id).do_nothing().to_owned());
            return self.write_run(id, insert.into_query(), columns).await;
        }
        let insert = run::Entity::insert(row)
            .on_conflict(OnConflict::column(Column::Id).do_nothing().to_owned())
            .into_query()
            .that_returns(Query::returning().column(Column::Id));
        let mut read = select::<Run>(columns.columns());
        read.and_where(Column::Id.eq(id));
        let row = self
            .database
            .transaction(move |connection| {
                Box::pin(async move {
                    match connection.query_one(&insert).await? {
                        Some(_) => connection.query_one(&read).await,
                        None => Ok::<_, DbErr>(None),
                    }
                })
            })
            .await?;
        self.written(row.as_ref())
    }

    /// The run that was written, if any; whoever watches is told.
    fn written(&self, row: Option<&QueryResult>) -> Result<Option<Run>, DbErr> {
        let run = row.map(Run::from_columns).transpose()?;
        if run.is_some() {
            self.changes.notify();
        }
        Ok(run)
    }

    /// Executes a statement that writes runs, and answers them as they then are.
    pub(super) async fn write_runs(&self, statement: impl Returning) -> Result<Vec<Run>, DbErr> {
        let backend = self.database.backend();
        if backend == DbBackend::Postgres {
            let statement = that_returns(backend, statement, Run::COLUMNS);
            let rows = self.database.write_one(statement).await?;
            return rows.iter().map(Run::from_columns).collect();
        }
        self.database
            .transaction(|connection| Box::pin(execute_and_read(connection, statement)))
            .await
    }
}

/// A statement that can tell what it wrote.
pub(super) trait Returning: StatementBuilder + Send + 'static {
    fn that_returns(self, clause: ReturningClause) -> impl StatementBuilder + Send + Sync;
}

impl Returning for InsertStatement {
    fn that_returns(mut self, clause: ReturningClause) -> impl StatementBuilder + Send + Sync {
        Self::returning(&mut self, clause);
        self
    }
}

impl Returning for UpdateStatement {
    fn that_returns(mut self, clause: ReturningClause) -> impl StatementBuilder + Send + Sync {
        Self::returning(&mut self, clause);
        self
    }
}

/// The statement that writes this run, if any, and answers it as it then is.
pub(super) fn returning_run(
    backend: DbBackend,
    id: Uuid,
    statement: impl Returning,
    columns: RunColumns,
) -> Statement {
    if backend == DbBackend::Postgres {
        return that_returns(backend, statement, columns.columns());
    }
    // What the triggers change does not count.
    let mut read = select::<Run>(columns.columns());
    read.and_where(Column::Id.eq(id))
        .and_where(Expr::cust("changes() > 0"));
    both(backend.build(&statement), backend.build(&read))
}

fn that_returns(backend: DbBackend, statement: impl Returning, columns: &'static str) -> Statement {
    let columns = Query::returning().expr(Expr::cust(columns));
    backend.build(&statement.that_returns(columns))
}

/// On SQLite a statement returns rows as they were before its triggers; so they are read again.
async fn execute_and_read(
    connection: &impl ConnectionTrait,
    statement: impl Returning,
) -> Result<Vec<Run>, DbErr> {
    let ids = Query::returning().column(Column::Id);
    let ids = connection.query_all(&statement.that_returns(ids)).await?;
    let ids = ids
        .iter()
        .map(|row| row.try_get("", "id"))
        .collect::<Result<Vec<Uuid>, _>>()?;
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    list::find_runs(connection, &ids).await
}
