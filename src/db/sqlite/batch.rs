//! Writes sent to SQLite together: the way to its thread and back takes longer than most of them do.
//!
//! Those of one shape are sent as one, up to sixteen of them, whose text SQLite keeps prepared. If one
//! fails, all are undone and each is executed by itself.

use std::slice;

use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, QueryResult, Statement,
    sea_query::Values,
};
use sqlx::{Column, Row};

use super::{
    job::Asked,
    write_queue::{SAVEPOINT, go_back},
};

/// Writes that are sent as one, at most; a power of two.
const MOST: usize = 16;
/// What follows each of several statements, so that its rows are told from those of the next.
const END: &str = "; SELECT NULL AS \"end\"";
const RELEASE: &str = "; RELEASE one";

/// A write of one statement, of which several can be sent as one.
pub(in crate::db) trait Together: Sized {
    type Outcome;

    /// What those have in common that can be sent as one.
    fn shape(&self) -> [&str; 2];

    /// The statement that is all of these, which are of one shape.
    fn as_one(all: &[&Self]) -> Statement;

    /// What came of each, by the rows that their statement answered.
    fn outcomes(all: &[&Self], rows: Vec<QueryResult>) -> Result<Vec<Self::Outcome>, DbErr>;
}

impl Together for Statement {
    type Outcome = Vec<QueryResult>;

    fn shape(&self) -> [&str; 2] {
        [&self.sql, ""]
    }

    fn as_one(all: &[&Self]) -> Statement {
        if let [only] = all {
            return (*only).clone();
        }
        let each: Vec<_> = all.iter().map(|one| format!("{}{END}", one.sql)).collect();
        let values = all.iter().filter_map(|one| one.values.as_ref());
        let values = values.flat_map(|values| values.0.iter().cloned()).collect();
        Self {
            sql: each.join("; "),
            values: Some(Values(values)),
            db_backend: DbBackend::Sqlite,
        }
    }

    fn outcomes(all: &[&Self], rows: Vec<QueryResult>) -> Result<Vec<Vec<QueryResult>>, DbErr> {
        let mut rows = rows.into_iter();
        let mut next = || rows.by_ref().take_while(|row| !is_end(row)).collect();
        Ok(all.iter().map(|_| next()).collect())
    }
}

fn is_end(row: &QueryResult) -> bool {
    let row = row.try_as_sqlite_row();
    row.is_some_and(|row| matches!(row.columns(), [only] if only.name() == "end"))
}

/// Executes writes in a transaction, in any order, and keeps their outcomes; fails if SQLite has undone all
/// that was written in it.
pub(super) async fn execute<W: Together>(
    transaction: &DatabaseTransaction,
    writes: &mut [Asked<W>],
) -> Result<(), DbErr> {
    writes.sort_by(|one, other| one.write.shape().cmp(&other.write.shape()));
    for mut same in writes.chunk_by_mut(|one, next| one.write.shape() == next.write.shape()) {
        while !same.is_empty() {
            // Of each shape there are no more texts than the powers of two.
            let count = 1 << same.len().min(MOST).ilog2();
            let (now, later) = same.split_at_mut(count);
            execute_same(transaction, now).await?;
            same = later;
        }
    }
    Ok(())
}

async fn execute_same<W: Together>(
    transaction: &DatabaseTransaction,
    same: &mut [Asked<W>],
) -> Result<(), DbErr> {
    if send_in_savepoint(transaction, same).await.is_ok() {
        return Ok(());
    }
    go_back(transaction).await?;
    for one in same {
        if let Err(error) = send_in_savepoint(transaction, slice::from_mut(one)).await {
            one.outcome = Some(Err(error));
            go_back(transaction).await?;
        }
    }
    Ok(())
}

/// Sends writes of one shape as one, in a savepoint that is left in place if it fails.
async fn send_in_savepoint<W: Together>(
    transaction: &DatabaseTransaction,
    same: &mut [Asked<W>],
) -> Result<(), DbErr> {
    send(transaction, same, |sql| {
        format!("{SAVEPOINT}{sql}{RELEASE}")
    })
    .await
}

/// Sends one write by itself.
pub(super) async fn send_alone<W: Together>(
    connection: &impl ConnectionTrait,
    one: &mut Asked<W>,
) -> Result<(), DbErr> {
    send(connection, slice::from_mut(one), |sql| sql).await
}

async fn send<W: Together>(
    connection: &impl ConnectionTrait,
    same: &mut [Asked<W>],
    enclose: fn(String) -> String,
) -> Result<(), DbErr> {
    let writes: Vec<_> = same.iter().map(|one| &one.write).collect();
    let mut statement = W::as_one(&writes);
    statement.sql = enclose(statement.sql);
    let rows = connection.query_all_raw(statement).await?;
    let outcomes = W::outcomes(&writes, rows)?;
    for (one, outcome) in same.iter_mut().zip(outcomes) {
        one.outcome = Some(Ok(outcome));
    }
    Ok(())
}
