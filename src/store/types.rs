//! What statements receive and return.

use std::sync::LazyLock;

use entity::{
    RowReader, SyncSource, event::Model as Event, run, run::Model as Run, user::Model as User,
};
use sea_orm::{
    DbErr, IdenStatic, Iterable, QueryResult,
    sea_query::{Condition, Expr},
};
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use crate::db::keyset::{PageRequest, PageRows};

/// The columns to load of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RunColumns {
    /// All columns but the details, which can be as large as all others together.
    WithoutDetails,
    /// All columns.
    All,
}

impl RunColumns {
    /// Returns the list of these columns in SQL. It is rendered once, since rendering 17 columns takes longer than
    /// all else that a select consists of.
    pub(super) fn list(self) -> Expr {
        static LISTS: LazyLock<[String; 2]> =
            LazyLock::new(|| [RunColumns::WithoutDetails, RunColumns::All].map(RunColumns::render));
        let [without_details, all] = &*LISTS;
        Expr::cust(match self {
            Self::WithoutDetails => without_details.as_str(),
            Self::All => all.as_str(),
        })
    }

    fn render(self) -> String {
        let columns = run::Column::iter()
            .filter(|column| self == Self::All || !matches!(column, run::Column::Details))
            .map(|column| format!("\"{}\"", column.as_str()));
        columns.collect::<Vec<_>>().join(", ")
    }

    /// Decodes a row that starts with these columns.
    pub(super) fn decode(self, row: &QueryResult) -> Result<Run, DbErr> {
        self.read(&mut RowReader::new(row)?)
    }

    /// Reads these columns of a row.
    pub(super) fn read(self, row: &mut RowReader<'_>) -> Result<Run, DbErr> {
        Run::read_columns(row, self == Self::All)
    }
}

/// A page of the events of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EventPageSpec {
    /// The page, oldest event first.
    pub page: PageRequest,
    /// Whether to load the details of the events.
    pub with_details: bool,
}

/// A page of those events of a run that match a condition.
#[derive(Clone, Debug)]
pub(crate) struct EventPage {
    /// The condition on the table of events.
    pub(crate) condition: Condition,
    /// The page.
    pub(crate) spec: EventPageSpec,
}

/// What to load together with runs, in the same statement.
#[derive(Clone, Debug, Default)]
pub(crate) struct RunRelations {
    /// Whether to load the users who triggered the runs.
    pub(crate) user: bool,
    /// The page of events to load of each run.
    pub(crate) events: Option<EventPage>,
}

/// A run and what was loaded with it.
#[derive(Clone, Debug)]
pub struct LoadedRun {
    /// The run. Its details are [`Details::NotLoaded`](entity::Details::NotLoaded) unless they were selected.
    pub run: Run,
    /// The user who triggered the run; `None` if not selected, or if there is no such user.
    pub user: Option<User>,
    /// The selected page of the run's events; `None` if not selected.
    pub events: Option<PageRows<Event>>,
}

/// Details to merge into those of a run.
#[derive(Clone, Debug)]
pub(crate) struct DetailsMerge {
    /// The keys to set.
    pub(crate) given: Map<String, Json>,
    /// Bytes that the merged details may have.
    pub(crate) max_bytes: usize,
}

/// The result of an update of one run.
#[derive(Debug)]
pub(crate) enum UpdateResult {
    /// The run after the update.
    Updated(Box<Run>),
    /// The update's condition does not hold.
    NotUpdated,
    /// The merged details would have this many bytes. Nothing was written.
    DetailsTooLarge(usize),
}

impl From<Option<Run>> for UpdateResult {
    fn from(updated: Option<Run>) -> Self {
        updated.map_or(Self::NotUpdated, |run| Self::Updated(Box::new(run)))
    }
}

/// Events to add to one run, all or none.
#[derive(Clone, Debug)]
pub(crate) struct EventBatch {
    /// The run.
    pub(crate) run_id: Uuid,
    /// The events, at least one.
    pub(crate) events: Vec<Event>,
    /// The IDs that the caller chose. None may be that of a run or a user.
    pub(crate) chosen_ids: Vec<Uuid>,
    /// The sources of which the run must be one; `None` allows every source.
    pub(crate) allowed_sources: Option<Vec<SyncSource>>,
    /// The columns of the run to return; `None` does not return it.
    pub(crate) run: Option<RunColumns>,
}

/// The result of adding an [`EventBatch`].
#[derive(Clone, Debug)]
pub(crate) struct InsertedEvents {
    /// The number of events that had been stored before.
    pub(crate) replayed: usize,
    /// The events as they are stored, in no particular order; empty if none had been stored before.
    pub(crate) stored: Vec<Event>,
    /// The `seq` of each event, in the order of the batch, if none had been stored before.
    pub(crate) seqs: Vec<i64>,
    /// The run, if it was to be returned.
    pub(crate) run: Option<Run>,
}
