//! Statements without values.

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement};

/// The one row of `sql`.
pub(super) async fn query_one(
    connection: &impl ConnectionTrait,
    sql: &str,
) -> Result<QueryResult, DbErr> {
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let row = connection.query_one_raw(statement).await?;
    row.ok_or_else(|| DbErr::RecordNotFound("the feed has no identity or moment".into()))
}
