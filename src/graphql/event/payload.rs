//! What comes back of a call that adds events.

use async_graphql::{ComplexObject, Context, SimpleObject};
use uuid::Uuid;

use super::{SyncEvent, connection::SyncEventEdge, run_of};
use crate::{
    graphql::{objects::Object, run::SyncRun},
    runs::{AddedEvents, Event},
};

/// The event that was added.
#[derive(Debug, SimpleObject)]
#[graphql(complex)]
pub(in crate::graphql) struct AddSyncEventPayload {
    /// The event.
    event: SyncEvent,
    /// The event with its place in a list.
    event_edge: SyncEventEdge,
    /// True when this exact event had been stored before.
    replayed: bool,
    #[graphql(skip)]
    run_id: Uuid,
}

/// The events that were added.
#[derive(Debug, SimpleObject)]
#[graphql(complex)]
pub(in crate::graphql) struct AddSyncEventsPayload {
    /// The events, in the order they were given.
    events: Vec<SyncEvent>,
    /// How many of the events had been stored before.
    replayed_count: usize,
    #[graphql(skip)]
    run_id: Uuid,
}

impl AddSyncEventPayload {
    /// `event` as stored now, or before.
    pub(in crate::graphql) fn new(event: Event, replayed: bool) -> Self {
        Self {
            run_id: event.sync_id,
            event: event.clone().into(),
            event_edge: event.into(),
            replayed,
        }
    }
}

impl AddSyncEventsPayload {
    /// The events of this run as stored now, or before.
    pub(in crate::graphql) fn new(run_id: Uuid, added: AddedEvents) -> Self {
        Self {
            events: added.events.into_iter().map(SyncEvent::from).collect(),
            replayed_count: added.replayed,
            run_id,
        }
    }
}

#[ComplexObject]
impl AddSyncEventPayload {
    /// The run it was added to.
    async fn run(&self, ctx: &Context<'_>) -> async_graphql::Result<Object<SyncRun>> {
        run_of(ctx, self.run_id).await
    }
}

#[ComplexObject]
impl AddSyncEventsPayload {
    /// The run they were added to.
    async fn run(&self, ctx: &Context<'_>) -> async_graphql::Result<Object<SyncRun>> {
        run_of(ctx, self.run_id).await
    }
}
