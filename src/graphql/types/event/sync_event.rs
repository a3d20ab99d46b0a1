//! The `SyncEvent` type.

use async_graphql::{Context, ID, Object};

use crate::{
    events::Event,
    graphql::{
        context::ContextExt,
        fast_path::{Fast, FastFields, Write, put_resolved},
        response::json::write_json,
        types::{
            run::{SyncRun, loaded},
            scalars::{DateTime, Json},
        },
    },
    runs::Error,
};

/// Something that happened during a run.
#[derive(Clone, Debug)]
pub(crate) struct SyncEvent(pub(super) Event);

impl From<Event> for SyncEvent {
    fn from(event: Event) -> Self {
        Self(event)
    }
}

impl FastFields for SyncEvent {
    fn plain(field: &str) -> Option<Write<Self>> {
        Some(match field {
            "id" => |event, ctx, json| put_resolved(json, event.id(ctx)),
            "eventType" => |event, ctx, json| put_resolved(json, event.event_type(ctx)),
            "timestamp" => |event, ctx, json| put_resolved(json, event.timestamp(ctx)),
            "message" => |event, ctx, json| put_resolved(json, event.message(ctx)),
            "details" => |event, _, json| write_json(json, loaded(&event.0.details)),
            _ => return None,
        })
    }
}

/// Something that happened during a run.
#[Object]
impl SyncEvent {
    /// The event's UUID. A worker may choose it.
    pub(crate) async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// An open set, such as `start`, `chunk`, `error`; at most 50 characters.
    async fn event_type(&self) -> &str {
        &self.0.event_type
    }

    /// When it happened, by the worker's clock.
    async fn timestamp(&self) -> DateTime {
        DateTime(self.0.timestamp)
    }

    /// What happened, for people.
    async fn message(&self) -> &str {
        &self.0.message
    }

    /// What else the worker said of it.
    async fn details(&self) -> Option<Json> {
        loaded(&self.0.details).cloned().map(Json)
    }

    /// The run it belongs to.
    async fn run(&self, ctx: &Context<'_>) -> async_graphql::Result<Fast<SyncRun>> {
        run_of(ctx, self.0.sync_id).await
    }
}

/// The run with this id, which an event refers to.
async fn run_of(ctx: &Context<'_>, id: uuid::Uuid) -> async_graphql::Result<Fast<SyncRun>> {
    let run = ctx.loaders().run(id).await?;
    let run = run.ok_or(Error::NotFound { what: "run", id })?;
    Ok(Fast(run.into()))
}
