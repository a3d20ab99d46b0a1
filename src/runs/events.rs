//! How events come into the ledger: once each, however often they are sent.

use entity::{
    Details,
    sync_event::{self, Column},
};
use sea_orm::sea_query::{OnConflict, Query};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryTrait,
};
use tracing::debug;
use uuid::Uuid;

use super::{
    Event, Runs,
    error::{Error, Result},
    input::{NewEvent, is_same},
};
use crate::db::{
    Statements,
    error::{Failure, classify},
};

/// Events as a call left them.
#[derive(Clone, Debug)]
pub struct AddedEvents {
    /// In the order they were given.
    pub events: Vec<Event>,
    /// How many of them had been stored before.
    pub replayed: usize,
}

impl Runs {
    /// Adds an event to a run, ended or not.
    ///
    /// # Errors
    /// Bad input, no such run, an id that a different event has, or the database does not answer.
    pub async fn add_event(&self, run_id: Uuid, new: NewEvent) -> Result<(Event, bool)> {
        let mut added = self.add_events(run_id, vec![new]).await?;
        let event = added
            .events
            .pop()
            .unwrap_or_else(|| unreachable!("one was added"));
        Ok((event, added.replayed == 1))
    }

    /// Adds events to a run, ended or not: all of them or none.
    ///
    /// # Errors
    /// Bad input, no such run, an id that a different event has, or the database does not answer.
    pub async fn add_events(&self, run_id: Uuid, new: Vec<NewEvent>) -> Result<AddedEvents> {
        if new.len() > self.limits.events_per_call {
            return Err(Error::BadInput(format!(
                "{} events in one call; at most {} are taken, so send them in several",
                new.len(),
                self.limits.events_per_call
            )));
        }
        new.iter().try_for_each(|event| event.check(&self.limits))?;
        if new.is_empty() {
            self.get(run_id).await?;
            return Ok(AddedEvents {
                events: Vec::new(),
                replayed: 0,
            });
        }
        // Events without an id of the worker's cannot be there already, and one alone is all or
        // none by itself.
        let statements = if new.len() > 1 && new.iter().any(|event| event.id.is_some()) {
            Statements::Several
        } else {
            Statements::One
        };
        let given: Vec<bool> = new.iter().map(|event| event.timestamp.is_some()).collect();
        let events: Vec<Event> = new.into_iter().map(|new| self.event(run_id, new)).collect();
        let added = self
            .database
            .write_with(statements, |connection| {
                Box::pin(insert_events(connection, events, given))
            })
            .await?;
        self.feed.ring();
        for event in &added.events {
            debug!(%event, "added");
        }
        Ok(added)
    }

    fn event(&self, run_id: Uuid, new: NewEvent) -> Event {
        Event {
            id: new.id.unwrap_or_else(|| self.clock.new_id()),
            sync_id: run_id,
            event_type: new.event_type,
            timestamp: new.timestamp.unwrap_or_else(|| self.clock.now()),
            message: new.message,
            details: new.details.map(Details::Json),
        }
    }
}

/// Inserts events of one run, and compares those that were there before. The caller's transaction
/// undoes the rest when one of them differs. `given` says which timestamps are the caller's.
async fn insert_events(
    connection: &impl ConnectionTrait,
    mut events: Vec<Event>,
    given: Vec<bool>,
) -> Result<AddedEvents> {
    let rows = events.iter().cloned().map(sync_event::ActiveModel::from);
    let mut insert = sync_event::Entity::insert_many(rows.map(ActiveModelTrait::reset_all))
        .on_conflict(OnConflict::column(Column::Id).do_nothing().to_owned())
        .into_query();
    insert.returning(Query::returning().column(Column::Id));
    let run_id = events[0].sync_id;
    let inserted = connection
        .query_all(&insert)
        .await
        .map_err(|error| match classify(&error) {
            Failure::ForeignKey => Error::NotFound {
                what: "run",
                id: run_id,
            },
            _ => error.into(),
        })?;
    let replayed = events.len() - inserted.len();
    if replayed > 0 {
        let ids = events.iter().map(|event| event.id);
        let stored = sync_event::Entity::find()
            .filter(Column::Id.is_in(ids))
            .all(connection)
            .await?;
        for (event, given) in events.iter_mut().zip(given) {
            let Some(stored) = stored.iter().find(|stored| stored.id == event.id) else {
                continue;
            };
            if !is_repetition(event, given, stored) {
                return Err(Error::IdConflict {
                    what: "event",
                    id: event.id,
                });
            }
            *event = stored.clone();
        }
    }
    Ok(AddedEvents { events, replayed })
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
