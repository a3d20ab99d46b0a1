//! The `SyncEvent` type.

use async_graphql::{Context, ID, Object, Result};

use crate::{
    events::Event,
    graphql::{
        context::ContextExt,
        fast_path::{Fast, FastFields, Field, FieldCost, ROW},
        types::{
            run::SyncRun,
            scalars::DateTime,
            stored::{StoredJson, StoredText, served_text},
        },
    },
    runs::{Error, Run},
};

/// Something that happened during a run.
#[derive(Clone, Debug)]
pub(crate) struct SyncEvent(pub(super) Event);

impl From<Event> for SyncEvent {
    fn from(event: Event) -> Self {
        Self(event)
    }
}

/// The columns that a field of an event needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum EventColumns {
    /// All but the details.
    WithoutDetails,
    /// All.
    All,
}

impl FastFields for SyncEvent {
    type Columns = EventColumns;

    const ALL_COLUMNS: EventColumns = EventColumns::All;

    const FIELDS: &'static [Field<Self>] = &[
        Field::type_name(EventColumns::WithoutDetails),
        Field::scalar("id", EventColumns::WithoutDetails, |event, json| {
            json.scalar(event.0.id);
        }),
        Field::scalar("eventType", EventColumns::WithoutDetails, |event, json| {
            json.scalar(served_text(&event.0.event_type));
        }),
        Field::scalar("timestamp", EventColumns::WithoutDetails, |event, json| {
            json.scalar(DateTime(event.0.timestamp));
        }),
        Field::scalar("message", EventColumns::WithoutDetails, |event, json| {
            json.scalar(served_text(&event.0.message));
        }),
        Field::scalar("details", EventColumns::All, |event, json| {
            json.raw(event.0.details.json());
        }),
        Field::single(
            "run",
            EventColumns::WithoutDetails,
            FieldCost::page(1 + ROW),
        ),
    ];
}

/// Something that happened during a run.
#[Object]
impl SyncEvent {
    /// The event's UUID, chosen by the worker or by the server.
    pub(crate) async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// The type of the event, chosen by the worker, such as `start`, `chunk` or `error`. At most 50
    /// characters.
    async fn event_type(&self) -> StoredText<'_> {
        StoredText(&self.0.event_type)
    }

    /// When the event happened, by the worker's clock.
    async fn timestamp(&self) -> DateTime {
        DateTime(self.0.timestamp)
    }

    /// A description of what happened.
    async fn message(&self) -> StoredText<'_> {
        StoredText(&self.0.message)
    }

    /// Additional data reported by the worker, at most 64 KiB; null if none was reported.
    #[expect(
        clippy::unused_async,
        reason = "async-graphql requires async resolvers"
    )]
    async fn details(&self) -> Result<Option<StoredJson<'_>>> {
        let details = self.0.details.json().map_err(Error::from)?;
        Ok(details.map(StoredJson))
    }

    /// The run that the event belongs to. If it has been deleted, its type, source and status are UNKNOWN, and its
    /// `errorMessage` says so.
    async fn run(&self, ctx: &Context<'_>) -> Result<Fast<SyncRun>> {
        let id = self.0.sync_id;
        let run = ctx.loaders().run(id).await?;
        // A run that has been deleted must not fail the list of events.
        let run = run.unwrap_or_else(|| Run::missing(id, self.0.timestamp));
        Ok(Fast(run.into()))
    }
}
