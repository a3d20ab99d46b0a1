//! Watching the changes of runs.

use std::sync::Arc;

use entity::SyncChangeKind;
use tokio::sync::broadcast;

use super::{
    Change,
    cursor::{Cursor, Head},
    source::Source,
    tail::{BATCH, Batch, Reached, Shared},
    watch::{Page, Subject},
};
use crate::runs::{error::Result, filter::RunFilter};

/// Which changes are wanted.
#[derive(Clone, Debug)]
pub struct Interest {
    /// Of these runs.
    pub filter: RunFilter,
    /// Of these kinds.
    pub kinds: Vec<SyncChangeKind>,
}

/// A change that is of interest.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The change.
    pub change: Arc<Change>,
    /// Whether the change left the run matching.
    pub matches_filter: bool,
}

impl Interest {
    /// Whether to deliver `change`: it left the run matching, or found it so. Both are judged by what
    /// the change did, not by what became of the run since, so that whoever reads it later, or
    /// through another replica, is told the same.
    fn takes(&self, change: &Arc<Change>) -> Option<Delivery> {
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
        (matches_filter || did_match()).then(|| Delivery {
            change: Arc::clone(change),
            matches_filter,
        })
    }

    fn pick(&self, changes: &[Arc<Change>]) -> Vec<Delivery> {
        changes
            .iter()
            .filter_map(|change| self.takes(change))
            .collect()
    }
}

impl Subject for Interest {
    type Row = Change;
    type Delivery = Delivery;
    type Place = Cursor;

    fn channel(shared: &Shared) -> &broadcast::Sender<Arc<Batch<Change>>> {
        &shared.changes
    }

    async fn check(&self, source: &Source, place: Option<&Cursor>, head: &Head) -> Result<()> {
        place.map_or(Ok(()), |place| source.check(place, head))
    }

    /// First what is left of the cursor's own interval, then the interval from there; without a cursor,
    /// nothing.
    async fn read(
        &self,
        source: &Source,
        place: Option<&Cursor>,
        head: &Head,
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

    fn take(&self, batch: &Batch<Change>) -> Vec<Delivery> {
        self.pick(&batch.items)
    }

    fn behind(batch: &Batch<Change>) -> Option<Cursor> {
        batch.end(|change| &change.cursor)
    }

    fn place_of(delivery: &Delivery) -> Cursor {
        delivery.change.cursor.clone()
    }

    fn at(source: &Source, head: &Head) -> Cursor {
        Cursor::at(source.feed(), head.clone())
    }

    fn ends_at(&self, _: &Reached) -> bool {
        false
    }

    async fn has_ended(&self, _: &Source) -> Result<bool> {
        Ok(false)
    }
}
