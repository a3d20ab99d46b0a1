//! The table of the fields of `SyncRun`.

use async_graphql::{Context, ServerError, ServerResult, Value};

use super::{
    enums::{SyncEntityType, SyncSource, SyncStatus, from_stored},
    sync_run::SyncRun,
    values,
};
use crate::{
    graphql::{
        context::ContextExt,
        fast_path::{BatchField, FastFields, Field, FieldCost, ROW},
        types::{
            event::list_events_of_runs, pagination::PageArguments, scalars::DateTime, user::User,
        },
    },
    runs::RunColumns::{self, All, WithoutDetails},
};

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
            json.fallible(run.run.details.json());
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
            json.scalar(run.run.version)
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
