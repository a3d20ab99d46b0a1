//! Adding events to a run: once each, however often they are sent.

use entity::{Details, SyncSource, run};
use sea_orm::DbErr;
use serde_json::Value as Json;
use tracing::debug;
use uuid::Uuid;

use super::{Event, Events, commands::NewEvent};
use crate::{
    db::error::{Failure, classify},
    runs::{Error, Result, Run, RunColumns, WriteScope, commands::is_equal_json},
    store::EventBatch,
};

/// The result of a call that adds an event.
#[derive(Clone, Debug)]
pub struct AddedEvent {
    /// The event as stored.
    pub event: Event,
    /// Whether it had been stored before.
    pub replayed: bool,
    /// The selected columns of the run; `None` if none were selected.
    pub run: Option<Run>,
}

/// The result of a call that adds events.
#[derive(Clone, Debug)]
pub struct AddedEvents {
    /// The events as stored, in the order of the input.
    pub events: Vec<Event>,
    /// The number of events that had been stored before.
    pub replayed: usize,
    /// The selected columns of the run; `None` if none were selected.
    pub run: Option<Run>,
}

impl Events {
    /// Adds an event to a run, whether or not the run has ended, and returns the selected columns of the run.
    ///
    /// # Errors
    /// As [`add_many`](Self::add_many).
    pub async fn add(
        &self,
        run_id: Uuid,
        new: NewEvent,
        scope: &WriteScope,
        run: Option<RunColumns>,
    ) -> Result<AddedEvent> {
        let mut added = self.add_many(run_id, vec![new], scope, run).await?;
        Ok(AddedEvent {
            event: added.events.pop().ok_or(DbErr::RecordNotInserted)?,
            replayed: added.replayed > 0,
            run: added.run,
        })
    }

    /// Adds events to a run, all or none, whether or not the run has ended, and returns the selected columns of the run.
    /// Idempotent per event ID: an event that is already stored is not added again.
    ///
    /// # Errors
    /// Returns [`Error::BadInput`] if the input is invalid, [`Error::NotFound`] if there is no such run,
    /// [`Error::SourceNotAllowed`] if `scope` does not include its source, [`Error::IdConflict`] if an ID belongs to a
    /// different event, a run or a user, and an error if the database is unavailable.
    pub async fn add_many(
        &self,
        run_id: Uuid,
        new: Vec<NewEvent>,
        scope: &WriteScope,
        run: Option<RunColumns>,
    ) -> Result<AddedEvents> {
        if new.len() > self.limits.events_per_call {
            return Err(Error::BadInput(format!(
                "{} events in one call; send at most {} at a time",
                new.len(),
                self.limits.events_per_call
            )));
        }
        let now = self.clock.now();
        new.iter()
            .try_for_each(|event| event.validate(&self.limits, now))?;
        if new.is_empty() {
            let run = self.run(run_id, RunColumns::All).await?;
            scope.check_run(&run)?;
            return Ok(AddedEvents {
                events: Vec::new(),
                replayed: 0,
                run: Some(run),
            });
        }
        let added = self.insert(run_id, new, scope, run).await?;
        self.changes.notify();
        for event in &added.events {
            debug!(%event, "added");
        }
        Ok(added)
    }

    async fn insert(
        &self,
        run_id: Uuid,
        new: Vec<NewEvent>,
        scope: &WriteScope,
        run: Option<RunColumns>,
    ) -> Result<AddedEvents> {
        let chosen_ids: Vec<_> = new.iter().filter_map(|event| event.id).collect();
        let timestamps_given: Vec<_> = new.iter().map(|event| event.timestamp.is_some()).collect();
        let mut events: Vec<_> = new
            .into_iter()
            .map(|event| self.event(run_id, event))
            .collect();
        let batch = EventBatch {
            run_id,
            events: events.clone(),
            chosen_ids: chosen_ids.clone(),
            allowed_sources: scope.sources().map(<[SyncSource]>::to_vec),
            run,
        };
        let expected = events.clone();
        let verify = move |stored: &[Event]| verify(&expected, &timestamps_given, stored);
        let inserted = match self.store.add_events::<Error>(batch, verify).await {
            Ok(Some(inserted)) => inserted,
            Ok(None) => return Err(self.rejection(run_id, &chosen_ids, scope).await),
            // The run was deleted at the same time.
            Err(Error::Rejected(error)) if classify(&error) == Failure::ForeignKey => {
                return Err(no_run(run_id));
            }
            Err(error) => return Err(error.naming("eventType or message")),
        };
        for (event, seq) in events.iter_mut().zip(inserted.seqs) {
            event.seq = Some(seq);
        }
        for event in &mut events {
            let mut stored = inserted.stored.iter();
            if let Some(stored) = stored.find(|stored| stored.id == event.id) {
                event.clone_from(stored);
            }
        }
        Ok(AddedEvents {
            events,
            replayed: inserted.replayed,
            run: inserted.run,
        })
    }

    fn event(&self, run_id: Uuid, new: NewEvent) -> Event {
        Event {
            id: new.id.unwrap_or_else(|| self.clock.new_id()),
            sync_id: run_id,
            event_type: new.event_type,
            timestamp: new.timestamp.unwrap_or_else(|| self.clock.now()),
            message: new.message,
            details: Details::from(new.details.as_ref().and_then(Json::as_object)),
            seq: None,
        }
    }

    async fn run(&self, id: Uuid, columns: RunColumns) -> Result<Run> {
        let run = self.store.find_run(id, columns).await?;
        run.ok_or_else(|| no_run(id))
    }

    /// Returns why no events were added to a run.
    async fn rejection(&self, run_id: Uuid, chosen_ids: &[Uuid], scope: &WriteScope) -> Error {
        let run = self.run(run_id, RunColumns::WithoutDetails).await;
        if let Err(error) = run.and_then(|run| scope.check_run(&run)) {
            return error;
        }
        match self.store.find_taken_id::<run::Entity>(chosen_ids).await {
            Err(error) => error.into(),
            Ok(Some(id)) => Error::IdConflict {
                what: "run or user",
                id,
                fields: Vec::new(),
            },
            // Created or changed after the write; the same call succeeds when repeated.
            Ok(None) => Error::Unavailable(DbErr::RecordNotInserted),
        }
    }
}

fn no_run(id: Uuid) -> Error {
    Error::NotFound { what: "run", id }
}

/// Checks that the stored events are those that were to be added.
fn verify(events: &[Event], timestamps_given: &[bool], stored: &[Event]) -> Result<()> {
    for (event, timestamp_given) in events.iter().zip(timestamps_given) {
        let stored = stored.iter().find(|stored| stored.id == event.id);
        let Some(stored) = stored else {
            continue;
        };
        let fields = differing_fields(event, *timestamp_given, stored)?;
        if !fields.is_empty() {
            return Err(Error::IdConflict {
                what: "event",
                id: event.id,
                fields,
            });
        }
    }
    Ok(())
}

/// Returns the fields in which `event` differs from `stored`. A timestamp that the caller did not give need not match.
fn differing_fields(
    event: &Event,
    timestamp_given: bool,
    stored: &Event,
) -> Result<Vec<&'static str>> {
    let same_details = match (event.details.value()?, stored.details.value()?) {
        (Some(one), Some(other)) => is_equal_json(&one, &other),
        (one, other) => one == other,
    };
    let same_timestamp = !timestamp_given || event.timestamp == stored.timestamp;
    let fields = [
        ("runId", event.sync_id == stored.sync_id),
        ("eventType", event.event_type == stored.event_type),
        ("message", event.message == stored.message),
        ("timestamp", same_timestamp),
        ("details", same_details),
    ];
    let differing = fields.into_iter().filter(|(_, is_same)| !is_same);
    Ok(differing.map(|(name, _)| name).collect())
}
