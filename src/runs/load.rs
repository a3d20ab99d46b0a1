//! Loading single runs, and what belongs to runs.

use std::{collections::HashMap, sync::Arc};

use entity::{run, user};
use sea_orm::ColumnTrait;
use uuid::Uuid;

use super::{Error, LoadedRun, Result, Run, RunColumns, Runs, User};
use crate::{
    events::{EventPageSpec, EventQuery},
    store::{EventPage, RunRelations, Store, read_by_ids, select_runs},
};

/// What to load of runs.
#[derive(Clone, Debug)]
pub struct RunSelection {
    /// The columns of the runs.
    pub columns: RunColumns,
    /// Whether to load the users who triggered the runs.
    pub user: bool,
    /// The page of events to load of each run.
    pub events: Option<Arc<EventQuery<EventPageSpec>>>,
}

impl RunSelection {
    pub(super) fn relations(&self, store: &Store) -> RunRelations {
        RunRelations {
            user: self.user,
            events: self.events.as_ref().map(|events| EventPage {
                condition: events.filter.condition(store),
                spec: events.spec,
            }),
        }
    }
}

impl From<RunColumns> for RunSelection {
    fn from(columns: RunColumns) -> Self {
        Self {
            columns,
            user: false,
            events: None,
        }
    }
}

impl Runs {
    /// Returns all columns of the run with this ID.
    ///
    /// # Errors
    /// Returns [`Error::NotFound`] if there is no such run, and an error if the database is unavailable.
    pub async fn get(&self, id: Uuid) -> Result<Run> {
        let run = self.store.find_run(id, RunColumns::All).await?;
        run.ok_or(Error::NotFound { what: "run", id })
    }

    /// Returns the selected parts of the run with this ID; `None` if there is no such run.
    ///
    /// # Errors
    /// Returns an error if the database is unavailable.
    pub async fn find(&self, id: Uuid, selection: &RunSelection) -> Result<Option<LoadedRun>> {
        let mut select = select_runs(selection.columns);
        select.and_where(run::Column::Id.eq(id));
        let relations = selection.relations(&self.store);
        let pool = self.store.read();
        let mut runs = self
            .store
            .read_runs(pool, select, selection.columns, &relations)
            .await?;
        Ok(runs.pop())
    }

    /// Returns all columns of those runs with these IDs that exist.
    ///
    /// # Errors
    /// Returns an error if the database is unavailable.
    pub async fn find_runs(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, Run>> {
        let runs = read_by_ids::<run::Entity>(self.store.read(), ids).await?;
        Ok(runs.into_iter().map(|run| (run.id, run)).collect())
    }

    /// Returns the selected parts of those runs with these IDs that exist, in no particular order.
    pub(super) async fn load_runs(
        &self,
        ids: Vec<Uuid>,
        selection: &RunSelection,
    ) -> Result<Vec<LoadedRun>> {
        let mut select = select_runs(selection.columns);
        select.and_where(run::Column::Id.is_in(ids));
        let (pool, relations) = (self.store.read(), selection.relations(&self.store));
        let runs = self
            .store
            .read_runs(pool, select, selection.columns, &relations);
        Ok(runs.await?)
    }

    /// Returns those users with these IDs that exist.
    ///
    /// # Errors
    /// Returns an error if the database is unavailable.
    pub async fn find_users(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, User>> {
        let users = read_by_ids::<user::Entity>(self.store.read(), ids).await?;
        Ok(users.into_iter().map(|user| (user.id, user)).collect())
    }
}
