//! The background tasks that index runs, whoever has stored them.
//!
//! A task indexes in small batches, with pauses for other writers, after each commit of this server and at intervals.

use std::time::Duration;

use sea_orm::DbErr;
use tokio::time;

use super::ChangeSubscriber;
use crate::outage::Outage;

/// Runs in one transaction.
pub(super) const BATCH_SIZE: u32 = 200;
/// Time between two batches, during which writers proceed.
const BATCH_INTERVAL: Duration = Duration::from_millis(20);
/// The minimum time between two searches for runs to index.
const MIN_INTERVAL: Duration = Duration::from_secs(1);
/// The maximum time after which it searches without having been notified.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// Time before a batch is tried again if the database failed.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// Calls `index_batch`, which returns the number of runs that it indexed, until cancelled.
pub(super) async fn index_runs<F>(
    outage: Outage,
    mut commits: ChangeSubscriber,
    index_batch: impl Fn() -> F,
) where
    F: Future<Output = Result<u64, DbErr>>,
{
    loop {
        match index_batch().await {
            Ok(indexed) if indexed >= BATCH_SIZE.into() => time::sleep(BATCH_INTERVAL).await,
            Ok(_) => {
                outage.ended();
                time::sleep(MIN_INTERVAL).await;
                // A failed wait is the end of the interval.
                let _ = time::timeout(MAX_WAIT, commits.notified()).await;
            }
            Err(error) => {
                outage.failed_on_database(&error);
                time::sleep(RETRY_INTERVAL).await;
            }
        }
    }
}
