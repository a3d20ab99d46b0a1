//! The `SyncRun` type: its resolvers, and the table of its fields.

use std::sync::Arc;

use async_graphql::{
    Context, ID, Lookahead, Object, Result, ScalarType, ServerError, ServerResult, Value,
};
use uuid::Uuid;

use super::{
    enums::{SyncEntityType, SyncSource, SyncStatus, from_stored},
    values,
};
use crate::{
    graphql::{
        context::ContextExt,
        fast_path::{BatchField, Fast, FastFields, Field, FieldCost, ROW},
        types::{
            connection::Connection,
            event::{
                PreloadedEvents, SyncEvent, SyncEventFilter, list_events_of_runs, plan_preload,
            },
            pagination::PageArguments,
            scalars::DateTime,
            stored::{StoredJson, StoredText, served_text},
            user::User,
        },
    },
    runs::{
        self, Error, LoadedRun, Run,
        RunColumns::{self, All, WithoutDetails},
        RunSelection,
    },
};

/// A run, with what was loaded together with it.
#[derive(Clone, Debug)]
pub(crate) struct SyncRun {
    pub(super) run: Run,
    /// The user who triggered the run, if preloaded.
    user: Option<runs::User>,
    /// A page of its events, if preloaded.
    events: Option<PreloadedEvents>,
}

impl From<Run> for SyncRun {
    fn from(run: Run) -> Self {
        Self {
            run,
            user: None,
            events: None,
        }
    }
}

impl SyncRun {
    /// Wraps a run that was loaded as `selection` requests.
    pub(crate) fn from_loaded(loaded: LoadedRun, selection: &RunSelection) -> Self {
        let events = loaded.events.zip(selection.events.as_ref());
        Self {
            run: loaded.run,
            user: loaded.user,
            events: events.map(|(rows, query)| PreloadedEvents::new(rows, query)),
        }
    }

    /// Returns what to load of the runs with these selections.
    pub(crate) fn selection(ctx: &Context<'_>, runs: &[Lookahead<'_>]) -> RunSelection {
        let selected = |field| runs.iter().map(move |run| run.field(field));
        RunSelection {
            columns: Self::columns(runs).unwrap_or(RunColumns::WithoutDetails),
            user: selected("triggeredBy").any(|users| users.exists()),
            events: selected("events")
                .flat_map(|events| events.selection_fields())
                .find_map(|events| plan_preload(ctx, events))
                .map(Arc::new),
        }
    }

    /// Returns the id of the user who triggered the run, unless there is none or it is preloaded.
    fn user_to_load(&self) -> Option<Uuid> {
        match self.user {
            Some(_) => None,
            None => self.run.triggered_by_id,
        }
    }

    /// Returns the run's id with its preloaded events.
    fn with_events(&self) -> (Uuid, Option<&PreloadedEvents>) {
        (self.run.id, self.events.as_ref())
    }
}

impl FastFields for SyncRun {
    type Columns = RunColumns;

    const ALL_COLUMNS: RunColumns = All;

    const FIELDS: &'static [Field<Self>] = &[
        Field::type_name(WithoutDetails),
        Field::scalar("id", WithoutDetails, |run, json| json.scalar(run.run.id)),
        Field::scalar("entityType", WithoutDetails, |run, json| {
            json.scalar(from_stored::<SyncEntityType>(&run.run.entity_type));
        }),
        Field::scalar("source", WithoutDetails, |run, json| {
            json.scalar(from_stored::<SyncSource>(&run.run.source));
        }),
        Field::scalar("status", WithoutDetails, |run, json| {
            json.scalar(from_stored::<SyncStatus>(&run.run.status));
        }),
        Field::scalar("startedAt", WithoutDetails, |run, json| {
            json.scalar(DateTime(run.run.started_at));
        }),
        Field::scalar("completedAt", WithoutDetails, |run, json| {
            json.scalar(values::completed_at(&run.run));
        }),
        Field::scalar("updatedAt", WithoutDetails, |run, json| {
            json.scalar(values::updated_at(&run.run));
        }),
        Field::scalar("durationSeconds", WithoutDetails, |run, json| {
            json.scalar(values::duration_seconds(&run.run));
        }),
        Field::scalar("recordsProcessed", WithoutDetails, |run, json| {
            json.scalar(run.run.records_processed);
        }),
        Field::scalar("recordsCreated", WithoutDetails, |run, json| {
            json.scalar(run.run.records_created);
        }),
        Field::scalar("recordsUpdated", WithoutDetails, |run, json| {
            json.scalar(run.run.records_updated);
        }),
        Field::scalar("recordsFailed", WithoutDetails, |run, json| {
            json.scalar(run.run.records_failed);
        }),
        Field::scalar("recordsExpected", WithoutDetails, |run, json| {
            json.scalar(run.run.records_expected);
        }),
        Field::scalar("progress", WithoutDetails, |run, json| {
            json.scalar(values::progress(&run.run));
        }),
        Field::scalar("errorMessage", WithoutDetails, |run, json| {
            json.scalar(values::error_message(&run.run));
        }),
        Field::scalar("details", All, |run, json| {
            json.raw(run.run.details.json());
        }),
        Field::batch(
            "triggeredBy",
            WithoutDetails,
            FieldCost::page(1 + ROW),
            |runs, field| Box::pin(triggered_by(runs, field)),
        ),
        Field::scalar("triggeredById", WithoutDetails, |run, json| {
            json.scalar(run.run.triggered_by_id);
        }),
        Field::scalar("version", WithoutDetails, |run, json| {
            json.scalar(run.run.version);
        }),
        Field::scalar("createdBy", WithoutDetails, |run, json| {
            json.scalar(run.run.created_by_name.as_deref().map(served_text));
        }),
        Field::scalar("endedBy", WithoutDetails, |run, json| {
            json.scalar(run.run.ended_by_name.as_deref().map(served_text));
        }),
        Field::batch(
            "lastHeartbeatAt",
            WithoutDetails,
            FieldCost::page(1 + ROW),
            |runs, field| Box::pin(last_heartbeats(runs, field)),
        ),
        Field::scalar("lostAt", WithoutDetails, |run, json| {
            json.scalar(values::optional_instant(run.run.lost_at));
        }),
        Field::scalar("recoveredAt", WithoutDetails, |run, json| {
            json.scalar(values::optional_instant(run.run.recovered_at));
        }),
        Field::batch(
            "events",
            WithoutDetails,
            FieldCost::page(5),
            |runs, field| Box::pin(events(runs, field)),
        ),
    ];
}

/// Resolves the users who triggered the runs.
async fn triggered_by(runs: &[SyncRun], field: &BatchField<'_>) -> ServerResult<Vec<Value>> {
    let ctx = field.context();
    let ids = runs.iter().filter_map(SyncRun::user_to_load);
    let users = ctx.loaders().users(ids).await;
    let mut users = users.map_err(|error| failed(&ctx, error))?.into_iter();
    let users = runs.iter().map(|run| {
        let user = match run.user_to_load() {
            Some(_) => users.next()?,
            None => run.user.clone(),
        };
        user.map(User::from)
    });
    field.resolve(users.collect()).await
}

/// Resolves the times of the last reports of the runs.
async fn last_heartbeats(runs: &[SyncRun], field: &BatchField<'_>) -> ServerResult<Vec<Value>> {
    let ctx = field.context();
    let ids = runs.iter().map(|run| run.run.id);
    let events = ctx.loaders().last_reports(ids).await;
    let events = events.map_err(|error| failed(&ctx, error))?;
    let reports = runs.iter().zip(events);
    let values = reports.map(|(run, event)| {
        let at = values::last_heartbeat_at(&run.run, event);
        at.map_or(Value::Null, |at| at.to_value())
    });
    Ok(values.collect())
}

/// Resolves the events of the runs.
async fn events(runs: &[SyncRun], field: &BatchField<'_>) -> ServerResult<Vec<Value>> {
    let ctx = field.context();
    let arguments = PageArguments::from_context(&ctx)?;
    let (_, filter) = ctx.param_value("filter", None)?;
    let runs = runs.iter().map(SyncRun::with_events);
    let pages = list_events_of_runs(&ctx, runs, arguments, filter).await;
    let pages = pages.map_err(|error| failed(&ctx, error))?;
    field.resolve(pages.into_iter().map(Some).collect()).await
}

fn failed(ctx: &Context<'_>, error: impl Into<async_graphql::Error>) -> ServerError {
    error.into().into_server_error(ctx.item.pos)
}

/// A synchronisation run: one worker transfers records of one entity type from one source system.
#[Object]
impl SyncRun {
    /// The run's UUID, chosen by the worker or by the server.
    pub(crate) async fn id(&self) -> ID {
        self.run.id.into()
    }

    /// The type of the records that the run transfers.
    async fn entity_type(&self) -> SyncEntityType {
        from_stored(&self.run.entity_type)
    }

    /// The system that the records come from.
    async fn source(&self) -> SyncSource {
        from_stored(&self.run.source)
    }

    /// The run's current status.
    async fn status(&self) -> SyncStatus {
        from_stored(&self.run.status)
    }

    /// When the run started, by the worker's clock.
    async fn started_at(&self) -> DateTime {
        DateTime(self.run.started_at)
    }

    /// When the run ended; null while the run is open. Never null if the status is COMPLETED, FAILED or
    /// CANCELLED, unless the stored time cannot be represented, as `errorMessage` then says.
    async fn completed_at(&self) -> Option<DateTime> {
        values::completed_at(&self.run)
    }

    /// When the run last changed, including changes by other applications.
    async fn updated_at(&self) -> DateTime {
        values::updated_at(&self.run)
    }

    /// Seconds from `startedAt` to `completedAt`; null while the run is open.
    async fn duration_seconds(&self) -> Option<f64> {
        values::duration_seconds(&self.run)
    }

    /// The number of records read so far.
    async fn records_processed(&self) -> i32 {
        self.run.records_processed
    }

    /// The number of records created in the target system so far.
    async fn records_created(&self) -> i32 {
        self.run.records_created
    }

    /// The number of records updated in the target system so far.
    async fn records_updated(&self) -> i32 {
        self.run.records_updated
    }

    /// The number of records that could not be transferred so far.
    async fn records_failed(&self) -> i32 {
        self.run.records_failed
    }

    /// The number of records that the worker expects to read; null if it has not reported one.
    async fn records_expected(&self) -> Option<i32> {
        self.run.records_expected
    }

    /// `recordsProcessed` divided by `recordsExpected`, from 0 to 1; null if `recordsExpected` is null.
    async fn progress(&self) -> Option<f64> {
        values::progress(&self.run)
    }

    /// Why the run failed or was cancelled; null if no reason was reported. If `status`, `source` or
    /// `entityType` is UNKNOWN, or a stored value cannot be represented, it starts with what is stored.
    async fn error_message(&self) -> Option<String> {
        values::error_message(&self.run)
    }

    /// Additional data reported by the worker, at most 64 KiB per report; null if none was reported.
    #[expect(
        clippy::unused_async,
        reason = "async-graphql requires async resolvers"
    )]
    async fn details(&self) -> Result<Option<StoredJson<'_>>> {
        let details = self.run.details.json().map_err(Error::from)?;
        Ok(details.map(StoredJson))
    }

    /// The user who triggered the run; null if no user did, or the user no longer exists.
    async fn triggered_by(&self, ctx: &Context<'_>) -> Result<Option<Fast<User>>> {
        let user = match self.user_to_load() {
            Some(id) => ctx.loaders().user(id).await?,
            None => self.user.clone(),
        };
        Ok(user.map(|user| Fast(user.into())))
    }

    /// The UUID of the user who triggered the run; null if no user did. Cheaper than `triggeredBy`.
    async fn triggered_by_id(&self) -> Option<ID> {
        self.run.triggered_by_id.map(ID::from)
    }

    /// The version of the run, incremented by every change. Of two copies of a run, the one with the
    /// higher version is newer.
    async fn version(&self) -> i32 {
        self.run.version
    }

    /// The name of the API key or user that created the run through this server, at most 200 characters; null if another
    /// application created it, or an unauthenticated request.
    async fn created_by(&self) -> Option<StoredText<'_>> {
        self.run.created_by_name.as_deref().map(StoredText)
    }

    /// The name of the API key or user that completed or cancelled the run through this server, at most 200 characters; null
    /// while the run is open, and if another application has changed its status since, or an unauthenticated request ended
    /// it.
    async fn ended_by(&self) -> Option<StoredText<'_>> {
        self.run.ended_by_name.as_deref().map(StoredText)
    }

    /// When the worker last reported on the run, by the database's clock: its creation, start, progress, events, heartbeats,
    /// outcome, and changes by other applications. Cancellation by an operator is no report. For a run from before the
    /// database was adopted, the latest time that is known of it.
    async fn last_heartbeat_at(&self, ctx: &Context<'_>) -> Result<Option<DateTime>> {
        let events = ctx.loaders().last_reports([self.run.id]).await?;
        let event = events.into_iter().next().flatten();
        Ok(values::last_heartbeat_at(&self.run, event))
    }

    /// When the server closed the run as lost, because nothing was reported for its `heartbeatTimeoutSeconds`; null if it did
    /// not.
    async fn lost_at(&self) -> Option<DateTime> {
        values::optional_instant(self.run.lost_at)
    }

    /// When the outcome of the run was reported after the server had closed it as lost. The run has this outcome then.
    async fn recovered_at(&self) -> Option<DateTime> {
        values::optional_instant(self.run.recovered_at)
    }

    /// The run's events, oldest first. Returns 25 events by default and 100 at most.
    async fn events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Returns the first n events, 0 to 100. Not together with `last`.")]
        first: Option<i32>,
        #[graphql(desc = "A cursor; returns events after it.")] after: Option<String>,
        #[graphql(desc = "Returns the last n events, 0 to 100. Not together with `first`.")]
        last: Option<i32>,
        #[graphql(desc = "A cursor; returns events before it.")] before: Option<String>,
        #[graphql(desc = "Returns only events that match the filter.")] filter: Option<
            SyncEventFilter,
        >,
    ) -> Result<Connection<SyncEvent>> {
        let arguments = PageArguments {
            first,
            after,
            last,
            before,
            offset: None,
        };
        let run = [self.with_events()].into_iter();
        let mut pages = list_events_of_runs(ctx, run, arguments, filter).await?;
        Ok(pages.remove(0))
    }
}
