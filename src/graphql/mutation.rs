//! What can be reported and done.

use async_graphql::{Context, ID, Object, Result};

use super::{
    context::LedgerContext,
    event::{AddSyncEventInput, AddSyncEventPayload, AddSyncEventsInput, AddSyncEventsPayload},
    node::uuid,
    run::{
        CancelActiveSyncRunsInput, CancelActiveSyncRunsPayload, CancelSyncRunInput,
        CancelSyncRunPayload, CompleteSyncRunInput, CompleteSyncRunPayload, CreateSyncRunInput,
        CreateSyncRunPayload, ReportSyncProgressInput, ReportSyncProgressPayload,
        StartSyncRunPayload,
    },
};

/// What workers report and people do.
#[derive(Debug)]
pub(super) struct Mutation;

/// What workers report and people do. Every call is safe to repeat: the same call is answered as the first was, with `replayed: true`.
#[Object]
impl Mutation {
    /// Creates a run. Safe to repeat under an id of the worker's own.
    async fn create_sync_run(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The run.")] input: CreateSyncRunInput,
    ) -> Result<CreateSyncRunPayload> {
        Ok(ctx.runs().create(input.parse()?).await?.into())
    }

    /// PENDING to RUNNING.
    async fn start_sync_run(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The run.")] run_id: ID,
    ) -> Result<StartSyncRunPayload> {
        Ok(ctx.runs().start(uuid("runId", &run_id)?).await?.into())
    }

    /// Adds an event to a run, ended or not. Safe to repeat under an id of the worker's own.
    async fn add_sync_event(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The run and the event.")] input: AddSyncEventInput,
    ) -> Result<AddSyncEventPayload> {
        let (run_id, event) = input.parse()?;
        let (event, replayed) = ctx.runs().add_event(run_id, event).await?;
        Ok(AddSyncEventPayload::new(event, replayed))
    }

    /// Adds up to 1000 events to a run, ended or not: all are stored or none is.
    async fn add_sync_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The run and the events.")] input: AddSyncEventsInput,
    ) -> Result<AddSyncEventsPayload> {
        let (run_id, events) = input.parse()?;
        let added = ctx.runs().add_events(run_id, events).await?;
        Ok(AddSyncEventsPayload::new(run_id, added))
    }

    /// Counters of an open run, and a sign of life.
    async fn report_sync_progress(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The run and its progress.")] input: ReportSyncProgressInput,
    ) -> Result<ReportSyncProgressPayload> {
        let (run_id, progress) = input.parse()?;
        Ok(ctx.runs().report_progress(run_id, &progress).await?.into())
    }

    /// Ends an open run: COMPLETED unless `status` says otherwise.
    async fn complete_sync_run(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The run and its outcome.")] input: CompleteSyncRunInput,
    ) -> Result<CompleteSyncRunPayload> {
        let (run_id, outcome) = input.parse()?;
        Ok(ctx.runs().complete(run_id, &outcome).await?.into())
    }

    /// Ends an open run CANCELLED.
    async fn cancel_sync_run(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The run and the reason.")] input: CancelSyncRunInput,
    ) -> Result<CancelSyncRunPayload> {
        let (run_id, outcome) = input.parse()?;
        Ok(ctx.runs().complete(run_id, &outcome).await?.into())
    }

    /// Ends all open runs CANCELLED, or those of some entity types and sources.
    async fn cancel_active_sync_runs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which runs, and the reason.")] input: CancelActiveSyncRunsInput,
    ) -> Result<CancelActiveSyncRunsPayload> {
        let (types, sources, reason) = input.parse()?;
        let runs = ctx.runs();
        let runs = runs.cancel_active(types.as_deref(), sources.as_deref(), reason.as_deref());
        Ok(runs.await?.into())
    }
}
