//! What comes back of a call that adds events.

use async_graphql::{ComplexObject, Context, SimpleObject};
use uuid::Uuid;

use super::{SyncEvent, connection::SyncEventEdge};
use crate::{
    graphql::{context::LedgerContext, objects::Object, run::SyncRun},
    runs::{AddedEvents, Event},
};

/// The event that was added.
#[derive(Debug, SimpleObject)]
#[graphql(complex)]
pub(in crate::graphql) struct AddSyncEventPayload {
    /// The event.
    event: Object<SyncEvent>,
    /// True when this exact event had been stored before.
    replayed: bool,
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
            event: Object(event.into()),
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
    /// The event with its place in a list.
    async fn event_edge(&self) -> SyncEventEdge {
        self.event.0.0.clone().into()
    }

    /// The run it was added to.
    async fn run(&self, ctx: &Context<'_>) -> async_graphql::Result<Object<SyncRun>> {
        let run = ctx.runs().get(self.event.0.0.sync_id).await?;
        Ok(Object(run.into()))
    }
}

#[ComplexObject]
impl AddSyncEventsPayload {
    /// The run they were added to.
    async fn run(&self, ctx: &Context<'_>) -> async_graphql::Result<Object<SyncRun>> {
        let run = ctx.runs().get(self.run_id).await?;
        Ok(Object(run.into()))
    }
}
