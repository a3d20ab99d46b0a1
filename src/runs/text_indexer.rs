//! Keeps the index of error messages up to date, where the database does not do so itself.
//!
//! One task per process indexes the runs whose message has changed, whoever changed it. Searches find runs that it has not
//! reached by their messages.

use super::{
    ChangeSubscriber,
    index_task::{BATCH_SIZE, index_runs},
};
use crate::{outage::Outage, store::Store};

/// Indexes messages, until cancelled.
pub(crate) async fn index_messages(store: Store, commits: ChangeSubscriber) {
    if !store.indexes_messages() {
        return;
    }
    let outage = Outage::new("cannot index error messages; trying again");
    index_runs(outage, commits, || store.index_messages(BATCH_SIZE)).await;
}
