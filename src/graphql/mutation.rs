//! What can be reported and done.

use async_graphql::{Context, ID, Object, Result};

use super::{
    auth_guard::{Authorize, RequireScope},
    context::ContextExt,
    types::{
        event::{AddSyncEventInput, AddSyncEventPayload, AddSyncEventsInput, AddSyncEventsPayload},
        id::parse_uuid,
        run::{
            CancelActiveSyncRunsInput, CancelActiveSyncRunsPayload, CancelSyncRunInput,
            CancelSyncRunPayload, CompleteSyncRunInput, CompleteSyncRunPayload, CreateSyncRunInput,
            CreateSyncRunPayload, ReportSyncProgressInput, ReportSyncProgressPayload,
            StartSyncRunPayload, SyncRun,
        },
    },
};
use crate::{auth::Scope, runs::RunColumns};

/// What workers report and people do.
#[derive(Debug)]
pub(crate) struct Mutation;

/// What workers report and people do. Every call is safe to repeat: the same call is answered as the first was, with `replayed: true`.
#[Object]
impl Mutation {
    /// Creates a run. Safe to repeat under an id of the worker's own.
    #[graphql(guard = "RequireScope(Scope::Report)")]
    async fn create_sync_run(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The run.")] input: CreateSyncRunInput,
    ) -> Result<CreateSyncRunPayload> {
        let mut new = input.parse()?;
        ctx.check_source(new.source)?;
        new.triggered_by_id = ctx.triggered_by(new.triggered_by_id)?;
        let created = ctx.runs().create(new, selected_columns(ctx)).await?;
        ctx.audit(&created.run, created.replayed);
        Ok(created.into())
    }

    /// PENDING to RUNNING.
    #[graphql(guard = "RequireScope(Scope::Report)")]
    async fn start_sync_run(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The run.")] run_id: ID,
    ) -> Result<StartSyncRunPayload> {
        let run_id = parse_uuid("runId", &run_id)?;
        ctx.check_run(run_id).await?;
        let started = ctx.runs().start(run_id).await?;
        ctx.audit(&started.run, started.replayed);
        Ok(started.into())
    }

    /// Adds an event to a run, ended or not. Safe to repeat under an id of the worker's own.
    #[graphql(guard = "RequireScope(Scope::Report)")]
    async fn add_sync_event(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The run and the event.")] input: AddSyncEventInput,
    ) -> Result<AddSyncEventPayload> {
        let (run_id, event) = input.parse()?;
        ctx.check_run(run_id).await?;
        let added = ctx.runs().add_event(run_id, event, selected_run(ctx));
        Ok(AddSyncEventPayload::new(added.await?))
    }

    /// Adds up to 1000 events to a run, ended or not: all are stored or none is.
    #[graphql(guard = "RequireScope(Scope::Report)")]
    async fn add_sync_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The run and the events.")] input: AddSyncEventsInput,
    ) -> Result<AddSyncEventsPayload> {
        let (run_id, events) = input.parse()?;
        ctx.check_run(run_id).await?;
        let added = ctx.runs().add_events(run_id, events, selected_run(ctx));
        let added = added.await?;
        Ok(AddSyncEventsPayload::new(run_id, added))
    }

    /// Counters of an open run, and a sign of life.
    #[graphql(guard = "RequireScope(Scope::Report)")]
    async fn report_sync_progress(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The run and its progress.")] input: ReportSyncProgressInput,
    ) -> Result<ReportSyncProgressPayload> {
        let (run_id, progress) = input.parse()?;
        ctx.check_run(run_id).await?;
        Ok(ctx.runs().report_progress(run_id, &progress).await?.into())
    }

    /// Ends an open run: COMPLETED unless `status` says otherwise.
    #[graphql(guard = "RequireScope(Scope::Report)")]
    async fn complete_sync_run(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The run and its outcome.")] input: CompleteSyncRunInput,
    ) -> Result<CompleteSyncRunPayload> {
        let (run_id, outcome) = input.parse()?;
        ctx.check_run(run_id).await?;
        let ended = ctx
            .runs()
            .complete(run_id, &outcome, selected_columns(ctx))
            .await?;
        ctx.audit(&ended.run, ended.replayed);
        Ok(ended.into())
    }

    /// Ends an open run CANCELLED.
    #[graphql(guard = "RequireScope(Scope::Operate)")]
    async fn cancel_sync_run(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The run and the reason.")] input: CancelSyncRunInput,
    ) -> Result<CancelSyncRunPayload> {
        let (run_id, outcome) = input.parse()?;
        ctx.check_run(run_id).await?;
        let ended = ctx
            .runs()
            .complete(run_id, &outcome, selected_columns(ctx))
            .await?;
        ctx.audit(&ended.run, ended.replayed);
        Ok(ended.into())
    }

    /// Ends all open runs CANCELLED, or those of some entity types and sources.
    #[graphql(guard = "RequireScope(Scope::Operate)")]
    async fn cancel_active_sync_runs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which runs, and the reason.")] input: CancelActiveSyncRunsInput,
    ) -> Result<CancelActiveSyncRunsPayload> {
        let (types, sources, reason) = input.parse()?;
        let sources = ctx.sources(sources)?;
        let runs = ctx.runs();
        let runs = runs.cancel_active(types.as_deref(), sources.as_deref(), reason.as_deref());
        let runs = runs.await?;
        for run in &runs {
            ctx.audit(run, false);
        }
        Ok(runs.into())
    }
}

/// How much of the run is selected of what comes back: what is brief, or all, since one run's details take no
/// time worth mentioning and tell whether they can be read.
fn selected_run(ctx: &Context<'_>) -> Option<RunColumns> {
    let selected = ctx.look_ahead();
    let runs = [
        selected.field("run"),
        selected.field("runEdge").field("node"),
    ];
    match SyncRun::extent(&runs)? {
        RunColumns::Summary => Some(RunColumns::Summary),
        RunColumns::Standard | RunColumns::All => Some(RunColumns::All),
    }
}

/// How much has to come back of the run that was written: for the log, what is brief is enough.
fn selected_columns(ctx: &Context<'_>) -> RunColumns {
    selected_run(ctx).unwrap_or(RunColumns::Summary)
}
