//! How events come into the ledger: once each, however often they are sent.

use entity::{
    Details, FromColumns,
    sync_event::{self, Column},
    sync_history,
};
use sea_orm::sea_query::{OnConflict, Query, Value};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryTrait, Statement,
};
use tracing::debug;
use uuid::Uuid;

use super::{
    Event, Run, Runs,
    error::{Error, Result},
    input::{NewEvent, is_same},
};
use crate::db::{
    Statements,
    error::{Failure, classify},
    statement::{both, read_all, select},
};

/// Events as a call left them.
#[derive(Clone, Debug)]
pub struct AddedEvents {
    /// In the order they were given.
    pub events: Vec<Event>,
    /// How many of them had been stored before.
    pub replayed: usize,
    /// Their run, if it was asked for and could be read with them.
    pub run: Option<Run>,
}

/// Events on their way into the ledger.
#[derive(Clone, Debug)]
struct NewEvents {
    run_id: Uuid,
    events: Vec<Event>,
    /// Which timestamps are the caller's.
    given: Vec<bool>,
    with_run: bool,
}

impl Runs {
    /// Adds an event to a run, ended or not; tells the run too, if that is asked for and costs less than
    /// to read it.
    ///
    /// # Errors
    /// Bad input, no such run, an id that a different event has, or the database does not answer.
    pub async fn add_event(
        &self,
        run_id: Uuid,
        new: NewEvent,
        with_run: bool,
    ) -> Result<AddedEvents> {
        self.add_events(run_id, vec![new], with_run).await
    }

    /// Adds events to a run, ended or not: all of them or none.
    ///
    /// # Errors
    /// Bad input, no such run, an id that a different event has, or the database does not answer.
    pub async fn add_events(
        &self,
        run_id: Uuid,
        new: Vec<NewEvent>,
        with_run: bool,
    ) -> Result<AddedEvents> {
        if new.len() > self.limits.events_per_call {
            return Err(Error::BadInput(format!(
                "{} events in one call; at most {} are taken, so send them in several",
                new.len(),
                self.limits.events_per_call
            )));
        }
        new.iter().try_for_each(|event| event.check(&self.limits))?;
        if new.is_empty() {
            let run = self.get(run_id).await?;
            return Ok(AddedEvents {
                events: Vec::new(),
                replayed: 0,
                run: Some(run),
            });
        }
        let new = self.events(run_id, new, with_run);
        let added = self.write_events(new).await?;
        self.feed.ring();
        for event in &added.events {
            debug!(%event, "added");
        }
        Ok(added)
    }

    fn events(&self, run_id: Uuid, new: Vec<NewEvent>, with_run: bool) -> NewEvents {
        let given = new.iter().map(|event| event.timestamp.is_some()).collect();
        let events = new.into_iter().map(|new| Event {
            id: new.id.unwrap_or_else(|| self.clock.new_id()),
            sync_id: run_id,
            event_type: new.event_type,
            timestamp: new.timestamp.unwrap_or_else(|| self.clock.now()),
            message: new.message,
            details: new.details.map(Details::Json),
        });
        NewEvents {
            run_id,
            events: events.collect(),
            given,
            with_run,
        }
    }

    async fn write_events(&self, new: NewEvents) -> Result<AddedEvents> {
        if self.database.backend() == DbBackend::Postgres {
            // One statement, which is all or none by itself, and fails if one is there already; only then it
            // takes a transaction to find out whether they are the same.
            let all = new.clone();
            let inserted = self.database.write_with(Statements::One, |connection| {
                Box::pin(async move { insert_with_run(connection, &all).await })
            });
            match inserted.await {
                Err(error) if is_taken(&error) => {}
                inserted => return Ok(new.added(0, inserted?)),
            }
        }
        // One alone is all or none by itself.
        let statements = if new.events.len() > 1 {
            Statements::Several
        } else {
            Statements::One
        };
        self.database
            .write_with(statements, |connection| {
                Box::pin(insert_or_compare(connection, new))
            })
            .await
    }
}

impl NewEvents {
    fn added(self, replayed: usize, run: Option<Run>) -> AddedEvents {
        AddedEvents {
            events: self.events,
            replayed,
            run,
        }
    }

    fn no_run(&self) -> Error {
        Error::NotFound {
            what: "run",
            id: self.run_id,
        }
    }
}

fn is_taken(error: &Error) -> bool {
    matches!(error, Error::Internal(error) if classify(error) == Failure::Duplicate)
}

/// Inserts events, and compares those that were there before. The caller's transaction undoes the rest
/// when one of them differs.
async fn insert_or_compare(
    connection: &impl ConnectionTrait,
    mut new: NewEvents,
) -> Result<AddedEvents> {
    let (inserted, run) = insert_missing(connection, &new).await?;
    let replayed = new.events.len() - inserted;
    if replayed > 0 {
        let mut select = select::<Event>(Event::COLUMNS);
        select.and_where(Column::Id.is_in(new.events.iter().map(|event| event.id)));
        let stored: Vec<Event> = read_all(connection, &select).await?;
        for (event, given) in new.events.iter_mut().zip(&new.given) {
            let Some(stored) = stored.iter().find(|stored| stored.id == event.id) else {
                continue;
            };
            if !is_repetition(event, *given, stored) {
                return Err(Error::IdConflict {
                    what: "event",
                    id: event.id,
                });
            }
            *event = stored.clone();
        }
    }
    Ok(new.added(replayed, run))
}

/// Inserts all into PostgreSQL, or fails: one statement for any number of events, which is planned once,
/// finds their run itself and can tell it too.
async fn insert_with_run(
    connection: &impl ConnectionTrait,
    new: &NewEvents,
) -> Result<Option<Run>> {
    // Stored in the order in which they are given: a join with one run keeps it.
    let (source, values) = match new.events.as_slice() {
        [event] => (
            "$2, $3, $4, $5, nullif($6::text, '')::json FROM run",
            one(event),
        ),
        events => (
            "event.id, type, at, event.message, nullif(event.details, '')::json \
             FROM run, unnest($2::uuid[], $3::text[], $4::timestamptz[], $5::text[], $6::text[]) \
                 AS event (id, type, at, message, details)",
            several(events),
        ),
    };
    let columns = if new.with_run { Run::COLUMNS } else { "id" };
    let sql = format!(
        "WITH run AS (SELECT {columns} FROM sync_history WHERE id = $1), \
         added AS (INSERT INTO sync_event (sync_id, id, event_type, \"timestamp\", message, details) \
             SELECT run.id, {source}) \
         SELECT * FROM run"
    );
    let values = std::iter::once(new.run_id.into()).chain(values);
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
    let row = connection.query_one_raw(statement).await?;
    let row = row.ok_or_else(|| new.no_run())?;
    let run = new.with_run.then(|| Run::from_columns(&row));
    Ok(run.transpose()?)
}

fn one(event: &Event) -> [Value; 5] {
    [
        event.id.into(),
        event.event_type.as_str().into(),
        event.timestamp.into(),
        event.message.as_str().into(),
        text_of_details(event).into(),
    ]
}

fn several(events: &[Event]) -> [Value; 5] {
    let texts = |text: fn(&Event) -> String| events.iter().map(text).collect::<Vec<_>>();
    let ids: Vec<_> = events.iter().map(|event| event.id).collect();
    let timestamps: Vec<_> = events.iter().map(|event| event.timestamp).collect();
    [
        ids.into(),
        texts(|event| event.event_type.clone()).into(),
        timestamps.into(),
        texts(|event| event.message.clone()).into(),
        texts(text_of_details).into(),
    ]
}

/// As JSON; empty where there are none.
fn text_of_details(event: &Event) -> String {
    event.details().map(ToString::to_string).unwrap_or_default()
}

/// Inserts events, but for those whose ids are taken; tells how many, and their run if it is asked for and
/// costs less than to read it.
async fn insert_missing(
    connection: &impl ConnectionTrait,
    new: &NewEvents,
) -> Result<(usize, Option<Run>)> {
    let rows = new
        .events
        .iter()
        .cloned()
        .map(sync_event::ActiveModel::from);
    let mut insert = sync_event::Entity::insert_many(rows.map(ActiveModelTrait::reset_all))
        .on_conflict(OnConflict::column(Column::Id).do_nothing().to_owned())
        .into_query();
    insert.returning(Query::returning().column(Column::Id));
    let backend = connection.get_database_backend();
    let mut statement = backend.build(&insert);
    // On SQLite a second statement sent with the first reads it, since the way to SQLite's thread and back takes
    // longer than either.
    let with_run = new.with_run && backend == DbBackend::Sqlite;
    if with_run {
        let mut read = select::<Run>(Run::COLUMNS);
        read.and_where(sync_history::Column::Id.eq(new.run_id));
        statement = both(statement, backend.build(&read));
    }
    let inserted = connection.query_all_raw(statement).await;
    let mut rows = inserted.map_err(|error| match classify(&error) {
        Failure::ForeignKey => new.no_run(),
        _ => error.into(),
    })?;
    let run = with_run.then(|| rows.pop()).flatten();
    let run = run.as_ref().map(Run::from_columns).transpose()?;
    Ok((rows.len(), run))
}

/// Whether `event` says what `stored` does; a timestamp only if the caller gave one.
fn is_repetition(event: &Event, timestamp_given: bool, stored: &Event) -> bool {
    let same_details = match (event.details(), stored.details()) {
        (Some(one), Some(other)) => is_same(one, other),
        (one, other) => one == other,
    };
    event.sync_id == stored.sync_id
        && event.event_type == stored.event_type
        && event.message == stored.message
        && (!timestamp_given || event.timestamp == stored.timestamp)
        && same_details
}
