//! Stores the fingerprints of failures that other writers have stored, and of those from before adoption.
//!
//! One task per process looks for runs without a fingerprint, by an index that is empty most of the time, after each
//! commit of this server and at intervals. Nothing depends on how fast it is: filters evaluate the messages of runs that it
//! has not reached. A large backlog is filled in small batches, newest runs first, with pauses for other writers; several
//! servers share it.

use std::{collections::BTreeMap, time::Duration};

use sea_orm::DbErr;
use tokio::time;
use tracing::debug;
use uuid::Uuid;

use super::Fingerprint;
use crate::{
    outage::Outage,
    runs::ChangeSubscriber,
    store::{FailureBatch, FingerprintedRuns, Store},
};

/// Runs in one transaction.
const BATCH_SIZE: u64 = 200;
/// Time between two batches, during which writers proceed.
const BATCH_INTERVAL: Duration = Duration::from_millis(20);
/// The minimum time between two searches for runs without a fingerprint.
const MIN_INTERVAL: Duration = Duration::from_secs(1);
/// The maximum time after which it searches without having been notified.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// Time before a batch is tried again if the database failed.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// Stores missing fingerprints, until cancelled.
pub(crate) async fn index_failures(store: Store, mut commits: ChangeSubscriber) {
    let outage = Outage::new("cannot index failed runs; trying again");
    loop {
        match index_batch(&store).await {
            Ok(BATCH_SIZE..) => time::sleep(BATCH_INTERVAL).await,
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

/// Indexes a batch of runs, and returns its size.
async fn index_batch(store: &Store) -> Result<u64, DbErr> {
    if !store.has_unindexed_failures().await? {
        return Ok(0);
    }
    let indexed = store.index_failures(BATCH_SIZE, fingerprints).await?;
    debug!(indexed, "indexed failed runs");
    Ok(indexed)
}

/// Returns the runs of a batch by the fingerprint to store.
fn fingerprints(batch: &FailureBatch) -> Vec<FingerprintedRuns> {
    let mut runs = BTreeMap::<Fingerprint, Vec<Uuid>>::new();
    for failure in batch {
        let fingerprint = Fingerprint::of(failure.message.as_deref());
        runs.entry(fingerprint).or_default().push(failure.run_id);
    }
    let found = runs
        .into_iter()
        .map(|(fingerprint, run_ids)| FingerprintedRuns {
            fingerprint: fingerprint.to_string(),
            run_ids,
        });
    found.collect()
}
