//! Letting go of changes that are older than they are kept.
//!
//! Not the time noted in a change decides, which its writer may set, but when it was committed: every
//! so often a moment is written down, and what was committed by the latest one that lies the retention
//! time back may go. That moment is noted before anything goes, so that a cursor from before it is told
//! from one that has lost nothing.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, Statement};
use tokio::time;
use tracing::{debug, warn};

use super::{
    change_log::head,
    position::{CommitPosition, Table},
};
use crate::db::Database;

/// Changes that go at once.
const BATCH: u64 = 1000;
/// Between two batches, for the sake of the writers.
const PAUSE: Duration = Duration::from_millis(100);
/// How many moments are known of the time for which changes are kept.
const MOMENTS: u32 = 24;
const LONGEST_STEP: Duration = Duration::from_hours(1);
/// A server that starts has better things to do first.
const BEGIN: Duration = Duration::from_secs(10);

/// Seconds since 1970, by the clock that all servers on the database share.
fn now(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Postgres => "extract(epoch FROM clock_timestamp())::double precision",
        _ => "unixepoch('subsec')",
    }
}

/// Lets go of what is older than `retention`, for ever.
pub(super) async fn keep_up(database: Database, retention: Duration) {
    let step = (retention / MOMENTS).min(LONGEST_STEP);
    time::sleep(step.min(BEGIN)).await;
    loop {
        match tidy(&database, retention, step).await {
            Ok(BATCH) => time::sleep(PAUSE).await,
            Ok(_) => time::sleep(step).await,
            Err(error) => {
                warn!(%error, "old changes cannot be let go of; trying on");
                time::sleep(step.max(PAUSE)).await;
            }
        }
    }
}

/// Writes down this moment if it is time, and lets go of a batch; tells how many there were. Does
/// nothing while another server is at it.
async fn tidy(database: &Database, retention: Duration, step: Duration) -> Result<u64, DbErr> {
    let backend = database.backend();
    let transaction = database.begin().await?;
    let lock = match backend {
        DbBackend::Postgres => "SELECT 1 FROM sync_feed FOR UPDATE SKIP LOCKED",
        // Who writes is alone.
        _ => "SELECT 1 FROM sync_feed",
    };
    if query(&transaction, lock).await?.is_none() {
        transaction.rollback().await?;
        return Ok(0);
    }
    note_moment(&transaction, step).await?;
    let oldest_kept = format!(
        "SELECT taken_at, head FROM sync_moment WHERE taken_at <= {} - {} \
         ORDER BY taken_at DESC LIMIT 1",
        now(backend),
        retention.as_secs_f64()
    );
    let Some(moment) = query(&transaction, &oldest_kept).await? else {
        transaction.commit().await?;
        return Ok(0);
    };
    let taken_at: f64 = moment.try_get("", "taken_at")?;
    let head: String = moment.try_get("", "head")?;
    let head: CommitPosition = head
        .parse()
        .map_err(|error| DbErr::Type(format!("{error}")))?;
    let forget = format!("DELETE FROM sync_moment WHERE taken_at < {taken_at}");
    transaction.execute_unprepared(&forget).await?;
    let note =
        format!("UPDATE sync_feed SET pruned = '{head}' WHERE pruned IS DISTINCT FROM '{head}'");
    transaction.execute_unprepared(&note).await?;
    let (old, let_go) = (old(&head), let_go(&head));
    let note = format!(
        "UPDATE sync_feed SET pruned_seq = (SELECT max(seq) FROM \
         (SELECT pruned_seq AS seq UNION ALL SELECT seq FROM ({old}) AS old) AS gone)"
    );
    transaction.execute_unprepared(&note).await?;
    let gone = transaction.execute_unprepared(&let_go).await?;
    transaction.commit().await?;
    let gone = gone.rows_affected();
    debug!(gone, "let go of old changes");
    Ok(gone)
}

async fn note_moment(transaction: &DatabaseTransaction, step: Duration) -> Result<(), DbErr> {
    let now = now(transaction.get_database_backend());
    let note = format!(
        "INSERT INTO sync_moment (taken_at, head) SELECT {now}, '{}' WHERE NOT EXISTS \
         (SELECT 1 FROM sync_moment WHERE taken_at > {now} - {})",
        head(transaction).await?,
        step.as_secs_f64() / 2.0
    );
    transaction.execute_unprepared(&note).await?;
    Ok(())
}

/// Deletes a batch of what was committed by a moment.
fn let_go(head: &CommitPosition) -> String {
    format!("DELETE FROM sync_change WHERE seq IN ({})", old(head))
}

/// A batch of what was committed by a moment, oldest first.
fn old(head: &CommitPosition) -> String {
    let (committed, order) = match head {
        CommitPosition::Snapshot(snapshot) => (
            format!(
                "xid < pg_snapshot_xmax('{snapshot}') AND pg_visible_in_snapshot(xid, '{snapshot}')"
            ),
            "xid, seq",
        ),
        CommitPosition::Sequence { .. } => (format!("seq <= {}", head.seq(Table::Changes)), "seq"),
    };
    format!("SELECT seq FROM sync_change WHERE {committed} ORDER BY {order} LIMIT {BATCH}")
}

async fn query(
    transaction: &DatabaseTransaction,
    sql: &str,
) -> Result<Option<sea_orm::QueryResult>, DbErr> {
    let statement = Statement::from_string(transaction.get_database_backend(), sql);
    transaction.query_one_raw(statement).await
}
