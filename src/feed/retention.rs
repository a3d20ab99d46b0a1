//! Pruning of changes that are older than the retention time.
//!
//! The age of a change is that of its commit, not the time noted in it, which its writer may set: commit
//! positions are recorded at regular intervals, and everything committed by the latest one that is older
//! than the retention time is pruned. That position is stored in the transaction that prunes, so that a
//! cursor from before it is rejected instead of skipping changes.

use std::time::Duration;

use entity::{change, feed, feed_position};
use sea_orm::sea_query::{Expr, LockBehavior, LockType};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect,
};
use tokio::time;
use tracing::debug;

use crate::{
    db::Database,
    outage::Outage,
    store::{CommitPosition, feed as store},
};

/// Changes pruned in one transaction.
const BATCH_SIZE: u64 = 1000;
/// Time between two batches, during which writers proceed.
const BATCH_INTERVAL: Duration = Duration::from_millis(100);
/// Commit positions recorded within the retention time, which bound how much longer a change may be kept.
const RECORDED_POSITIONS: u32 = 24;
/// The longest time between two recorded positions.
const MAX_INTERVAL: Duration = Duration::from_hours(1);
/// Time before the first batch, so that a server that starts serves requests first.
const INITIAL_DELAY: Duration = Duration::from_secs(10);

/// Prunes changes older than `retention`, until cancelled.
pub(super) async fn run(database: Database, retention: Duration) {
    let interval = (retention / RECORDED_POSITIONS).min(MAX_INTERVAL);
    time::sleep(interval.min(INITIAL_DELAY)).await;
    let outage = Outage::new("cannot prune old changes; trying again");
    loop {
        match prune_batch(&database, retention, interval).await {
            Ok(BATCH_SIZE) => time::sleep(BATCH_INTERVAL).await,
            Ok(_) => {
                outage.ended();
                time::sleep(interval).await;
            }
            Err(error) => {
                outage.failed_on_database(&error);
                time::sleep(interval.max(BATCH_INTERVAL)).await;
            }
        }
    }
}

/// Records the commit position if it is due, prunes a batch, and returns its size. Does nothing while
/// another server is pruning.
async fn prune_batch(
    database: &Database,
    retention: Duration,
    interval: Duration,
) -> Result<u64, DbErr> {
    let owned = database.clone();
    let pruned = database.transaction(move |transaction| {
        Box::pin(async move { prune(&owned, transaction, retention, interval).await })
    });
    let pruned = pruned.await?;
    if pruned > 0 {
        debug!(pruned, "pruned old changes");
    }
    Ok(pruned)
}

async fn prune(
    database: &Database,
    transaction: &DatabaseTransaction,
    retention: Duration,
    interval: Duration,
) -> Result<u64, DbErr> {
    let state = feed::Entity::find()
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .one(transaction)
        .await?;
    let Some(state) = state else {
        return Ok(0);
    };
    let now = store::clock(database, transaction).await?;
    record_position(database, transaction, now, interval).await?;
    match expired_position(transaction, now - retention.as_secs_f64()).await? {
        Some(position) => delete_changes(transaction, &position, &state).await,
        None => Ok(0),
    }
}

/// Records the commit position, unless one was recorded within half of `interval`.
async fn record_position(
    database: &Database,
    transaction: &DatabaseTransaction,
    now: f64,
    interval: Duration,
) -> Result<(), DbErr> {
    let latest = feed_position::Entity::find()
        .order_by_desc(feed_position::Column::TakenAt)
        .one(transaction)
        .await?;
    if latest.is_some_and(|latest| latest.taken_at > now - interval.as_secs_f64() / 2.0) {
        return Ok(());
    }
    let position = store::position(database, transaction).await?.commit;
    let position = feed_position::ActiveModel {
        taken_at: Set(now),
        head: Set(position.to_string()),
    };
    feed_position::Entity::insert(position)
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}

/// Returns the latest commit position recorded by `time`, and deletes those before it; `None` if there is
/// none.
async fn expired_position(
    transaction: &DatabaseTransaction,
    time: f64,
) -> Result<Option<CommitPosition>, DbErr> {
    let taken_at = feed_position::Column::TakenAt;
    let expired = feed_position::Entity::find()
        .filter(taken_at.lte(time))
        .order_by_desc(taken_at)
        .one(transaction)
        .await?;
    let Some(expired) = expired else {
        return Ok(None);
    };
    feed_position::Entity::delete_many()
        .filter(taken_at.lt(expired.taken_at))
        .exec(transaction)
        .await?;
    let position = expired.head.parse();
    position
        .map(Some)
        .map_err(|error| DbErr::Type(format!("{error}")))
}

/// Deletes a batch of the changes committed by `position`, and stores how far the log has been pruned.
async fn delete_changes(
    transaction: &DatabaseTransaction,
    position: &CommitPosition,
    state: &feed::Model,
) -> Result<u64, DbErr> {
    let seqs: Vec<i64> = store::oldest_changes(position, BATCH_SIZE)
        .into_tuple()
        .all(transaction)
        .await?;
    let position = position.to_string();
    if seqs.is_empty() && state.pruned.as_ref() == Some(&position) {
        return Ok(0);
    }
    let pruned_seq = seqs.iter().copied().fold(state.pruned_seq, i64::max);
    feed::Entity::update_many()
        .col_expr(feed::Column::Pruned, Expr::value(position))
        .col_expr(feed::Column::PrunedSeq, Expr::value(pruned_seq))
        .exec(transaction)
        .await?;
    let deleted = change::Entity::delete_many()
        .filter(change::Column::Seq.is_in(seqs))
        .exec(transaction)
        .await?;
    Ok(deleted.rows_affected)
}
