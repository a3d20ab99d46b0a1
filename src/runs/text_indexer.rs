//! Keeps the index of error messages up to date, where the database does not do so itself.
//!
//! One task per process indexes the runs whose message has changed, whoever changed it, after each commit of this server and at
//! intervals. Searches find runs that it has not reached by their messages.

use std::time::Duration;

use tokio::time;
use tracing::debug;

use super::ChangeSubscriber;
use crate::{outage::Outage, store::Store};

/// Runs in one transaction.
const BATCH_SIZE: u32 = 200;
/// Time between two batches, during which writers proceed.
const BATCH_INTERVAL: Duration = Duration::from_millis(20);
/// The minimum time between two searches for runs to index.
const MIN_INTERVAL: Duration = Duration::from_secs(1);
/// The maximum time after which it searches without having been notified.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// Time before a batch is tried again if the database failed.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// Indexes messages, until cancelled.
pub(crate) async fn index_messages(store: Store, mut commits: ChangeSubscriber) {
    if !store.indexes_messages() {
        return;
    }
    let outage = Outage::new("cannot index error messages; trying again");
    loop {
        match store.index_messages(BATCH_SIZE).await {
            Ok(0) => {
                outage.ended();
                time::sleep(MIN_INTERVAL).await;
                // A failed wait is the end of the interval.
                let _ = time::timeout(MAX_WAIT, commits.notified()).await;
            }
            Ok(indexed) => {
                debug!(indexed, "indexed error messages");
                time::sleep(BATCH_INTERVAL).await;
            }
            Err(error) => {
                outage.failed_on_database(&error);
                time::sleep(RETRY_INTERVAL).await;
            }
        }
    }
}
