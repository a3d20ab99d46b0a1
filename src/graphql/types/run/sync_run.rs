//! The `SyncRun` type.

use std::sync::Arc;

use async_graphql::{
    Context, ID, Lookahead, Object, SelectionField, ServerError, ServerResult, Value,
};
use entity::Details;
use uuid::Uuid;

use super::enums::{SyncEntityType, SyncSource, SyncStatus, from_stored};
use crate::{
    graphql::{
        context::ContextExt,
        fast_path::{BatchField, BatchResolver, Fast, FastFields, Write, put_resolved},
        response::json::write_json,
        types::{
            event::{EventsRead, SyncEventConnection, SyncEventFilter},
            pagination::PageArguments,
            scalars::{DateTime, Json},
            user::User,
        },
    },
    runs::{self, LoadedRun, Run, RunColumns, RunSelection, status},
};

/// One synchronisation run: one entity type, read from one source.
#[derive(Clone, Debug)]
pub(crate) struct SyncRun {
    pub(super) run: Run,
    /// If there is one that was read along.
    user: Option<runs::User>,
    /// If they were read along.
    events: Option<EventsRead>,
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
    /// A run as it was read.
    pub(crate) fn read(read: LoadedRun, parts: &RunSelection) -> Self {
        let events = read.events.zip(parts.events.as_ref());
        Self {
            run: read.run,
            user: read.user,
            events: events.map(|(rows, asked)| EventsRead::new(rows, asked)),
        }
    }
}

impl FastFields for SyncRun {
    fn plain(field: &str) -> Option<Write<Self>> {
        Some(match field {
            "id" => |run, ctx, json| put_resolved(json, run.id(ctx)),
            "entityType" => |run, ctx, json| put_resolved(json, run.entity_type(ctx)),
            "source" => |run, ctx, json| put_resolved(json, run.source(ctx)),
            "status" => |run, ctx, json| put_resolved(json, run.status(ctx)),
            "startedAt" => |run, ctx, json| put_resolved(json, run.started_at(ctx)),
            "completedAt" => |run, ctx, json| put_resolved(json, run.completed_at(ctx)),
            "updatedAt" => |run, ctx, json| put_resolved(json, run.updated_at(ctx)),
            "durationSeconds" => |run, ctx, json| put_resolved(json, run.duration_seconds(ctx)),
            "recordsProcessed" => |run, ctx, json| put_resolved(json, run.records_processed(ctx)),
            "recordsCreated" => |run, ctx, json| put_resolved(json, run.records_created(ctx)),
            "recordsUpdated" => |run, ctx, json| put_resolved(json, run.records_updated(ctx)),
            "recordsFailed" => |run, ctx, json| put_resolved(json, run.records_failed(ctx)),
            "recordsExpected" => |run, ctx, json| put_resolved(json, run.records_expected(ctx)),
            "progress" => |run, ctx, json| put_resolved(json, run.progress(ctx)),
            "errorMessage" => |run, ctx, json| put_resolved(json, run.error_message(ctx)),
            "details" => |run, _, json| write_json(json, loaded(&run.run.details)),
            "triggeredById" => |run, ctx, json| put_resolved(json, run.triggered_by_id(ctx)),
            "version" => |run, ctx, json| put_resolved(json, run.version(ctx)),
            _ => return None,
        })
    }

    fn together(field: &str) -> Option<BatchResolver<Self>> {
        match field {
            "triggeredBy" => Some(|runs, field| Box::pin(triggered_by(runs, field))),
            "events" => Some(|runs, field| Box::pin(events(runs, field))),
            _ => None,
        }
    }
}

/// The users who started the runs.
async fn triggered_by(runs: &[SyncRun], field: &BatchField<'_>) -> ServerResult<Vec<Value>> {
    let ctx = field.context();
    let ids = runs.iter().filter_map(SyncRun::user_to_look_up);
    let users = ctx.loaders().users(ids).await;
    let mut users = users.map_err(|error| failed(&ctx, error))?.into_iter();
    let users = runs.iter().map(|run| {
        let user = match run.user_to_look_up() {
            Some(_) => users.next()?,
            None => run.user.clone(),
        };
        user.map(User::from)
    });
    Ok(field.resolve(users.collect()).await)
}

/// The events of the runs.
async fn events(runs: &[SyncRun], field: &BatchField<'_>) -> ServerResult<Vec<Value>> {
    let ctx = field.context();
    let (arguments, (_, filter)) = (PageArguments::of(&ctx)?, ctx.param_value("filter", None)?);
    let runs = runs.iter().map(SyncRun::with_events);
    let pages = SyncEventConnection::of_runs(&ctx, runs, arguments, filter).await;
    let pages = pages.map_err(|error| failed(&ctx, error))?;
    Ok(field.resolve(pages.into_iter().map(Some).collect()).await)
}

/// The details of a row that was read with them, as whatever selects `details` reads it.
pub(crate) fn loaded(details: &Details) -> Option<&serde_json::Value> {
    details
        .json()
        .unwrap_or_else(|error| unreachable!("{error}"))
}

fn failed(ctx: &Context<'_>, error: impl Into<async_graphql::Error>) -> ServerError {
    error.into().into_server_error(ctx.item.pos)
}

impl SyncRun {
    /// The columns of runs that are selected in these places; none if no runs are.
    pub(crate) fn columns(places: &[Lookahead<'_>]) -> Option<RunColumns> {
        let runs: Vec<_> = places
            .iter()
            .flat_map(Lookahead::selection_fields)
            .collect();
        let mut fields = runs
            .iter()
            .flat_map(SelectionField::selection_set)
            .peekable();
        fields.peek()?;
        if fields.any(|field| field.name() == "details") {
            Some(RunColumns::All)
        } else {
            Some(RunColumns::WithoutDetails)
        }
    }

    /// What to read of the runs that are selected in these places.
    pub(crate) fn parts(ctx: &Context<'_>, places: &[Lookahead<'_>]) -> RunSelection {
        let selected = |field| places.iter().map(move |run| run.field(field));
        RunSelection {
            columns: Self::columns(places).unwrap_or(RunColumns::WithoutDetails),
            user: selected("triggeredBy").any(|users| users.exists()),
            events: selected("events")
                .flat_map(|events| events.selection_fields())
                .find_map(|events| SyncEventConnection::ahead(ctx, events))
                .map(Arc::new),
        }
    }

    /// The user who started it, if it is yet to be looked up.
    fn user_to_look_up(&self) -> Option<Uuid> {
        match self.user {
            Some(_) => None,
            None => self.run.triggered_by_id,
        }
    }

    fn with_events(&self) -> (Uuid, Option<&EventsRead>) {
        (self.run.id, self.events.as_ref())
    }

    fn has_ended(&self) -> bool {
        self.run.status().is_ok_and(status::has_ended)
    }

    /// What is wrong with the stored row, a sentence for each value that cannot be read.
    fn unreadable(&self) -> Option<String> {
        let words = [
            self.run.status().err(),
            self.run.source().err(),
            self.run.entity_type().err(),
        ];
        let words = words.into_iter().flatten().map(|word| {
            let (column, text) = (word.column, word.text);
            format!("The stored {column} is `{text}`, which this server does not know.")
        });
        let details = match &self.run.details {
            Details::Unreadable(why) => Some(format!("The stored details cannot be read: {why}.")),
            _ => None,
        };
        let sentences: Vec<String> = words.chain(details).collect();
        (!sentences.is_empty()).then(|| sentences.join(" "))
    }
}

/// One synchronisation run: one entity type, read from one source.
#[Object]
impl SyncRun {
    /// The run's UUID. A worker may choose it.
    pub(crate) async fn id(&self) -> ID {
        self.run.id.into()
    }

    /// What is synchronised.
    async fn entity_type(&self) -> SyncEntityType {
        from_stored(&self.run.entity_type)
    }

    /// The system it is read from.
    async fn source(&self) -> SyncSource {
        from_stored(&self.run.source)
    }

    /// Where the run stands.
    async fn status(&self) -> SyncStatus {
        from_stored(&self.run.status)
    }

    /// When the worker began, by its own account.
    async fn started_at(&self) -> DateTime {
        DateTime(self.run.started_at)
    }

    /// When the run ended. Non-null exactly when the status is COMPLETED, FAILED or CANCELLED.
    async fn completed_at(&self) -> Option<DateTime> {
        // A run that ended without saying when, before this server kept the ledger, ended at the
        // latest moment that is known of it.
        let latest = || self.run.updated_at.unwrap_or(self.run.started_at);
        self.has_ended()
            .then(|| DateTime(self.run.completed_at.unwrap_or_else(latest)))
    }

    /// When the row last changed, whoever changed it.
    async fn updated_at(&self) -> DateTime {
        let run = &self.run;
        DateTime(
            run.updated_at
                .or(run.completed_at)
                .unwrap_or(run.started_at),
        )
    }

    /// Seconds from startedAt to completedAt; null while the run is open.
    #[expect(
        clippy::cast_precision_loss,
        reason = "exact for 285 years of microseconds"
    )]
    async fn duration_seconds(&self) -> Option<f64> {
        let micros = self.run.duration_micros().filter(|_| self.has_ended())?;
        Some(micros as f64 / 1e6)
    }

    /// Records read so far.
    async fn records_processed(&self) -> i32 {
        self.run.records_processed
    }

    /// Records made in the target so far.
    async fn records_created(&self) -> i32 {
        self.run.records_created
    }

    /// Records altered in the target so far.
    async fn records_updated(&self) -> i32 {
        self.run.records_updated
    }

    /// Records that could not be taken over so far.
    async fn records_failed(&self) -> i32 {
        self.run.records_failed
    }

    /// How many records the worker expects, if it said so.
    async fn records_expected(&self) -> Option<i32> {
        self.run.records_expected
    }

    /// recordsProcessed / recordsExpected, 0 to 1; null if unknown.
    async fn progress(&self) -> Option<f64> {
        match self.run.records_expected? {
            expected if expected > 0 => {
                Some((f64::from(self.run.records_processed) / f64::from(expected)).clamp(0.0, 1.0))
            }
            // Nothing was expected, so all of it is done.
            _ => Some(1.0),
        }
    }

    /// Why the run failed or was cancelled; or what is wrong with its row, if a status, source or entity type is UNKNOWN or details cannot be read.
    async fn error_message(&self) -> Option<String> {
        match (self.unreadable(), self.run.error_message.clone()) {
            (Some(unreadable), Some(message)) => Some(format!("{unreadable} {message}")),
            (unreadable, message) => unreadable.or(message),
        }
    }

    /// What else the worker said of the run.
    async fn details(&self) -> Option<Json> {
        loaded(&self.run.details).cloned().map(Json)
    }

    /// The user who started the run, if a person did.
    async fn triggered_by(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Fast<User>>> {
        let user = match self.user_to_look_up() {
            Some(id) => ctx.loaders().user(id).await?,
            None => self.user.clone(),
        };
        Ok(user.map(|user| Fast(user.into())))
    }

    /// The user's id alone, without looking the user up.
    async fn triggered_by_id(&self) -> Option<ID> {
        self.run.triggered_by_id.map(ID::from)
    }

    /// Grows by one with every change: of two copies, the higher is the newer.
    async fn version(&self) -> i32 {
        self.run.version
    }

    /// The run's events, oldest first. Pages of 25 by default, 100 at most.
    async fn events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many of the first.")] first: Option<i32>,
        #[graphql(desc = "Only events behind this cursor.")] after: Option<String>,
        #[graphql(desc = "So many of the last.")] last: Option<i32>,
        #[graphql(desc = "Only events before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which of the run's events.")] filter: Option<SyncEventFilter>,
    ) -> async_graphql::Result<SyncEventConnection> {
        let arguments = PageArguments {
            first,
            after,
            last,
            before,
        };
        let run = [self.with_events()].into_iter();
        let pages = SyncEventConnection::of_runs(ctx, run, arguments, filter);
        let mut pages = pages.await?;
        Ok(pages.remove(0))
    }
}
