//! The root fields of mutations.

use async_graphql::{Context, ID, Object, Result};

use super::{
    auth_guard::{Authorize, RequireScope},
    context::ContextExt,
    fast_path::FastFields,
    types::{
        event::{AddSyncEventInput, AddSyncEventPayload, AddSyncEventsInput, AddSyncEventsPayload},
        id::parse_uuid,
        run::{
            CancelActiveSyncRunsInput, CancelActiveSyncRunsPayload, CancelSyncRunInput,
            CancelSyncRunPayload, CancelSyncRunsInput, CancelSyncRunsPayload, CompleteSyncRunInput,
            CompleteSyncRunPayload, CreateSyncRunInput, CreateSyncRunPayload, DeleteSyncRunsInput,
            DeleteSyncRunsPayload, ReportSyncProgressInput, ReportSyncProgressPayload,
            StartSyncRunPayload, SyncRun,
        },
    },
};
use crate::{auth::Scope, runs::RunColumns};

/// The root of mutations.
#[derive(Debug)]
pub(crate) struct Mutation;

/// The mutation root. Every mutation can be retried safely: repeating a call changes nothing and returns
/// `replayed: true` where the payload has that field. Creating runs and events can be retried if the input
/// gives an id.
#[Object]
impl Mutation {
    /// Creates a run. Requires the scope `report`.
    #[graphql(guard = "RequireScope(Scope::Report)")]
    async fn create_sync_run(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The run to create.")] input: CreateSyncRunInput,
    ) -> Result<Option<CreateSyncRunPayload>> {
        let mut new = input.parse(ctx.lossy_numbers())?;
        new.triggered_by_id = ctx.authorize_trigger(new.triggered_by_id)?;
        new.created_by = ctx.author();
        let (scope, columns) = (ctx.write_scope(), selected_columns(ctx));
        let created = ctx.runs().create(new, &scope, columns).await;
        let created = created.map_err(|error| ctx.rejected(error))?;
        ctx.audit(&created.run, created.replayed);
        Ok(Some(created.into()))
    }

    /// Starts a run: changes its status from PENDING to RUNNING. Requires the scope `report`.
    #[graphql(guard = "RequireScope(Scope::Report)")]
    async fn start_sync_run(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The run's UUID.")] run_id: ID,
    ) -> Result<Option<StartSyncRunPayload>> {
        let run_id = parse_uuid("runId", &run_id)?;
        let started = ctx.runs().start(run_id, &ctx.write_scope()).await;
        let started = started.map_err(|error| ctx.rejected(error))?;
        ctx.audit(&started.run, started.replayed);
        Ok(Some(started.into()))
    }

    /// Adds an event to a run, which may be open or have ended. Requires the scope `report`.
    #[graphql(guard = "RequireScope(Scope::Report)")]
    async fn add_sync_event(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The run and the event to add.")] input: AddSyncEventInput,
    ) -> Result<Option<AddSyncEventPayload>> {
        let (run_id, event) = input.parse(ctx.lossy_numbers())?;
        let (scope, run) = (ctx.write_scope(), selected_run(ctx));
        let added = ctx.events().add(run_id, event, &scope, run).await;
        let added = added.map_err(|error| ctx.rejected(error))?;
        Ok(Some(AddSyncEventPayload::new(added)))
    }

    /// Adds up to 1,000 events to a run, which may be open or have ended. Either all events are stored or
    /// none is. Requires the scope `report`.
    #[graphql(guard = "RequireScope(Scope::Report)")]
    async fn add_sync_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The run and the events to add.")] input: AddSyncEventsInput,
    ) -> Result<Option<AddSyncEventsPayload>> {
        let (run_id, events) = input.parse(ctx.lossy_numbers())?;
        let (scope, run) = (ctx.write_scope(), selected_run(ctx));
        let added = ctx.events().add_many(run_id, events, &scope, run).await;
        let added = added.map_err(|error| ctx.rejected(error))?;
        Ok(Some(AddSyncEventsPayload::new(run_id, added)))
    }

    /// Updates the counters and details of an open run. Requires the scope `report`.
    #[graphql(guard = "RequireScope(Scope::Report)")]
    async fn report_sync_progress(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The run and its progress.")] input: ReportSyncProgressInput,
    ) -> Result<Option<ReportSyncProgressPayload>> {
        let (run_id, progress) = input.parse(ctx.lossy_numbers())?;
        let scope = ctx.write_scope();
        let run = ctx.runs().report_progress(run_id, progress, &scope).await;
        let run = run.map_err(|error| ctx.rejected(error))?;
        Ok(Some(run.into()))
    }

    /// Ends an open run with an outcome, COMPLETED by default. Requires the scope `report`.
    #[graphql(guard = "RequireScope(Scope::Report)")]
    async fn complete_sync_run(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The run and its outcome.")] input: CompleteSyncRunInput,
    ) -> Result<Option<CompleteSyncRunPayload>> {
        let (run_id, mut outcome) = input.parse(ctx.lossy_numbers())?;
        outcome.ended_by = ctx.author();
        let (scope, columns) = (ctx.write_scope(), selected_columns(ctx));
        let ended = ctx.runs().complete(run_id, &outcome, &scope, columns).await;
        let ended = ended.map_err(|error| ctx.rejected(error))?;
        ctx.audit(&ended.run, ended.replayed);
        Ok(Some(ended.into()))
    }

    /// Cancels an open run. Requires the scope `operate`.
    #[graphql(guard = "RequireScope(Scope::Operate)")]
    async fn cancel_sync_run(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The run to cancel, and the reason.")] input: CancelSyncRunInput,
    ) -> Result<Option<CancelSyncRunPayload>> {
        let (run_id, mut outcome) = input.parse()?;
        outcome.ended_by = ctx.author();
        let (scope, columns) = (ctx.write_scope(), selected_columns(ctx));
        let ended = ctx.runs().complete(run_id, &outcome, &scope, columns).await;
        let ended = ended.map_err(|error| ctx.rejected(error))?;
        ctx.audit(&ended.run, ended.replayed);
        Ok(Some(ended.into()))
    }

    /// Cancels up to 100 runs, each on its own: one that cannot be cancelled does not prevent the others from being
    /// cancelled. Requires the scope `operate`.
    #[graphql(guard = "RequireScope(Scope::Operate)")]
    async fn cancel_sync_runs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The runs to cancel, and the reason.")] input: CancelSyncRunsInput,
    ) -> Result<Option<CancelSyncRunsPayload>> {
        let (ids, mut outcome) = input.parse(ctx.runs())?;
        outcome.ended_by = ctx.author();
        let (scope, columns) = (ctx.write_scope(), selected_columns(ctx));
        let parsed = ids.iter().map(|id| parse_uuid("runIds", id)).collect();
        let cancelled = ctx.runs().cancel_all(parsed, &outcome, &scope, columns);
        let cancelled = cancelled.await?;
        for cancelled in cancelled.iter().flatten() {
            ctx.audit(&cancelled.run, cancelled.replayed);
        }
        let results = ids.into_iter().zip(cancelled);
        Ok(Some(CancelSyncRunsPayload::new(ctx, results)?))
    }

    /// Deletes up to 100 runs with their events, open ones too. They are gone for good, and subscriptions report each as
    /// DELETED. If some cannot be deleted, the others are nevertheless, and `extensions.deletedRunIds` of the error lists
    /// them. Requires the scope `admin`.
    #[graphql(guard = "RequireScope(Scope::Admin)")]
    async fn delete_sync_runs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The runs to delete.")] input: DeleteSyncRunsInput,
    ) -> Result<Option<DeleteSyncRunsPayload>> {
        let ids = input.parse(ctx.runs())?;
        let deleted = ctx.runs().delete_all(&ids, &ctx.write_scope()).await;
        for run in &deleted.runs {
            ctx.audit(run, false);
        }
        Ok(Some(DeleteSyncRunsPayload::new(ctx, deleted)?))
    }

    /// Cancels the open runs that match all given criteria: up to 1,000 per call. Requires the scope `operate`.
    #[graphql(guard = "RequireScope(Scope::Operate)")]
    async fn cancel_active_sync_runs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The runs to cancel, and the reason.")] input: CancelActiveSyncRunsInput,
    ) -> Result<Option<CancelActiveSyncRunsPayload>> {
        let mut cancel = input.parse()?;
        cancel.ended_by = ctx.author();
        let columns = SyncRun::columns(&[ctx.look_ahead().field("runs")]);
        let columns = columns.unwrap_or(RunColumns::WithoutDetails);
        let (runs, scope) = (ctx.runs(), ctx.write_scope());
        let cancelled = runs.cancel_active(&cancel, &scope, columns).await;
        let cancelled = cancelled.map_err(|error| ctx.rejected(error))?;
        for run in &cancelled.runs {
            ctx.audit(run, false);
        }
        Ok(Some(cancelled.into()))
    }
}

/// Returns the columns of the run that the payload selects; `None` if it does not select the run. A single
/// run is read with its details for `errorMessage` too, which reports whether they are readable.
fn selected_run(ctx: &Context<'_>) -> Option<RunColumns> {
    let payload = ctx.look_ahead();
    let runs = [
        payload.field("run"),
        payload.field("runEdge").field("node"),
        payload.field("results").field("run"),
    ];
    let columns = SyncRun::columns(&runs)?;
    if runs.iter().any(|run| run.field("errorMessage").exists()) {
        return Some(RunColumns::All);
    }
    Some(columns)
}

/// Returns the columns of the written run to read. The audit log needs those without details.
fn selected_columns(ctx: &Context<'_>) -> RunColumns {
    selected_run(ctx).unwrap_or(RunColumns::WithoutDetails)
}
