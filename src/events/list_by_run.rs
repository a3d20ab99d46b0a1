//! Pages and counts of the events of several runs, in one statement per distinct query.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use futures_util::future::try_join_all;
use uuid::Uuid;

use super::{Event, EventPageSpec, Events, filter::EventFilter};
use crate::{
    db::{ScanBudget, keyset::PageRows},
    runs::{Error, Result},
    store::EventPage,
};

/// A query for the events of a run. `Spec` is an [`EventPageSpec`] for a page, or the limit up to which to count.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventQuery<Spec> {
    /// The events that match.
    pub filter: EventFilter,
    /// What to return of them.
    pub spec: Spec,
}

/// A query for the events of one run.
#[derive(Clone, Debug)]
pub struct RunEventKey<Spec> {
    /// The ID of the run.
    pub run_id: Uuid,
    /// The query.
    pub query: EventQuery<Spec>,
}

/// Runs with the same query.
struct Group<'a, Spec> {
    query: &'a EventQuery<Spec>,
    run_ids: Vec<Uuid>,
    /// The index of each run among all keys.
    indexes: Vec<usize>,
}

impl Events {
    /// Returns a page of events for each key, oldest first, in the order of the keys.
    ///
    /// # Errors
    /// Returns [`Error::TooMuchToRead`] if no index supports a filter and scanning
    /// takes too long, and an error if the database is unavailable.
    pub async fn list_by_run(
        &self,
        keys: &[RunEventKey<EventPageSpec>],
    ) -> Result<Vec<Option<PageRows<Event>>>> {
        let budget = ScanBudget::default();
        let groups = groups(keys);
        let read = groups.iter().map(async |group| {
            let EventQuery { filter, spec } = group.query;
            let page = EventPage {
                condition: filter.condition(&self.store),
                spec: *spec,
            };
            let query = self
                .store
                .query(filter.is_indexed(), &budget, async |pool| {
                    let pages = self.store.read_event_pages(pool, &group.run_ids, &page);
                    pages.await
                });
            Ok::<_, Error>(group.indexed(query.await?))
        });
        Ok(in_order(keys.len(), try_join_all(read).await?))
    }

    /// Counts the events for each key, up to its limit, in the order of the keys.
    ///
    /// # Errors
    /// Returns [`Error::TooMuchToRead`] if no index supports a filter and scanning
    /// takes too long, and an error if the database is unavailable.
    pub async fn count_by_run(&self, keys: &[RunEventKey<u32>]) -> Result<Vec<Option<u32>>> {
        let budget = ScanBudget::default();
        let groups = groups(keys);
        let count = groups.iter().map(async |group| {
            let EventQuery { filter, spec } = group.query;
            let condition = filter.condition(&self.store);
            let query = self
                .store
                .query(filter.is_indexed(), &budget, async |pool| {
                    let counts = self
                        .store
                        .count_events(pool, &group.run_ids, &condition, *spec);
                    counts.await
                });
            Ok::<_, Error>(group.indexed(query.await?))
        });
        Ok(in_order(keys.len(), try_join_all(count).await?))
    }
}

impl Events {
    /// Returns the time of the latest report among the events of each of these runs that has any, by the clock of the
    /// database.
    ///
    /// # Errors
    /// Returns an error if the database is unavailable.
    pub async fn last_reports(&self, run_ids: &[Uuid]) -> Result<HashMap<Uuid, DateTime<Utc>>> {
        Ok(self.store.last_reports(run_ids).await?)
    }
}

impl<Spec> Group<'_, Spec> {
    /// Replaces the positions of runs in this group by their indexes among all keys.
    fn indexed<T>(&self, values: Vec<(usize, T)>) -> Vec<(usize, T)> {
        let values = values.into_iter();
        values
            .filter_map(|(position, value)| Some((*self.indexes.get(position)?, value)))
            .collect()
    }
}

/// Groups the keys by their queries.
fn groups<Spec: Eq>(keys: &[RunEventKey<Spec>]) -> Vec<Group<'_, Spec>> {
    let mut groups: Vec<Group<'_, Spec>> = Vec::new();
    for (index, RunEventKey { run_id, query }) in keys.iter().enumerate() {
        // Keys come list by list, so the group is usually the last one.
        let mut known = groups.iter_mut().rev();
        match known.find(|group| group.query == query) {
            Some(group) => {
                group.run_ids.push(*run_id);
                group.indexes.push(index);
            }
            None => groups.push(Group {
                query,
                run_ids: vec![*run_id],
                indexes: vec![index],
            }),
        }
    }
    groups
}

/// Returns the values of all groups in the order of the keys.
fn in_order<T>(keys: usize, groups: Vec<Vec<(usize, T)>>) -> Vec<Option<T>> {
    let mut values: Vec<_> = std::iter::repeat_with(|| None).take(keys).collect();
    for (index, value) in groups.into_iter().flatten() {
        values[index] = Some(value);
    }
    values
}
