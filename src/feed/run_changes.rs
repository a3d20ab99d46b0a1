//! The topic of changes of runs.

use std::sync::Arc;

use entity::SyncChangeKind;
use tokio::sync::broadcast::Sender;

use super::{
    batch::{Batch, Channels, EndedRuns},
    change::Change,
    change_log::ChangeLog,
    position::FeedCursor,
    tail::BATCH_SIZE,
    topic::{Delivery, Page, Topic},
};
use crate::{
    runs::{Error, Result, filter::RunFilter},
    store::FeedPosition,
};

/// Changes of the runs that match a filter.
#[derive(Clone, Debug)]
pub(crate) struct RunChanges {
    pub(crate) filter: RunFilter,
    /// Kinds of change to deliver.
    pub(crate) kinds: Vec<SyncChangeKind>,
}

/// A change that was selected.
#[derive(Clone, Debug)]
pub(crate) struct RunChange {
    pub(crate) change: Arc<Change>,
    /// Whether the run matches the filter after the change; false if it has been deleted since.
    pub(crate) matches_filter: bool,
}

impl RunChanges {
    /// Selects a change if the run matches the filter after it, or matched before it. Both follow from the
    /// change itself, not from the current state of the run, so that a subscriber who reads it later, or
    /// through another server, receives the same.
    fn select_change(&self, change: &Arc<Change>) -> Option<Delivery<Self>> {
        if !self.kinds.contains(&change.kind) {
            return None;
        }
        let matches_filter = change.matches(&self.filter);
        (matches_filter || change.concerns(&self.filter)).then(|| Delivery {
            cursor: change.cursor.clone(),
            item: RunChange {
                change: Arc::clone(change),
                matches_filter,
            },
        })
    }
}

impl Topic for RunChanges {
    type Row = Change;
    type Item = RunChange;
    type Cursor = FeedCursor;

    fn channel(channels: &Channels) -> &Sender<Arc<Batch<Change>>> {
        &channels.changes
    }

    async fn validate(
        &self,
        log: &ChangeLog,
        after: Option<&FeedCursor>,
        now: &FeedPosition,
    ) -> Result<()> {
        match after {
            Some(cursor) => log.validate(cursor, now).await,
            None => Ok(()),
        }
    }

    /// Reads the rest of the cursor's interval, then the interval from there to `upto`. Without a cursor the
    /// topic begins at `upto`.
    async fn read(
        &self,
        log: &ChangeLog,
        after: Option<&FeedCursor>,
        upto: &FeedPosition,
    ) -> Result<Page<Self>> {
        let Some(after) = after else {
            return Ok(Page {
                deliveries: Vec::new(),
                next: log.cursor_at(upto.clone()),
                is_last: true,
            });
        };
        // Most subscriptions begin at such a cursor, and end here.
        if after.is_at_interval_end() {
            return Ok(Page {
                deliveries: Vec::new(),
                is_last: after.upto == *upto,
                next: after.next_interval(upto),
            });
        }
        let page = log.changes(after, BATCH_SIZE).await?;
        log.validate_retained(after).await?;
        if page.is_truncated {
            return Err(Error::CursorExpired);
        }
        Ok(Page {
            deliveries: self.select(&page.rows),
            is_last: page.next.is_none() && after.upto == *upto,
            next: page.next.unwrap_or_else(|| after.next_interval(upto)),
        })
    }

    fn select(&self, changes: &[Arc<Change>]) -> Vec<Delivery<Self>> {
        let selected = changes
            .iter()
            .filter_map(|change| self.select_change(change));
        selected.collect()
    }

    fn is_completed_by(&self, _: &EndedRuns) -> bool {
        false
    }

    async fn is_complete(&self, _: &ChangeLog) -> Result<bool> {
        Ok(false)
    }
}
