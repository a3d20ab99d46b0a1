//! Lookups by key, gathered into one statement for all that ask at the same time.

use std::sync::Arc;

use uuid::Uuid;

use super::gathering::{Gathering, Key};
use crate::{
    db::keyset::PageRows,
    events::{Event, EventPageSpec, RunEventKey},
    feed::{ChangeFeed, FeedCursor},
    runs::{Result, Run, Runs, User},
};

/// All lookups; each has a key type of its own.
#[derive(Clone)]
pub(super) struct Loaders(Arc<Kinds>);

struct Kinds {
    runs: Gathering<RunKey>,
    events: Gathering<EventKey>,
    users: Gathering<UserKey>,
    now: Gathering<NowKey>,
    event_pages: Apart<RunEventKey<EventPageSpec>>,
    event_counts: Apart<RunEventKey<u32>>,
    feed: ChangeFeed,
}

/// What an index finds does not wait for what none does.
struct Apart<K: Key<Source = Runs>> {
    lean: Gathering<K>,
    scans: Gathering<K>,
}

/// Key of a run.
#[derive(Clone, Copy)]
struct RunKey(Uuid);
/// Key of an event.
#[derive(Clone, Copy)]
struct EventKey(Uuid);
/// Key of a user.
#[derive(Clone, Copy)]
struct UserKey(Uuid);

/// Key of the place behind all that is committed.
#[derive(Clone, Copy)]
struct NowKey;

impl Loaders {
    pub(super) fn new(runs: Runs, feed: ChangeFeed) -> Self {
        Self(Arc::new(Kinds {
            runs: Gathering::new(&runs),
            events: Gathering::new(&runs),
            users: Gathering::new(&runs),
            now: Gathering::new(&feed),
            event_pages: Apart::new(&runs),
            event_counts: Apart::new(&runs),
            feed,
        }))
    }

    pub(super) async fn run(&self, id: Uuid) -> Result<Option<Run>> {
        self.0.runs.find(RunKey(id)).await
    }

    pub(super) async fn event(&self, id: Uuid) -> Result<Option<Event>> {
        self.0.events.find(EventKey(id)).await
    }

    pub(super) async fn user(&self, id: Uuid) -> Result<Option<User>> {
        self.0.users.find(UserKey(id)).await
    }

    /// The users with these ids, in their order.
    pub(super) async fn users(
        &self,
        ids: impl IntoIterator<Item = Uuid>,
    ) -> Result<Vec<Option<User>>> {
        let keys = ids.into_iter().map(UserKey).collect();
        self.0.users.find_all(keys).await
    }

    /// The place in the feed behind all that is committed.
    pub(super) async fn now(&self) -> Result<FeedCursor> {
        match self.0.now.find(NowKey).await? {
            Some(cursor) => Ok(cursor),
            None => self.0.feed.now().await,
        }
    }

    /// Pages of the events of runs, by one filter.
    pub(super) async fn events(
        &self,
        keys: Vec<RunEventKey<EventPageSpec>>,
    ) -> Result<Vec<Option<PageRows<Event>>>> {
        let is_indexed = keys.iter().all(|key| key.asked.filter.is_indexed());
        self.0.event_pages.of(is_indexed).find_all(keys).await
    }

    pub(super) async fn event_count(&self, key: RunEventKey<u32>) -> Result<Option<u32>> {
        let is_indexed = key.asked.filter.is_indexed();
        self.0.event_counts.of(is_indexed).find(key).await
    }
}

impl<K: Key<Source = Runs>> Apart<K> {
    fn new(runs: &Runs) -> Self {
        Self {
            lean: Gathering::new(runs),
            scans: Gathering::new(runs),
        }
    }

    fn of(&self, is_indexed: bool) -> &Gathering<K> {
        if is_indexed { &self.lean } else { &self.scans }
    }
}

impl Key for NowKey {
    type Source = ChangeFeed;
    type Found = FeedCursor;

    async fn look_up(feed: &ChangeFeed, keys: &[Self]) -> Result<Vec<Option<FeedCursor>>> {
        let now = feed.now().await?;
        Ok(vec![Some(now); keys.len()])
    }
}

impl Key for RunKey {
    type Source = Runs;
    type Found = Run;

    async fn look_up(runs: &Runs, keys: &[Self]) -> Result<Vec<Option<Run>>> {
        let ids = distinct(keys.iter().map(|key| key.0));
        let found = runs.find_runs(&ids).await?;
        Ok(keys.iter().map(|key| found.get(&key.0).cloned()).collect())
    }
}

impl Key for EventKey {
    type Source = Runs;
    type Found = Event;

    async fn look_up(runs: &Runs, keys: &[Self]) -> Result<Vec<Option<Event>>> {
        let ids = distinct(keys.iter().map(|key| key.0));
        let found = runs.find_events(&ids).await?;
        Ok(keys.iter().map(|key| found.get(&key.0).cloned()).collect())
    }
}

impl Key for UserKey {
    type Source = Runs;
    type Found = User;

    async fn look_up(runs: &Runs, keys: &[Self]) -> Result<Vec<Option<User>>> {
        let ids = distinct(keys.iter().map(|key| key.0));
        let found = runs.find_users(&ids).await?;
        Ok(keys.iter().map(|key| found.get(&key.0).cloned()).collect())
    }
}

fn distinct(ids: impl Iterator<Item = Uuid>) -> Vec<Uuid> {
    let mut ids: Vec<_> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

impl Key for RunEventKey<EventPageSpec> {
    type Source = Runs;
    type Found = PageRows<Event>;

    async fn look_up(runs: &Runs, keys: &[Self]) -> Result<Vec<Option<PageRows<Event>>>> {
        runs.list_events_of_runs(keys).await
    }
}

impl Key for RunEventKey<u32> {
    type Source = Runs;
    type Found = u32;

    async fn look_up(runs: &Runs, keys: &[Self]) -> Result<Vec<Option<u32>>> {
        runs.count_events_of_runs(keys).await
    }
}
