//! Lookups of single rows, gathered into one statement for all that ask at the same time.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::{DataLoader, Loader};
use uuid::Uuid;

use crate::{
    db::page::{Page, Rows},
    runs::{Error, Event, EventsOfRun, Result, Run, Runs, User, feed},
};

/// All lookups; each has a key type of its own.
#[derive(Clone)]
pub(super) struct Loaders(Arc<DataLoader<LedgerLoader>>);

/// Key of a run.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct RunKey(pub(super) Uuid);
/// Key of an event.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct EventKey(pub(super) Uuid);
/// Key of a user.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct UserKey(pub(super) Uuid);

/// Key of the place behind all that is committed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct NowKey;

struct LedgerLoader(Runs);

impl Loaders {
    pub(super) fn new(runs: Runs) -> Self {
        Self(Arc::new(DataLoader::new(LedgerLoader(runs), tokio::spawn)))
    }

    pub(super) async fn run(&self, id: Uuid) -> Result<Option<Run>> {
        Ok(self.0.load_one(RunKey(id)).await?)
    }

    pub(super) async fn event(&self, id: Uuid) -> Result<Option<Event>> {
        Ok(self.0.load_one(EventKey(id)).await?)
    }

    pub(super) async fn user(&self, id: Uuid) -> Result<Option<User>> {
        Ok(self.0.load_one(UserKey(id)).await?)
    }

    /// The place in the feed behind all that is committed.
    pub(super) async fn now(&self) -> Result<feed::Cursor> {
        match self.0.load_one(NowKey).await? {
            Some(cursor) => Ok(cursor),
            None => self.0.loader().0.feed().now().await,
        }
    }

    pub(super) async fn events(&self, key: EventsOfRun<Page>) -> Result<Option<Rows<Event>>> {
        Ok(self.0.load_one(key).await?)
    }

    pub(super) async fn event_count(&self, key: EventsOfRun<u32>) -> Result<Option<u32>> {
        Ok(self.0.load_one(key).await?)
    }
}

impl Loader<NowKey> for LedgerLoader {
    type Value = feed::Cursor;
    type Error = Arc<Error>;

    async fn load(
        &self,
        _keys: &[NowKey],
    ) -> std::result::Result<HashMap<NowKey, feed::Cursor>, Arc<Error>> {
        Ok(HashMap::from([(NowKey, self.0.feed().now().await?)]))
    }
}

impl Loader<RunKey> for LedgerLoader {
    type Value = Run;
    type Error = Arc<Error>;

    async fn load(&self, keys: &[RunKey]) -> std::result::Result<HashMap<RunKey, Run>, Arc<Error>> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        let found = self.0.find_runs(&ids).await?;
        Ok(found
            .into_iter()
            .map(|(id, run)| (RunKey(id), run))
            .collect())
    }
}

impl Loader<EventKey> for LedgerLoader {
    type Value = Event;
    type Error = Arc<Error>;

    async fn load(
        &self,
        keys: &[EventKey],
    ) -> std::result::Result<HashMap<EventKey, Event>, Arc<Error>> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        let found = self.0.find_events(&ids).await?;
        Ok(found
            .into_iter()
            .map(|(id, event)| (EventKey(id), event))
            .collect())
    }
}

impl Loader<UserKey> for LedgerLoader {
    type Value = User;
    type Error = Arc<Error>;

    async fn load(
        &self,
        keys: &[UserKey],
    ) -> std::result::Result<HashMap<UserKey, User>, Arc<Error>> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        let found = self.0.find_users(&ids).await?;
        Ok(found
            .into_iter()
            .map(|(id, user)| (UserKey(id), user))
            .collect())
    }
}

impl Loader<EventsOfRun<Page>> for LedgerLoader {
    type Value = Rows<Event>;
    type Error = Arc<Error>;

    async fn load(
        &self,
        keys: &[EventsOfRun<Page>],
    ) -> std::result::Result<HashMap<EventsOfRun<Page>, Rows<Event>>, Arc<Error>> {
        Ok(self.0.list_events_of_runs(keys).await?)
    }
}

impl Loader<EventsOfRun<u32>> for LedgerLoader {
    type Value = u32;
    type Error = Arc<Error>;

    async fn load(
        &self,
        keys: &[EventsOfRun<u32>],
    ) -> std::result::Result<HashMap<EventsOfRun<u32>, u32>, Arc<Error>> {
        Ok(self.0.count_events_of_runs(keys).await?)
    }
}
