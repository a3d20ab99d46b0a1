//! Inputs of mutations that add events.

use async_graphql::{ID, InputObject};
use uuid::Uuid;

use crate::{
    events::commands::NewEvent,
    graphql::{
        lossy_numbers::LossyNumbers,
        types::{
            id::parse_uuid,
            scalars::{DateTime, Json},
        },
    },
    runs::Result,
};

/// An event to add.
#[derive(Debug, InputObject)]
pub(crate) struct SyncEventInput {
    /// The event's UUID. If given, the mutation can be retried safely; otherwise the server generates a UUID
    /// of version 7.
    id: Option<ID>,
    /// The type of the event, such as `start`, `chunk` or `error`. At most 50 characters.
    event_type: String,
    /// A description of what happened, at most 64 KiB.
    message: String,
    /// When the event happened, at most a day in the future. Defaults to the current time.
    timestamp: Option<DateTime>,
    /// Additional data: a JSON object of at most 64 KiB.
    details: Option<Json>,
}

impl SyncEventInput {
    fn parse(self, lossy: &LossyNumbers) -> Result<NewEvent> {
        let details = self.details.map(|details| details.into_input(lossy));
        Ok(NewEvent {
            id: self.id.map(|id| parse_uuid("id", &id)).transpose()?,
            event_type: self.event_type,
            message: self.message,
            timestamp: self.timestamp.map(|at| at.0),
            details: details.transpose()?,
        })
    }
}

/// Input of `addSyncEvent`.
#[derive(Debug, InputObject)]
pub(crate) struct AddSyncEventInput {
    /// The run's UUID. The run may be open or have ended.
    run_id: ID,
    /// The event to add.
    event: SyncEventInput,
}

impl AddSyncEventInput {
    /// Converts the input to the run's id and a command.
    ///
    /// # Errors
    /// Returns [`Error::BadInput`](crate::runs::Error::BadInput) if an id is malformed or a number cannot be stored exactly.
    pub(crate) fn parse(self, lossy: &LossyNumbers) -> Result<(Uuid, NewEvent)> {
        let event = self.event.parse(lossy)?;
        Ok((parse_uuid("runId", &self.run_id)?, event))
    }
}

/// Input of `addSyncEvents`.
#[derive(Debug, InputObject)]
pub(crate) struct AddSyncEventsInput {
    /// The run's UUID. The run may be open or have ended.
    run_id: ID,
    /// The events to add, at most 1,000, in the order they happened.
    events: Vec<SyncEventInput>,
}

impl AddSyncEventsInput {
    /// Converts the input to the run's id and commands.
    ///
    /// # Errors
    /// Returns [`Error::BadInput`](crate::runs::Error::BadInput) if an id is malformed or a number cannot be stored exactly.
    pub(crate) fn parse(self, lossy: &LossyNumbers) -> Result<(Uuid, Vec<NewEvent>)> {
        let events = self.events.into_iter().map(|event| event.parse(lossy));
        Ok((
            parse_uuid("runId", &self.run_id)?,
            events.collect::<Result<_>>()?,
        ))
    }
}
