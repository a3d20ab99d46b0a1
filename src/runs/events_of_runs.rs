//! The events of several runs: what a page of runs asks for, of all its runs at once.
//!
//! All that ask the same of different runs are one short statement, whatever their number: their ids
//! are one value, and a limit is written out, so that PostgreSQL plans it once and keeps the plan. (It
//! takes a limit it does not know for a tenth of all rows, finds its own plan too dear, and plans
//! anew every time.) Each run's events come in one row, since rows are what costs.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use entity::{Details, sync_event};
use futures_util::future::try_join_all;
use sea_orm::sea_query::{Expr, ExprTrait, SelectStatement};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, RuntimeErr, Statement};
use serde::Deserialize;
use sqlx::{Row, postgres::PgRow, sqlite::SqliteRow};
use uuid::Uuid;

use super::{Event, Result, Runs, filter::EventFilter, reads::event_order};
use crate::db::{
    ScanTime,
    page::{Page, Rows},
};

/// One run's events: what a page of them, or their number, is asked by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventsOfRun<What> {
    /// Whose.
    pub run_id: Uuid,
    /// Which of them.
    pub filter: EventFilter,
    /// An [`EventPage`], or how far to count.
    pub what: What,
}

/// What is read of a run's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EventPage {
    /// Which.
    pub page: Page,
    /// Whether their details are read; otherwise they are left out.
    pub with_details: bool,
}

/// Runs of which the same is asked.
struct Group<'a, What> {
    filter: &'a EventFilter,
    what: What,
    /// Each run's, and which of all that are asked for it is.
    asked: Vec<(usize, Uuid)>,
}

/// What each of several runs is asked for: an answer's text, to be completed by the database's own.
struct Parts {
    /// What is answered of a run.
    answer: &'static str,
    /// The run's events, without their limit.
    events: Statement,
    limit: u64,
}

impl Runs {
    /// Pages of the events of several runs, oldest first, in the order in which they are asked for.
    ///
    /// # Errors
    /// The database does not answer, or has too much to read.
    pub async fn list_events_of_runs(
        &self,
        pages: &[EventsOfRun<EventPage>],
    ) -> Result<Vec<Option<Rows<Event>>>> {
        let time = ScanTime::default();
        let groups = groups(pages);
        let read = groups.iter().map(async |group| {
            let EventPage { page, with_details } = group.what;
            let columns = if with_details {
                "id, event_type, \"timestamp\", message, details"
            } else {
                "id, event_type, \"timestamp\", message"
            };
            let select = self.events_of_run(group.filter, columns);
            let mut select = event_order(false).select(select, &page);
            let parts = Parts {
                answer: answer(self.database.backend(), with_details),
                events: self.database.backend().build(select.reset_limit()),
                limit: page.to_read(),
            };
            let rows = self.ask_of_each(group, parts, &time).await?;
            let mut found = Vec::with_capacity(rows.len());
            for (asked, row) in rows {
                let mut events = read_events(&row, pages[asked].run_id, with_details)?;
                // The database has sorted them, and says of no aggregate that it keeps the order.
                events.sort_unstable_by_key(|event| (event.timestamp, event.id));
                if page.from_end {
                    events.reverse();
                }
                found.push((asked, Rows::from_read(events, &page)));
            }
            Result::Ok(found)
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
        counts: &[EventsOfRun<u32>],
    ) -> Result<Vec<Option<u32>>> {
        let time = ScanTime::default();
        let groups = groups(counts);
        let read = groups.iter().map(async |group| {
            let select = self.events_of_run(group.filter, "id");
            let parts = Parts {
                answer: "count(*)",
                events: self.database.backend().build(&select),
                limit: group.what.into(),
            };
            let rows = self.ask_of_each(group, parts, &time).await?;
            let counted = rows.into_iter().map(|(asked, row)| {
                let count: i64 = row.try_get_by_index(1)?;
                Ok((asked, u32::try_from(count).unwrap_or(group.what)))
            });
            counted.collect::<Result<Vec<_>>>()
        });
        Ok(in_order(counts.len(), try_join_all(read).await?))
    }

    /// The events that match, of the run that the statement around it is at.
    fn events_of_run(&self, filter: &EventFilter, columns: &'static str) -> SelectStatement {
        let run = match self.database.backend() {
            DbBackend::Postgres => Expr::cust("run.id"),
            _ => Expr::cust("unhex(run.value)"),
        };
        let mut select = self.matching_events(filter, columns);
        select.and_where(Expr::col(sync_event::Column::SyncId).eq(run));
        select
    }

    /// Asks the same of all runs of a group in one statement; each row comes with whose it is.
    async fn ask_of_each<What>(
        &self,
        group: &Group<'_, What>,
        parts: Parts,
        time: &ScanTime,
    ) -> Result<Vec<(usize, QueryResult)>> {
        let ids = group.asked.iter().map(|(_, run_id)| *run_id);
        let statement = of_each_run(self.database.backend(), parts, ids);
        let read = self.read(group.filter.is_lean(), time, async |connection| {
            connection.query_all_raw(statement).await
        });
        let rows = read.await?.into_iter().map(|row| {
            let index: i64 = row.try_get_by_index(0)?;
            let asked = usize::try_from(index).ok().and_then(|i| group.asked.get(i));
            let asked = asked.ok_or_else(|| DbErr::Custom(format!("no run {index}")))?;
            Ok((asked.0, row))
        });
        rows.collect()
    }
}

/// Those together of whom the same is asked, in no order.
fn groups<What: Copy + Eq>(all: &[EventsOfRun<What>]) -> Vec<Group<'_, What>> {
    let mut groups: Vec<Group<'_, What>> = Vec::new();
    for (index, asked) in all.iter().enumerate() {
        // They come list by list, so that it mostly is the last one.
        let is_its = |group: &&mut Group<'_, What>| {
            group.what == asked.what && *group.filter == asked.filter
        };
        let entry = (index, asked.run_id);
        match groups.iter_mut().rev().find(is_its) {
            Some(group) => group.asked.push(entry),
            None => groups.push(Group {
                filter: &asked.filter,
                what: asked.what,
                asked: vec![entry],
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

/// What is answered of a run whose events are listed: a column of each of theirs, or, since SQLite has
/// no arrays, JSON of all. A blob that another writer left there is no JSON; as text it is.
fn answer(backend: DbBackend, with_details: bool) -> &'static str {
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

/// A row for each run: its place among the ids, and what is answered of it.
fn of_each_run(backend: DbBackend, parts: Parts, ids: impl Iterator<Item = Uuid>) -> Statement {
    let Parts {
        answer,
        events: Statement { sql, values, .. },
        limit,
    } = parts;
    let mut values = values.map_or_else(Vec::new, |values| values.0);
    // One text: it takes no more of what a statement can be given, however many they are.
    let ids = match backend {
        DbBackend::Postgres => listed(ids, ["{", "", "}"]),
        _ => listed(ids, ["[", "\"", "]"]),
    };
    values.push(ids.into());
    let last = values.len();
    let sql = match backend {
        DbBackend::Postgres => format!(
            "SELECT run.place - 1, events.* \
             FROM unnest(${last}::text::uuid[]) WITH ORDINALITY AS run (id, place) \
             CROSS JOIN LATERAL (SELECT {answer} FROM ({sql} LIMIT {limit}) AS event) AS events"
        ),
        _ => format!(
            "SELECT run.key, (SELECT {answer} FROM ({sql} LIMIT {limit}) AS event) \
             FROM json_each(?) AS run"
        ),
    };
    Statement::from_sql_and_values(backend, sql, values)
}

/// The ids as one text, with what is put before all, around each, and behind all.
fn listed(ids: impl Iterator<Item = Uuid>, [before, around, behind]: [&str; 3]) -> String {
    let ids = ids.map(|id| format!("{around}{}{around}", id.simple()));
    let ids: Vec<_> = ids.collect();
    format!("{before}{}{behind}", ids.join(","))
}

/// The events in a row of [`of_each_run`], behind its first column.
fn read_events(
    row: &QueryResult,
    run_id: Uuid,
    with_details: bool,
) -> std::result::Result<Vec<Event>, DbErr> {
    if let Some(row) = row.try_as_pg_row() {
        let failed = |error| DbErr::Query(RuntimeErr::SqlxError(Arc::new(error)));
        return read_arrays(row, run_id, with_details).map_err(failed);
    }
    let row = row.try_as_sqlite_row();
    let row = row.ok_or_else(|| DbErr::Custom("a row of no known database".to_owned()))?;
    read_json(row, run_id)
}

fn read_arrays(row: &PgRow, run_id: Uuid, with_details: bool) -> sqlx::Result<Vec<Event>> {
    // NULL where there are none.
    let ids: Option<Vec<Uuid>> = row.try_get(1)?;
    let Some(ids) = ids else {
        return Ok(Vec::new());
    };
    let types: Vec<String> = row.try_get(2)?;
    let timestamps: Vec<DateTime<Utc>> = row.try_get(3)?;
    let messages: Vec<String> = row.try_get(4)?;
    let details: Vec<Option<String>> = if with_details {
        row.try_get(5)?
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

/// What [`answer`] has of an event; on SQLite as JSON.
#[derive(Deserialize)]
struct ReadEvent(
    Uuid,
    String,
    DateTime<Utc>,
    String,
    #[serde(default)] Option<String>,
);

fn read_json(row: &SqliteRow, run_id: Uuid) -> std::result::Result<Vec<Event>, DbErr> {
    let failed = |error| DbErr::Query(RuntimeErr::SqlxError(Arc::new(error)));
    let json: &[u8] = row.try_get_unchecked(1).map_err(failed)?;
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
        details: details.map(|text| Details::read(text.as_bytes())),
    }
}
