//! Watching the changes of runs.

use std::sync::Arc;

use entity::SyncChangeKind;
use tokio::sync::broadcast;

use super::{
    change::Change,
    change_log::ChangeLog,
    position::{CommitPosition, FeedCursor},
    stream::{Page, Topic},
    tail::{BATCH, Batch, IntervalEnd, Shared},
};
use crate::runs::{Result, filter::RunFilter};

/// Which changes are wanted.
#[derive(Clone, Debug)]
pub struct RunChanges {
    /// Of these runs.
    pub filter: RunFilter,
    /// Of these kinds.
    pub kinds: Vec<SyncChangeKind>,
}

/// A change that is of interest.
#[derive(Clone, Debug)]
pub struct RunChange {
    /// The change.
    pub change: Arc<Change>,
    /// Whether the change left the run matching.
    pub matches_filter: bool,
}

impl RunChanges {
    /// Whether to deliver `change`: it left the run matching, or found it so. Both are judged by what
    /// the change did, not by what became of the run since, so that whoever reads it later, or
    /// through another replica, is told the same.
    fn takes(&self, change: &Arc<Change>) -> Option<RunChange> {
        if !self.kinds.contains(&change.kind()) {
            return None;
        }
        let matches_filter = self.filter.matches(&change.after);
        let did_match = || {
            change
                .before
                .as_ref()
                .is_some_and(|run| self.filter.matches(run))
        };
        (matches_filter || did_match()).then(|| RunChange {
            change: Arc::clone(change),
            matches_filter,
        })
    }

    fn pick(&self, changes: &[Arc<Change>]) -> Vec<RunChange> {
        changes
            .iter()
            .filter_map(|change| self.takes(change))
            .collect()
    }
}

impl Topic for RunChanges {
    type Row = Change;
    type Delivery = RunChange;
    type Place = FeedCursor;

    fn channel(shared: &Shared) -> &broadcast::Sender<Arc<Batch<Change>>> {
        &shared.changes
    }

    async fn check(
        &self,
        source: &ChangeLog,
        place: Option<&FeedCursor>,
        head: &CommitPosition,
    ) -> Result<()> {
        place.map_or(Ok(()), |place| source.check(place, head))
    }

    /// First what is left of the cursor's own interval, then the interval from there; without a cursor,
    /// nothing.
    async fn read(
        &self,
        source: &ChangeLog,
        place: Option<&FeedCursor>,
        head: &CommitPosition,
    ) -> Result<Page<Self>> {
        let Some(place) = place else {
            return Ok(Page {
                deliveries: Vec::new(),
                place: Self::at(source, head),
                last: true,
            });
        };
        let (changes, more) = source.changes(place, BATCH).await?;
        source.check_kept(place).await?;
        Ok(Page {
            deliveries: self.pick(&changes),
            last: more.is_none() && place.upto == *head,
            place: more.unwrap_or_else(|| place.next_interval(head)),
        })
    }

    fn take(&self, batch: &Batch<Change>) -> Vec<RunChange> {
        self.pick(&batch.items)
    }

    fn behind(batch: &Batch<Change>) -> Option<FeedCursor> {
        batch.end(|change| &change.cursor)
    }

    fn place_of(delivery: &RunChange) -> FeedCursor {
        delivery.change.cursor.clone()
    }

    fn at(source: &ChangeLog, head: &CommitPosition) -> FeedCursor {
        FeedCursor::at(source.feed(), head.clone())
    }

    fn ends_at(&self, _: &IntervalEnd) -> bool {
        false
    }

    async fn has_ended(&self, _: &ChangeLog) -> Result<bool> {
        Ok(false)
    }
}
