//! The index of the texts of error messages: a table of FTS5 that holds their trigrams.
//!
//! Runs whose message has changed are in a queue until they are indexed. The candidates of a search are those that the
//! index selects, and those in the queue. A run that is indexed by an earlier message is in the queue, too.

use entity::RowReader;
use sea_orm::sea_query::Expr;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement, Value};
use uuid::Uuid;

use crate::store::text_search::{fold_case, trigrams};

/// Selects the IDs of the candidates.
const CANDIDATES: &str = "SELECT run_id FROM sync_text(?) AS found \
    CROSS JOIN sync_text_run AS run ON run.number = found.rowid \
    UNION ALL SELECT run_id FROM sync_text_queue";

/// Returns the condition that a run is a candidate; `None` if the index does not support the search.
pub(in crate::store) fn is_candidate(text: &str) -> Option<Expr> {
    let condition = format!("id IN ({CANDIDATES})");
    Some(Expr::cust_with_values(condition, [query(text)?]))
}

/// Returns the condition that a run is one of the present candidates; `None` if they are more than `limit`.
pub(in crate::store) async fn few_candidates(
    connection: &impl ConnectionTrait,
    text: &str,
    limit: u32,
) -> Result<Option<Expr>, DbErr> {
    let Some(query) = query(text) else {
        return Ok(None);
    };
    let select = format!("SELECT run_id FROM ({CANDIDATES}) LIMIT ?");
    let values: [Value; 2] = [query.into(), (i64::from(limit) + 1).into()];
    let rows = connection.query_all_raw(statement(select, values)).await?;
    let ids = rows.iter().map(|row| RowReader::new(row)?.uuid("run_id"));
    let ids = ids.collect::<Result<Vec<Uuid>, DbErr>>()?;
    let is_few = ids.len() <= limit as usize;
    Ok(is_few.then(|| {
        let ids: Vec<_> = ids.iter().map(|id| id.simple().to_string()).collect();
        // Serialising texts cannot fail.
        let ids = serde_json::to_string(&ids).unwrap_or_default();
        Expr::cust_with_values("id IN (SELECT unhex(value) FROM json_each(?))", [ids])
    }))
}

/// Returns the query that finds the messages with all trigrams of a text; `None` if it has none.
fn query(text: &str) -> Option<String> {
    let trigrams = trigrams(text).into_iter();
    let trigrams = trigrams.map(|trigram| format!("\"{}\"", trigram.replace('"', "\"\"")));
    let trigrams: Vec<_> = trigrams.collect();
    (!trigrams.is_empty()).then(|| trigrams.join(" AND "))
}

/// Returns whether there are runs in the queue.
pub(in crate::store) async fn has_queued(connection: &impl ConnectionTrait) -> Result<bool, DbErr> {
    let select = statement("SELECT 1 FROM sync_text_queue LIMIT 1", []);
    Ok(connection.query_one_raw(select).await?.is_some())
}

/// Indexes the first runs of the queue, and returns their number.
pub(in crate::store) async fn index_batch(
    transaction: &impl ConnectionTrait,
    limit: u32,
) -> Result<u64, DbErr> {
    let select = statement(
        "SELECT queued.run_id, error_message FROM sync_text_queue AS queued \
         LEFT JOIN sync_history ON id = queued.run_id LIMIT ?",
        [limit.into()],
    );
    let rows = transaction.query_all_raw(select).await?;
    for row in &rows {
        let mut columns = RowReader::new(row)?;
        let id = columns.uuid("run_id")?;
        match columns.optional_text("error_message")? {
            Some(message) => index(transaction, id, &message).await?,
            None => remove(transaction, id).await?,
        }
        let dequeue = "DELETE FROM sync_text_queue WHERE run_id = ?";
        execute(transaction, dequeue, [id.into()]).await?;
    }
    Ok(rows.len() as u64)
}

async fn index(transaction: &impl ConnectionTrait, id: Uuid, message: &str) -> Result<(), DbErr> {
    // FTS5 takes NUL for the end. No search contains it.
    let folded = fold_case(message).replace('\0', " ");
    let number = "INSERT INTO sync_text_run (run_id) VALUES (?) ON CONFLICT DO NOTHING";
    execute(transaction, number, [id.into()]).await?;
    let index = "INSERT OR REPLACE INTO sync_text (rowid, message) \
        SELECT number, ? FROM sync_text_run WHERE run_id = ?";
    execute(transaction, index, [folded.into(), id.into()]).await
}

/// Removes a run that has been deleted, or has no message any more.
async fn remove(transaction: &impl ConnectionTrait, id: Uuid) -> Result<(), DbErr> {
    let index =
        "DELETE FROM sync_text WHERE rowid IN (SELECT number FROM sync_text_run WHERE run_id = ?)";
    execute(transaction, index, [id.into()]).await?;
    let number = "DELETE FROM sync_text_run WHERE run_id = ?";
    execute(transaction, number, [id.into()]).await
}

async fn execute<const N: usize>(
    transaction: &impl ConnectionTrait,
    sql: &str,
    values: [Value; N],
) -> Result<(), DbErr> {
    transaction.execute_raw(statement(sql, values)).await?;
    Ok(())
}

fn statement<const N: usize>(sql: impl Into<String>, values: [Value; N]) -> Statement {
    Statement::from_sql_and_values(DbBackend::Sqlite, sql, values)
}
