//! The events of several runs: what a page of runs asks for, of all its runs at once.
//!
//! All that ask the same of different runs are one short statement, whatever their number: their ids
//! are one value, and a limit is written out, so that PostgreSQL plans it once and keeps the plan. (It
//! takes a limit it does not know for a tenth of all rows, finds its own plan too dear, and plans
//! anew every time.) Each run's events come in one row, since rows are what costs.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use entity::{StoredJson, event};
use futures_util::future::try_join_all;
use sea_orm::sea_query::{Expr, ExprTrait, Query, SelectStatement};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, RuntimeErr, Statement};
use serde::Deserialize;
use sqlx::{Row, postgres::PgRow, sqlite::SqliteRow};
use uuid::Uuid;

use super::{
    Event,
    filter::EventFilter,
    list::{event_order, matching_events},
};
use crate::{
    db::{
        ScanBudget,
        keyset::{PageRequest, PageRows},
        query::with_limit,
    },
    runs::{Result, Runs},
};

/// What is asked of a run's events.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventQuery<What> {
    /// Which of them.
    pub filter: EventFilter,
    /// An [`EventPageSpec`], or how far to count.
    pub what: What,
}

/// What is asked of one run's events.
#[derive(Clone, Debug)]
pub struct RunEventKey<What> {
    /// Whose.
    pub run_id: Uuid,
    /// What.
    pub asked: EventQuery<What>,
}

/// What is read of a run's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EventPageSpec {
    /// Which.
    pub page: PageRequest,
    /// Whether their details are read; otherwise they are left out.
    pub with_details: bool,
}

/// Runs of which the same is asked.
struct Group<'a, What> {
    asked: &'a EventQuery<What>,
    /// Each run's id, and which of all that are asked for it is.
    of: Vec<(usize, Uuid)>,
}

impl Runs {
    /// Pages of the events of several runs, oldest first, in the order in which they are asked for.
    ///
    /// # Errors
    /// The database does not answer, or has too much to read.
    pub async fn list_events_of_runs(
        &self,
        pages: &[RunEventKey<EventPageSpec>],
    ) -> Result<Vec<Option<PageRows<Event>>>> {
        let time = ScanBudget::default();
        let backend = self.database.backend();
        let groups = groups(pages);
        let read = groups.iter().map(async |group| {
            let answer = group.asked.page_subquery(backend, run_of_each(backend));
            let rows = self.ask_of_each(group, &answer, &time).await?;
            let pages = rows.into_iter().map(|(index, row)| {
                let run_id = pages[index].run_id;
                Ok((index, group.asked.what.read(&row, 1, run_id)?))
            });
            pages.collect::<Result<Vec<_>>>()
        });
        Ok(in_order(pages.len(), try_join_all(read).await?))
    }

    /// The numbers of events of several runs, each counted up to its bound, in the order in which they are
    /// asked for.
    ///
    /// # Errors
    /// The database does not answer, or has too much to read.
    pub async fn count_events_of_runs(
        &self,
        counts: &[RunEventKey<u32>],
    ) -> Result<Vec<Option<u32>>> {
        let time = ScanBudget::default();
        let backend = self.database.backend();
        let groups = groups(counts);
        let read = groups.iter().map(async |group| {
            let EventQuery { filter, what } = group.asked;
            let mut events = events_of(backend, filter, run_of_each(backend), "id");
            let answer = page_subquery("count(*)", events.limit((*what).into()).take());
            let rows = self.ask_of_each(group, &answer, &time).await?;
            let counted = rows.into_iter().map(|(index, row)| {
                let count: i64 = row.try_get_by_index(1)?;
                Ok((index, u32::try_from(count).unwrap_or(*what)))
            });
            counted.collect::<Result<Vec<_>>>()
        });
        Ok(in_order(counts.len(), try_join_all(read).await?))
    }

    /// Asks the same of all runs of a group in one statement; each row comes with whose it is.
    async fn ask_of_each<What>(
        &self,
        group: &Group<'_, What>,
        answer: &SelectStatement,
        time: &ScanBudget,
    ) -> Result<Vec<(usize, QueryResult)>> {
        let ids = group.of.iter().map(|(_, run_id)| *run_id);
        let statement = lateral_per_run(self.database.backend(), answer, ids);
        let read = self.read(group.asked.filter.is_indexed(), time, async |connection| {
            connection.query_all_raw(statement).await
        });
        let rows = read.await?.into_iter().map(|row| {
            let place: i64 = row.try_get_by_index(0)?;
            let of = usize::try_from(place).ok().and_then(|i| group.of.get(i));
            let of = of.ok_or_else(|| DbErr::Custom(format!("no run {place}")))?;
            Ok((of.0, row))
        });
        rows.collect()
    }
}

/// Those together of whom the same is asked, in no order.
fn groups<What: Eq>(all: &[RunEventKey<What>]) -> Vec<Group<'_, What>> {
    let mut groups: Vec<Group<'_, What>> = Vec::new();
    for (index, RunEventKey { run_id, asked }) in all.iter().enumerate() {
        // They come list by list, so that it mostly is the last one.
        let mut known = groups.iter_mut().rev();
        match known.find(|group| group.asked == asked) {
            Some(group) => group.of.push((index, *run_id)),
            None => groups.push(Group {
                asked,
                of: vec![(index, *run_id)],
            }),
        }
    }
    groups
}

/// What was read of groups, in the order in which it was asked for.
fn in_order<T>(count: usize, read: Vec<Vec<(usize, T)>>) -> Vec<Option<T>> {
    let mut all: Vec<_> = std::iter::repeat_with(|| None).take(count).collect();
    for (index, one) in read.into_iter().flatten() {
        all[index] = Some(one);
    }
    all
}

impl EventQuery<EventPageSpec> {
    /// The page of a run's events as one row, of the run that the statement around it is at.
    pub(crate) fn page_subquery(&self, backend: DbBackend, run: &'static str) -> SelectStatement {
        let EventPageSpec { page, with_details } = self.what;
        let columns = if with_details {
            "id, event_type, \"timestamp\", message, details"
        } else {
            "id, event_type, \"timestamp\", message"
        };
        let events = events_of(backend, &self.filter, run, columns);
        let events = event_order(false).select(events, &page);
        page_subquery(events_as_one(backend, with_details), events)
    }
}

impl EventPageSpec {
    /// How many columns its answer has.
    pub(crate) fn columns(self, backend: DbBackend) -> usize {
        match (backend, self.with_details) {
            (DbBackend::Postgres, false) => 4,
            (DbBackend::Postgres, true) => 5,
            _ => 1,
        }
    }

    /// Reads its answer, which begins at this column.
    pub(crate) fn read(
        self,
        row: &QueryResult,
        first: usize,
        run_id: Uuid,
    ) -> std::result::Result<PageRows<Event>, DbErr> {
        let mut events = read_events(row, first, run_id, self.with_details)?;
        // The database has sorted them, and says of no aggregate that it keeps the order.
        events.sort_unstable_by_key(|event| (event.timestamp, event.id));
        if self.page.from_end {
            events.reverse();
        }
        Ok(PageRows::from_read(events, &self.page))
    }
}

/// The events that match, of the run that the statement around it is at.
fn events_of(
    backend: DbBackend,
    filter: &EventFilter,
    run: &'static str,
    columns: &'static str,
) -> SelectStatement {
    let is_its = Expr::col(event::Column::SyncId).eq(Expr::cust(run));
    matching_events(backend, filter, columns)
        .and_where(is_its)
        .take()
}

/// What an aggregate answers of events.
fn page_subquery(aggregate: &'static str, events: SelectStatement) -> SelectStatement {
    Query::select()
        .expr(Expr::cust(aggregate))
        .from_subquery(events, "event")
        .take()
}

/// What is answered of a run whose events are listed: a column of each of theirs, or, since SQLite has
/// no arrays, JSON of all. A blob that another writer left there is no JSON; as text it is.
fn events_as_one(backend: DbBackend, with_details: bool) -> &'static str {
    match (backend, with_details) {
        (DbBackend::Postgres, false) => {
            "array_agg(id), array_agg(event_type::text), array_agg(\"timestamp\"), \
             array_agg(message)"
        }
        (DbBackend::Postgres, true) => {
            "array_agg(id), array_agg(event_type::text), array_agg(\"timestamp\"), \
             array_agg(message), array_agg(details::text)"
        }
        (_, false) => {
            "json_group_array(json_array(hex(id), CAST(event_type AS text), \"timestamp\", \
             CAST(message AS text)))"
        }
        (_, true) => {
            "json_group_array(json_array(hex(id), CAST(event_type AS text), \"timestamp\", \
             CAST(message AS text), CAST(details AS text)))"
        }
    }
}

/// The id of the run that [`lateral_per_run`] is at.
fn run_of_each(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Postgres => "run.id",
        _ => "unhex(run.value)",
    }
}

/// A row for each run: its place among the ids, and what is answered of it.
fn lateral_per_run(
    backend: DbBackend,
    answer: &SelectStatement,
    ids: impl Iterator<Item = Uuid>,
) -> Statement {
    let Statement { sql, values, .. } = with_limit(answer, backend);
    let mut values = values.map_or_else(Vec::new, |values| values.0);
    // One text: it takes no more of what a statement can be given, however many they are.
    let ids = match backend {
        DbBackend::Postgres => id_list(ids, ["{", "", "}"]),
        _ => id_list(ids, ["[", "\"", "]"]),
    };
    values.push(ids.into());
    let last = values.len();
    let sql = match backend {
        DbBackend::Postgres => format!(
            "SELECT run.place - 1, events.* \
             FROM unnest(${last}::text::uuid[]) WITH ORDINALITY AS run (id, place) \
             CROSS JOIN LATERAL ({sql}) AS events"
        ),
        _ => format!("SELECT run.key, ({sql}) FROM json_each(?) AS run"),
    };
    Statement::from_sql_and_values(backend, sql, values)
}

/// The ids as one text, with what is put before all, around each, and behind all.
fn id_list(ids: impl Iterator<Item = Uuid>, [before, around, behind]: [&str; 3]) -> String {
    let ids = ids.map(|id| format!("{around}{}{around}", id.simple()));
    let ids: Vec<_> = ids.collect();
    format!("{before}{}{behind}", ids.join(","))
}

/// The events that a row has from a column on.
fn read_events(
    row: &QueryResult,
    first: usize,
    run_id: Uuid,
    with_details: bool,
) -> std::result::Result<Vec<Event>, DbErr> {
    if let Some(row) = row.try_as_pg_row() {
        let failed = |error| DbErr::Query(RuntimeErr::SqlxError(Arc::new(error)));
        return read_arrays(row, first, run_id, with_details).map_err(failed);
    }
    let row = row.try_as_sqlite_row();
    let row = row.ok_or_else(|| DbErr::Custom("a row of no known database".to_owned()))?;
    read_json(row, first, run_id)
}

fn read_arrays(
    row: &PgRow,
    first: usize,
    run_id: Uuid,
    with_details: bool,
) -> sqlx::Result<Vec<Event>> {
    // NULL where there are none.
    let ids: Option<Vec<Uuid>> = row.try_get(first)?;
    let Some(ids) = ids else {
        return Ok(Vec::new());
    };
    let types: Vec<String> = row.try_get(first + 1)?;
    let timestamps: Vec<DateTime<Utc>> = row.try_get(first + 2)?;
    let messages: Vec<String> = row.try_get(first + 3)?;
    let details: Vec<Option<String>> = if with_details {
        row.try_get(first + 4)?
    } else {
        vec![None; ids.len()]
    };
    let columns = ids.into_iter().zip(types).zip(timestamps);
    let events = columns.zip(messages).zip(details);
    let events = events.map(|((((id, event_type), timestamp), message), details)| {
        event(
            run_id,
            ReadEvent(id, event_type, timestamp, message, details),
        )
    });
    Ok(events.collect())
}

/// What [`events_as_one`] has of an event; on SQLite as JSON.
#[derive(Deserialize)]
struct ReadEvent(
    Uuid,
    String,
    DateTime<Utc>,
    String,
    #[serde(default)] Option<String>,
);

fn read_json(
    row: &SqliteRow,
    first: usize,
    run_id: Uuid,
) -> std::result::Result<Vec<Event>, DbErr> {
    let failed = |error| DbErr::Query(RuntimeErr::SqlxError(Arc::new(error)));
    let json: &[u8] = row.try_get_unchecked(first).map_err(failed)?;
    // Other writers may store bytes that are no text.
    let events = serde_json::from_str(&String::from_utf8_lossy(json));
    let events: Vec<ReadEvent> = events.map_err(|error| DbErr::Json(error.to_string()))?;
    let events = events.into_iter().map(|read| event(run_id, read));
    Ok(events.collect())
}

fn event(run_id: Uuid, read: ReadEvent) -> Event {
    let ReadEvent(id, event_type, timestamp, message, details) = read;
    Event {
        id,
        sync_id: run_id,
        event_type,
        timestamp,
        message,
        details: details.map(|text| StoredJson::parse(text.as_bytes())),
    }
}
