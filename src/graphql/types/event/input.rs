//! What is handed in about events.

use async_graphql::{ID, InputObject};
use uuid::Uuid;

use crate::{
    events::commands::NewEvent,
    graphql::types::{
        id::parse_uuid,
        scalars::{DateTime, Json},
    },
    runs::Result,
};

/// An event to add.
#[derive(Debug, InputObject)]
pub(crate) struct SyncEventInput {
    /// The worker's own UUID makes the call safe to repeat; without one the server picks one of version 7.
    id: Option<ID>,
    /// An open set, such as `start`, `chunk`, `error`; at most 50 characters.
    event_type: String,
    /// What happened, for people.
    message: String,
    /// When it happened; now, unless given.
    timestamp: Option<DateTime>,
    /// A JSON object of at most 64 KiB.
    details: Option<Json>,
}

impl SyncEventInput {
    fn parse(self) -> Result<NewEvent> {
        Ok(NewEvent {
            id: self.id.map(|id| parse_uuid("id", &id)).transpose()?,
            event_type: self.event_type,
            message: self.message,
            timestamp: self.timestamp.map(|at| at.0),
            details: self.details.map(|details| details.0),
        })
    }
}

/// An event to add to a run.
#[derive(Debug, InputObject)]
pub(crate) struct AddSyncEventInput {
    /// The run, ended or not.
    run_id: ID,
    /// The event.
    event: SyncEventInput,
}

impl AddSyncEventInput {
    /// The run, and the event as the domain knows it.
    pub(crate) fn parse(self) -> Result<(Uuid, NewEvent)> {
        Ok((parse_uuid("runId", &self.run_id)?, self.event.parse()?))
    }
}

/// Events to add to a run. At most 1000 events; all are stored or none is.
#[derive(Debug, InputObject)]
pub(crate) struct AddSyncEventsInput {
    /// The run, ended or not.
    run_id: ID,
    /// The events, in the order they happened.
    events: Vec<SyncEventInput>,
}

impl AddSyncEventsInput {
    /// The run, and the events as the domain knows them.
    pub(crate) fn parse(self) -> Result<(Uuid, Vec<NewEvent>)> {
        let events = self.events.into_iter().map(SyncEventInput::parse);
        Ok((
            parse_uuid("runId", &self.run_id)?,
            events.collect::<Result<_>>()?,
        ))
    }
}
