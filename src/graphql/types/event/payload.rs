//! What comes back of a call that adds events.

use async_graphql::{ComplexObject, Context, SimpleObject};
use uuid::Uuid;

use super::{SyncEvent, connection::SyncEventEdge};
use crate::{
    events::AddedEvents,
    graphql::{context::ContextExt, fast_path::Fast, types::run::SyncRun},
    runs::Run,
};

/// The event that was added.
#[derive(Debug, SimpleObject)]
#[graphql(complex)]
pub(crate) struct AddSyncEventPayload {
    /// The event.
    event: Fast<SyncEvent>,
    /// True when this exact event had been stored before.
    replayed: bool,
    #[graphql(skip)]
    run: Option<Run>,
}

/// The events that were added.
#[derive(Debug, SimpleObject)]
#[graphql(complex)]
pub(crate) struct AddSyncEventsPayload {
    /// The events, in the order they were given.
    events: Vec<SyncEvent>,
    /// How many of the events had been stored before.
    replayed_count: usize,
    #[graphql(skip)]
    run_id: Uuid,
    #[graphql(skip)]
    run: Option<Run>,
}

impl AddSyncEventPayload {
    /// An event as stored now, or before.
    pub(crate) fn new(mut added: AddedEvents) -> Self {
        let event = added.events.pop();
        let event = event.unwrap_or_else(|| unreachable!("one was added"));
        Self {
            event: Fast(event.into()),
            replayed: added.replayed == 1,
            run: added.run,
        }
    }
}

impl AddSyncEventsPayload {
    /// The events of this run as stored now, or before.
    pub(crate) fn new(run_id: Uuid, added: AddedEvents) -> Self {
        Self {
            events: added.events.into_iter().map(SyncEvent::from).collect(),
            replayed_count: added.replayed,
            run_id,
            run: added.run,
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
    async fn run(&self, ctx: &Context<'_>) -> async_graphql::Result<Fast<SyncRun>> {
        read_with(ctx, self.run.as_ref(), self.event.0.0.sync_id).await
    }
}

#[ComplexObject]
impl AddSyncEventsPayload {
    /// The run they were added to.
    async fn run(&self, ctx: &Context<'_>) -> async_graphql::Result<Fast<SyncRun>> {
        read_with(ctx, self.run.as_ref(), self.run_id).await
    }
}

/// The run that was read with its events, or that has to be read now.
async fn read_with(
    ctx: &Context<'_>,
    run: Option<&Run>,
    id: Uuid,
) -> async_graphql::Result<Fast<SyncRun>> {
    let run = match run {
        Some(run) => run.clone(),
        None => ctx.runs().get(id).await?,
    };
    Ok(Fast(run.into()))
}
