//! How events come into the ledger: once each, however often they are sent.

use entity::{
    FromColumns, StoredJson,
    event::{self, Column},
    run,
};
use sea_orm::sea_query::{OnConflict, Query, Value};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, QueryResult,
    QueryTrait, Statement,
};
use tracing::debug;
use uuid::Uuid;

use super::{Event, commands::NewEvent};
use crate::{
    db::{
        error::{Failure, classify},
        query::{read_all, select},
    },
    runs::{Error, Result, Run, RunColumns, Runs, commands::is_same},
};

/// Events as a call left them.
#[derive(Clone, Debug)]
pub struct AddedEvents {
    /// In the order they were given.
    pub events: Vec<Event>,
    /// How many of them had been stored before.
    pub replayed: usize,
    /// Their run, if it was asked for and could be read with them, as far as it was.
    pub run: Option<Run>,
}

/// Events on their way into the ledger.
#[derive(Clone, Debug)]
struct NewEvents {
    run_id: Uuid,
    events: Vec<Event>,
    /// Which timestamps are the caller's.
    given: Vec<bool>,
    run: Option<RunColumns>,
}

impl Runs {
    /// Adds an event to a run, ended or not; tells the run too, as far as that is asked for, if it costs less
    /// than to read it.
    ///
    /// # Errors
    /// Bad input, no such run, an id that a different event has, or the database does not answer.
    pub async fn add_event(
        &self,
        run_id: Uuid,
        new: NewEvent,
        run: Option<RunColumns>,
    ) -> Result<AddedEvents> {
        self.add_events(run_id, vec![new], run).await
    }

    /// Adds events to a run, ended or not: all of them or none.
    ///
    /// # Errors
    /// Bad input, no such run, an id that a different event has, or the database does not answer.
    pub async fn add_events(
        &self,
        run_id: Uuid,
        new: Vec<NewEvent>,
        run: Option<RunColumns>,
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
        let new = self.events(run_id, new, run);
        let added = self.write_events(new).await?;
        self.changes.notify();
        for event in &added.events {
            debug!(%event, "added");
        }
        Ok(added)
    }

    fn events(&self, run_id: Uuid, new: Vec<NewEvent>, run: Option<RunColumns>) -> NewEvents {
        let given = new.iter().map(|event| event.timestamp.is_some()).collect();
        let events = new.into_iter().map(|new| Event {
            id: new.id.unwrap_or_else(|| self.clock.new_id()),
            sync_id: run_id,
            event_type: new.event_type,
            timestamp: new.timestamp.unwrap_or_else(|| self.clock.now()),
            message: new.message,
            details: new.details.map(StoredJson::Json),
        });
        NewEvents {
            run_id,
            events: events.collect(),
            given,
            run,
        }
    }

    async fn write_events(&self, new: NewEvents) -> Result<AddedEvents> {
        let database = &self.database;
        let backend = database.backend();
        if backend == DbBackend::Postgres {
            // One statement, which is all or none by itself, and fails if one is there already; only then it
            // takes more to find out whether they are the same.
            match database.write_one(new.insert_with_run()).await {
                Err(error) if classify(&error) == Failure::Duplicate => {}
                rows => return new.all_added(rows),
            }
        }
        database
            .transaction(move |connection| {
                Box::pin(async move {
                    let insert = new.insert_missing(backend);
                    let rows = connection.query_all_raw(insert).await;
                    let rows = rows.map_err(|error| new.failure(error))?;
                    let run = match new.read_run(backend) {
                        Some(read) => connection.query_one_raw(read).await?,
                        None => None,
                    };
                    let replayed = new.events.len() - rows.len();
                    new.added(replayed, run.as_ref(), connection).await
                })
            })
            .await
    }
}

impl NewEvents {
    /// Inserts all into PostgreSQL, or fails: one statement for any number of events, which is planned once,
    /// finds their run itself and can tell it too.
    fn insert_with_run(&self) -> Statement {
        // Stored in the order in which they are given: a join with one run keeps it.
        let (source, values) = match self.events.as_slice() {
            [event] => (
                match event.details() {
                    Some(_) => "$2, $3, $4, $5, $6::text::json FROM run",
                    None => "$2, $3, $4, $5, NULL FROM run",
                },
                one(event),
            ),
            events => (
                "event.id, type, at, event.message, nullif(event.details, '')::json \
                 FROM run, unnest($2::uuid[], $3::text[], $4::timestamptz[], $5::text[], $6::text[]) \
                     AS event (id, type, at, message, details)",
                several(events),
            ),
        };
        let columns = self.run.map_or("id", RunColumns::columns);
        let sql = format!(
            "WITH run AS (SELECT {columns} FROM sync_history WHERE id = $1), \
             added AS (INSERT INTO sync_event (sync_id, id, event_type, \"timestamp\", message, details) \
                 SELECT run.id, {source}) \
             SELECT * FROM run"
        );
        let values = std::iter::once(self.run_id.into()).chain(values);
        Statement::from_sql_and_values(DbBackend::Postgres, sql, values)
    }

    /// What has come of [`insert_with_run`](Self::insert_with_run), by its rows.
    fn all_added(self, rows: std::result::Result<Vec<QueryResult>, DbErr>) -> Result<AddedEvents> {
        let mut rows = rows.map_err(|error| self.failure(error))?;
        let row = rows.pop().ok_or_else(|| self.no_run())?;
        let run = self.run.map(|_| Run::from_columns(&row));
        Ok(AddedEvents {
            events: self.events,
            replayed: 0,
            run: run.transpose()?,
        })
    }

    /// Inserts all but those whose ids are taken.
    fn insert_missing(&self, backend: DbBackend) -> Statement {
        let rows = self.events.iter().cloned();
        let rows = rows.map(event::ActiveModel::from);
        let mut insert = event::Entity::insert_many(rows.map(ActiveModelTrait::reset_all))
            .on_conflict(OnConflict::column(Column::Id).do_nothing().to_owned())
            .into_query();
        insert.returning(Query::returning().column(Column::Id));
        backend.build(&insert)
    }

    /// Reads the run on SQLite, as far as it is to be told.
    fn read_run(&self, backend: DbBackend) -> Option<Statement> {
        let run = self.run.filter(|_| backend == DbBackend::Sqlite)?;
        let mut read = select::<Run>(run.columns());
        read.and_where(run::Column::Id.eq(self.run_id));
        Some(backend.build(&read))
    }

    /// What has come of them, of which so many were there before; those are compared. The caller's transaction
    /// undoes the rest when one of them differs.
    async fn added(
        mut self,
        replayed: usize,
        run: Option<&QueryResult>,
        connection: &impl ConnectionTrait,
    ) -> Result<AddedEvents> {
        if replayed > 0 {
            self.compare(connection).await?;
        }
        Ok(AddedEvents {
            events: self.events,
            replayed,
            run: run.map(Run::from_columns).transpose()?,
        })
    }

    /// Puts what is stored in place of each, and fails if that says something else.
    async fn compare(&mut self, connection: &impl ConnectionTrait) -> Result<()> {
        let mut select = select::<Event>(Event::COLUMNS);
        select.and_where(Column::Id.is_in(self.events.iter().map(|event| event.id)));
        let stored: Vec<Event> = read_all(connection, select).await?;
        for (event, given) in self.events.iter_mut().zip(&self.given) {
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
        Ok(())
    }

    fn failure(&self, error: DbErr) -> Error {
        match classify(&error) {
            Failure::ForeignKey => self.no_run(),
            _ => error.into(),
        }
    }

    fn no_run(&self) -> Error {
        Error::NotFound {
            what: "run",
            id: self.run_id,
        }
    }
}

fn one(event: &Event) -> Vec<Value> {
    let mut values = vec![
        event.id.into(),
        event.event_type.as_str().into(),
        event.timestamp.into(),
        event.message.as_str().into(),
    ];
    values.extend(event.details().map(|details| details.to_string().into()));
    values
}

fn several(events: &[Event]) -> Vec<Value> {
    let texts = |text: fn(&Event) -> String| events.iter().map(text).collect::<Vec<_>>();
    let ids: Vec<_> = events.iter().map(|event| event.id).collect();
    let timestamps: Vec<_> = events.iter().map(|event| event.timestamp).collect();
    let details = |event: &Event| event.details().map(ToString::to_string).unwrap_or_default();
    vec![
        ids.into(),
        texts(|event| event.event_type.clone()).into(),
        timestamps.into(),
        texts(|event| event.message.clone()).into(),
        texts(details).into(),
    ]
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
