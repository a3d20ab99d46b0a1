//! Data loaders: lookups by key, each batched into one statement.

mod batcher;

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    db::keyset::PageRows,
    events::{Event, EventPageSpec, Events, RunEventKey},
    runs::{Result, Run, Runs, User},
};
use batcher::{BatchKey, Batcher};

/// The data loaders of the schema.
#[derive(Clone)]
pub(crate) struct Loaders(Arc<Batchers>);

struct Batchers {
    runs: Batcher<RunKey>,
    events: Batcher<EventKey>,
    users: Batcher<UserKey>,
    last_reports: Batcher<ReportKey>,
    event_pages: IndexedOrScan<RunEventKey<EventPageSpec>>,
    event_counts: IndexedOrScan<RunEventKey<u32>>,
}

/// Separate batches for indexed lookups and for scans, so that the former do not wait for the latter.
struct IndexedOrScan<K: BatchKey<Source = Events>> {
    indexed: Batcher<K>,
    scans: Batcher<K>,
}

#[derive(Clone, Copy)]
struct RunKey(Uuid);

#[derive(Clone, Copy)]
struct EventKey(Uuid);

#[derive(Clone, Copy)]
struct UserKey(Uuid);

#[derive(Clone, Copy)]
struct ReportKey(Uuid);

impl Loaders {
    pub(crate) fn new(runs: &Runs) -> Self {
        let events = Events::new(runs);
        Self(Arc::new(Batchers {
            runs: Batcher::new(runs),
            events: Batcher::new(&events),
            users: Batcher::new(runs),
            last_reports: Batcher::new(&events),
            event_pages: IndexedOrScan::new(&events),
            event_counts: IndexedOrScan::new(&events),
        }))
    }

    /// Finds a run.
    pub(crate) async fn run(&self, id: Uuid) -> Result<Option<Run>> {
        self.0.runs.load(RunKey(id)).await
    }

    /// Finds runs, in the order of the ids.
    pub(crate) async fn runs(
        &self,
        ids: impl IntoIterator<Item = Uuid>,
    ) -> Result<Vec<Option<Run>>> {
        let keys = ids.into_iter().map(RunKey).collect();
        self.0.runs.load_all(keys).await
    }

    /// Finds an event.
    pub(crate) async fn event(&self, id: Uuid) -> Result<Option<Event>> {
        self.0.events.load(EventKey(id)).await
    }

    /// Finds a user.
    pub(crate) async fn user(&self, id: Uuid) -> Result<Option<User>> {
        self.0.users.load(UserKey(id)).await
    }

    /// Finds users, in the order of the ids.
    pub(crate) async fn users(
        &self,
        ids: impl IntoIterator<Item = Uuid>,
    ) -> Result<Vec<Option<User>>> {
        let keys = ids.into_iter().map(UserKey).collect();
        self.0.users.load_all(keys).await
    }

    /// Finds the time of the latest report among the events of each of these runs, in the order of the ids.
    pub(crate) async fn last_reports(
        &self,
        run_ids: impl IntoIterator<Item = Uuid>,
    ) -> Result<Vec<Option<DateTime<Utc>>>> {
        let keys = run_ids.into_iter().map(ReportKey).collect();
        self.0.last_reports.load_all(keys).await
    }

    /// Lists pages of the events of several runs, all by the same filter.
    pub(crate) async fn event_pages(
        &self,
        keys: Vec<RunEventKey<EventPageSpec>>,
    ) -> Result<Vec<Option<PageRows<Event>>>> {
        let is_indexed = keys.iter().all(|key| key.query.filter.is_indexed());
        let batcher = self.0.event_pages.batcher(is_indexed);
        batcher.load_all(keys).await
    }

    /// Counts the events of a run.
    pub(crate) async fn event_count(&self, key: RunEventKey<u32>) -> Result<Option<u32>> {
        let is_indexed = key.query.filter.is_indexed();
        self.0.event_counts.batcher(is_indexed).load(key).await
    }
}

impl<K: BatchKey<Source = Events>> IndexedOrScan<K> {
    fn new(events: &Events) -> Self {
        Self {
            indexed: Batcher::new(events),
            scans: Batcher::new(events),
        }
    }

    fn batcher(&self, is_indexed: bool) -> &Batcher<K> {
        if is_indexed {
            &self.indexed
        } else {
            &self.scans
        }
    }
}

impl BatchKey for RunKey {
    type Source = Runs;
    type Value = Run;

    async fn load(runs: &Runs, keys: &[Self]) -> Result<Vec<Option<Run>>> {
        let ids = || keys.iter().map(|key| key.0);
        Ok(in_order(ids(), &runs.find_runs(&distinct(ids())).await?))
    }
}

impl BatchKey for EventKey {
    type Source = Events;
    type Value = Event;

    async fn load(events: &Events, keys: &[Self]) -> Result<Vec<Option<Event>>> {
        let ids = || keys.iter().map(|key| key.0);
        Ok(in_order(ids(), &events.find(&distinct(ids())).await?))
    }
}

impl BatchKey for UserKey {
    type Source = Runs;
    type Value = User;

    async fn load(runs: &Runs, keys: &[Self]) -> Result<Vec<Option<User>>> {
        let ids = || keys.iter().map(|key| key.0);
        Ok(in_order(ids(), &runs.find_users(&distinct(ids())).await?))
    }
}

impl BatchKey for ReportKey {
    type Source = Events;
    type Value = DateTime<Utc>;

    async fn load(events: &Events, keys: &[Self]) -> Result<Vec<Option<DateTime<Utc>>>> {
        let ids = || keys.iter().map(|key| key.0);
        let reports = events.last_reports(&distinct(ids())).await?;
        Ok(in_order(ids(), &reports))
    }
}

impl BatchKey for RunEventKey<EventPageSpec> {
    type Source = Events;
    type Value = PageRows<Event>;

    async fn load(events: &Events, keys: &[Self]) -> Result<Vec<Option<PageRows<Event>>>> {
        events.list_by_run(keys).await
    }
}

impl BatchKey for RunEventKey<u32> {
    type Source = Events;
    type Value = u32;

    async fn load(events: &Events, keys: &[Self]) -> Result<Vec<Option<u32>>> {
        events.count_by_run(keys).await
    }
}

fn distinct(ids: impl Iterator<Item = Uuid>) -> Vec<Uuid> {
    let mut ids: Vec<_> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn in_order<T: Clone>(ids: impl Iterator<Item = Uuid>, found: &HashMap<Uuid, T>) -> Vec<Option<T>> {
    ids.map(|id| found.get(&id).cloned()).collect()
}
