//! Payloads of mutations that add events.

use async_graphql::{ComplexObject, Context, Result, SimpleObject};
use uuid::Uuid;

use super::sync_event::SyncEvent;
use crate::{
    events::{AddedEvent, AddedEvents},
    graphql::{
        context::ContextExt,
        fast_path::{Fast, FastList},
        types::{connection::Edge, run::SyncRun},
    },
    runs::Run,
};

/// Return type of the `addSyncEvent` mutation.
#[derive(Debug, SimpleObject)]
#[graphql(complex)]
pub(crate) struct AddSyncEventPayload {
    /// The added event.
    event: Fast<SyncEvent>,
    /// Whether the event already existed: the same call was executed before, and this one changed
    /// nothing.
    replayed: bool,
    #[graphql(skip)]
    run: Option<Run>,
}

/// Return type of the `addSyncEvents` mutation.
#[derive(Debug, SimpleObject)]
#[graphql(complex)]
pub(crate) struct AddSyncEventsPayload {
    /// The number of events that already existed.
    replayed_count: usize,
    #[graphql(skip)]
    events: Vec<SyncEvent>,
    #[graphql(skip)]
    run_id: Uuid,
    #[graphql(skip)]
    run: Option<Run>,
}

impl AddSyncEventPayload {
    /// Creates the payload of one added event.
    pub(crate) fn new(added: AddedEvent) -> Self {
        Self {
            event: Fast(added.event.into()),
            replayed: added.replayed,
            run: added.run,
        }
    }
}

impl AddSyncEventsPayload {
    /// Creates the payload of events that were added to a run.
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
    /// The added event as an edge of a list of events.
    async fn event_edge(&self) -> Edge<SyncEvent> {
        Edge::new(self.event.0.clone(), ())
    }

    /// The run that the event was added to.
    async fn run(&self, ctx: &Context<'_>) -> Result<Fast<SyncRun>> {
        run_or_load(ctx, self.run.as_ref(), self.event.0.0.sync_id).await
    }
}

#[ComplexObject]
impl AddSyncEventsPayload {
    /// The added events, in the order of the input.
    async fn events(&self) -> FastList<&[SyncEvent]> {
        FastList(&self.events)
    }

    /// The run that the events were added to.
    async fn run(&self, ctx: &Context<'_>) -> Result<Fast<SyncRun>> {
        run_or_load(ctx, self.run.as_ref(), self.run_id).await
    }
}

/// Returns the run that was read with its events, or loads it.
async fn run_or_load(ctx: &Context<'_>, run: Option<&Run>, id: Uuid) -> Result<Fast<SyncRun>> {
    let run = match run {
        Some(run) => run.clone(),
        None => ctx.runs().get(id).await?,
    };
    Ok(Fast(run.into()))
}
