//! Stores the fingerprints of failures that other writers have stored, and of those from before adoption.
//!
//! One task per process looks for runs without a fingerprint, by an index that is empty most of the time, after each
//! commit of this server and at intervals. Nothing depends on how fast it is: filters evaluate the messages of runs that it
//! has not reached. A large backlog is filled in small batches, newest runs first, with pauses for other writers; several
//! servers share it.

use std::collections::BTreeMap;

use sea_orm::DbErr;
use tracing::debug;
use uuid::Uuid;

use super::Fingerprint;
use crate::{
    outage::Outage,
    runs::{
        ChangeSubscriber,
        index_task::{BATCH_SIZE, index_runs},
    },
    store::{FailureBatch, FingerprintedRuns, Store},
};

/// Stores missing fingerprints, until cancelled.
pub(crate) async fn index_failures(store: Store, commits: ChangeSubscriber) {
    let outage = Outage::new("cannot index failed runs; trying again");
    index_runs(outage, commits, || index_batch(&store)).await;
}

/// Indexes a batch of runs, and returns its size.
async fn index_batch(store: &Store) -> Result<u64, DbErr> {
    if !store.has_unindexed_failures().await? {
        return Ok(0);
    }
    let indexed = store
        .index_failures(BATCH_SIZE.into(), fingerprints)
        .await?;
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
