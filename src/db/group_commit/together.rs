//! Statements sent to SQLite together: the way to its thread and back takes longer than most of them do.
//!
//! Those with the same text are sent as one, up to sixteen of them, whose text SQLite keeps prepared. If one
//! fails, all are undone and each is executed by itself.

use std::slice;

use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, QueryResult, Statement,
    sea_query::Values,
};
use sqlx::{Column, Row};

use super::{go_back, waiting::OneStatement};

/// Statements that are sent as one, at most; a power of two.
const MOST: usize = 16;
/// What follows each, so that its rows are told from those of the next.
const END: &str = "; SELECT NULL AS \"end\"; ";

/// Executes statements in a transaction, in any order, and keeps their outcomes; fails if SQLite has
/// undone all that was written in it.
pub(super) async fn execute(
    transaction: &DatabaseTransaction,
    statements: &mut [OneStatement],
) -> Result<(), DbErr> {
    statements.sort_by(|one, other| one.statement.sql.cmp(&other.statement.sql));
    for mut same in statements.chunk_by_mut(|one, next| one.statement.sql == next.statement.sql) {
        while !same.is_empty() {
            // Of each text there are no more than the powers of two.
            let count = 1 << same.len().min(MOST).ilog2();
            let (now, later) = same.split_at_mut(count);
            execute_same(transaction, now).await?;
            same = later;
        }
    }
    Ok(())
}

async fn execute_same(
    transaction: &DatabaseTransaction,
    same: &mut [OneStatement],
) -> Result<(), DbErr> {
    if send(transaction, same).await.is_ok() {
        return Ok(());
    }
    go_back(transaction).await?;
    for one in same {
        if let Err(error) = send(transaction, slice::from_mut(one)).await {
            one.outcome = Some(Err(error));
            go_back(transaction).await?;
        }
    }
    Ok(())
}

/// Sends statements of one text as one, in a savepoint that is left in place if it fails.
async fn send(transaction: &DatabaseTransaction, same: &mut [OneStatement]) -> Result<(), DbErr> {
    let Some(first) = same.first() else {
        return Ok(());
    };
    let each = format!("{}{END}", first.statement.sql);
    let sql = format!("SAVEPOINT one; {}RELEASE one", each.repeat(same.len()));
    let values = same.iter().filter_map(|one| one.statement.values.as_ref());
    let values = values.flat_map(|values| values.0.iter().cloned()).collect();
    let all = Statement {
        sql,
        values: Some(Values(values)),
        db_backend: DbBackend::Sqlite,
    };
    let mut rows = transaction.query_all_raw(all).await?.into_iter();
    for one in same {
        one.outcome = Some(Ok(rows.by_ref().take_while(|row| !is_end(row)).collect()));
    }
    Ok(())
}

fn is_end(row: &QueryResult) -> bool {
    let row = row.try_as_sqlite_row();
    row.is_some_and(|row| matches!(row.columns(), [only] if only.name() == "end"))
}
