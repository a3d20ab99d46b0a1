//! Inputs of mutations of runs.

use std::str::FromStr;

use async_graphql::{ID, InputObject};
use uuid::Uuid;

use super::enums::{SyncEntityType, SyncOutcome, SyncSource, SyncStatus, parse_enum};
use crate::{
    graphql::{
        lossy_numbers::LossyNumbers,
        types::{
            id::{distinct, parse_uuid, parse_uuids},
            scalars::{DateTime, Json},
        },
    },
    runs::{
        Result, Runs,
        commands::{CancelActive, Counts, NewRun, Outcome, Progress},
        status::Actor,
    },
};

/// Input of `createSyncRun`.
#[derive(Debug, InputObject)]
pub(crate) struct CreateSyncRunInput {
    /// The run's UUID. If given, the mutation can be retried safely; otherwise the server generates a UUID
    /// of version 7.
    id: Option<ID>,
    /// The type of the records that the run transfers.
    entity_type: SyncEntityType,
    /// The system that the records come from.
    source: SyncSource,
    /// The initial status: PENDING, the default, or RUNNING.
    #[graphql(default_with = "SyncStatus::Pending")]
    status: SyncStatus,
    /// When the run started, at most a day in the future. Defaults to the current time.
    started_at: Option<DateTime>,
    /// The number of records that the worker expects to read.
    records_expected: Option<i32>,
    /// The UUID of the user who triggered the run. Defaults to the authenticated user. Naming another user
    /// requires the scope `operate`.
    triggered_by_id: Option<ID>,
    /// Additional data: a JSON object of at most 64 KiB.
    details: Option<Json>,
    /// Closes the run as lost, with the status FAILED, after this many seconds without a report: progress, event or heartbeat.
    /// From 1 to 2,592,000 (30 days). The run is never closed if absent or null.
    heartbeat_timeout_seconds: Option<i32>,
}

impl CreateSyncRunInput {
    /// Converts the input to a command.
    ///
    /// # Errors
    /// Returns [`Error::BadInput`](crate::runs::Error::BadInput) if an id is malformed, an enum is `UNKNOWN` or a number cannot be
    /// stored exactly.
    pub(crate) fn parse(self, lossy: &LossyNumbers) -> Result<NewRun> {
        let details = self.details.map(|details| details.into_input(lossy));
        let id = |name, id: Option<ID>| id.map(|id| parse_uuid(name, &id)).transpose();
        Ok(NewRun {
            id: id("id", self.id)?,
            entity_type: parse_enum("entityType", self.entity_type)?,
            source: parse_enum("source", self.source)?,
            status: parse_enum("status", self.status)?,
            started_at: self.started_at.map(|at| at.0),
            records_expected: self.records_expected,
            triggered_by_id: id("triggeredById", self.triggered_by_id)?,
            details: details.transpose()?,
            heartbeat_timeout_seconds: self.heartbeat_timeout_seconds,
            created_by: None,
        })
    }
}

/// The counters of a run: totals so far, not increments. A counter that is absent or null is unchanged.
#[derive(Clone, Copy, Debug, Default, InputObject)]
#[expect(clippy::struct_field_names, reason = "the contract's")]
pub(crate) struct SyncCountsInput {
    /// The number of records read so far.
    records_processed: Option<i32>,
    /// The number of records created in the target system so far.
    records_created: Option<i32>,
    /// The number of records updated in the target system so far.
    records_updated: Option<i32>,
    /// The number of records that could not be transferred so far.
    records_failed: Option<i32>,
}

impl From<SyncCountsInput> for Counts {
    fn from(counts: SyncCountsInput) -> Self {
        Self {
            processed: counts.records_processed,
            created: counts.records_created,
            updated: counts.records_updated,
            failed: counts.records_failed,
        }
    }
}

/// Input of `reportSyncProgress`. With `runId` alone it is a heartbeat.
#[derive(Debug, InputObject)]
pub(crate) struct ReportSyncProgressInput {
    /// The run's UUID.
    run_id: ID,
    /// The counters so far. A counter never decreases: if reports arrive out of order, the highest value is
    /// kept.
    counts: Option<SyncCountsInput>,
    /// The number of records that the worker expects to read. Unchanged if absent or null.
    records_expected: Option<i32>,
    /// Additional data: a JSON object of at most 64 KiB, merged into the run's details key by key. The result has at most 256
    /// KiB.
    details: Option<Json>,
}

impl ReportSyncProgressInput {
    /// Converts the input to the run's id and a command.
    ///
    /// # Errors
    /// Returns [`Error::BadInput`](crate::runs::Error::BadInput) if the id is malformed or a number cannot be stored
    /// exactly.
    pub(crate) fn parse(self, lossy: &LossyNumbers) -> Result<(Uuid, Progress)> {
        let details = self.details.map(|details| details.into_input(lossy));
        let progress = Progress {
            counts: self.counts.unwrap_or_default().into(),
            records_expected: self.records_expected,
            details: details.transpose()?,
        };
        Ok((parse_uuid("runId", &self.run_id)?, progress))
    }
}

/// Input of `completeSyncRun`.
#[derive(Debug, InputObject)]
pub(crate) struct CompleteSyncRunInput {
    /// The run's UUID.
    run_id: ID,
    /// The final status. COMPLETED by default.
    #[graphql(default_with = "SyncOutcome::Completed")]
    status: SyncOutcome,
    /// The final counters.
    counts: Option<SyncCountsInput>,
    /// When the run ended, not before its `startedAt` and at most a day in the future. Defaults to the time
    /// that another application has stored, or the current time.
    completed_at: Option<DateTime>,
    /// Why the run failed, at most 64 KiB.
    error_message: Option<String>,
    /// Additional data: a JSON object of at most 64 KiB, merged into the run's details key by key. The result has at most 256
    /// KiB.
    details: Option<Json>,
}

impl CompleteSyncRunInput {
    /// Converts the input to the run's id and a command.
    ///
    /// # Errors
    /// Returns [`Error::BadInput`](crate::runs::Error::BadInput) if the id is malformed or a number cannot be stored
    /// exactly.
    pub(crate) fn parse(self, lossy: &LossyNumbers) -> Result<(Uuid, Outcome)> {
        let details = self.details.map(|details| details.into_input(lossy));
        let outcome = Outcome {
            status: self.status.into(),
            counts: self.counts.unwrap_or_default().into(),
            completed_at: self.completed_at.map(|at| at.0),
            error_message: self.error_message,
            details: details.transpose()?,
            ended_by: None,
            actor: Actor::Worker,
        };
        Ok((parse_uuid("runId", &self.run_id)?, outcome))
    }
}

/// Input of `cancelSyncRun`.
#[derive(Debug, InputObject)]
pub(crate) struct CancelSyncRunInput {
    /// The run's UUID.
    run_id: ID,
    /// Why the run is cancelled, at most 64 KiB. Stored as its `errorMessage`.
    reason: Option<String>,
}

impl CancelSyncRunInput {
    /// Converts the input to the run's id and a command.
    ///
    /// # Errors
    /// Returns [`Error::BadInput`](crate::runs::Error::BadInput) if the id is malformed.
    pub(crate) fn parse(self) -> Result<(Uuid, Outcome)> {
        Ok((
            parse_uuid("runId", &self.run_id)?,
            Outcome::cancelled(self.reason),
        ))
    }
}

/// Input of `cancelSyncRuns`.
#[derive(Debug, InputObject)]
pub(crate) struct CancelSyncRunsInput {
    /// The runs' UUIDs, at most 100. A run that is given twice is cancelled once, and has two results.
    run_ids: Vec<ID>,
    /// Why the runs are cancelled, at most 64 KiB. Stored as their `errorMessage`.
    reason: Option<String>,
}

impl CancelSyncRunsInput {
    /// Converts the input to the IDs as they are given, which may be malformed, and a command.
    ///
    /// # Errors
    /// Returns [`Error::BadInput`](crate::runs::Error::BadInput) if there are too many IDs.
    pub(crate) fn parse(self, runs: &Runs) -> Result<(Vec<ID>, Outcome)> {
        runs.check_call_size(self.run_ids.len())?;
        Ok((self.run_ids, Outcome::cancelled(self.reason)))
    }
}

/// Input of `deleteSyncRuns`.
#[derive(Debug, InputObject)]
pub(crate) struct DeleteSyncRunsInput {
    /// The runs' UUIDs, at most 100. If one is malformed, no run is deleted.
    run_ids: Vec<ID>,
}

impl DeleteSyncRunsInput {
    /// Converts the input to distinct IDs.
    ///
    /// # Errors
    /// Returns [`Error::BadInput`](crate::runs::Error::BadInput) if an id is malformed or there are too many.
    pub(crate) fn parse(self, runs: &Runs) -> Result<Vec<Uuid>> {
        runs.check_call_size(self.run_ids.len())?;
        Ok(distinct(parse_uuids("runIds", &self.run_ids)?))
    }
}

/// Input of `cancelActiveSyncRuns`. At least one of `entityType`, `source`, `startedBefore` and `all: true` is required.
#[derive(Debug, InputObject)]
pub(crate) struct CancelActiveSyncRunsInput {
    /// Cancels only runs of these entity types. All entity types if absent or null; an empty list matches no run.
    entity_type: Option<Vec<SyncEntityType>>,
    /// Cancels only runs of these sources. All sources if absent or null; an empty list matches no run.
    source: Option<Vec<SyncSource>>,
    /// Cancels only runs whose `startedAt` is before this time. Runs of any time if absent or null.
    started_before: Option<DateTime>,
    /// Confirms that all open runs are meant, which is required if there is no other criterion. False by default.
    #[graphql(default)]
    all: bool,
    /// Why the runs are cancelled, at most 64 KiB. Stored as their `errorMessage`.
    reason: Option<String>,
}

impl CancelActiveSyncRunsInput {
    /// Converts the input to a command.
    ///
    /// # Errors
    /// Returns [`Error::BadInput`](crate::runs::Error::BadInput) if an enum is `UNKNOWN`.
    pub(crate) fn parse(self) -> Result<CancelActive> {
        Ok(CancelActive {
            entity_types: parse_enums("entityType", self.entity_type)?,
            sources: parse_enums("source", self.source)?,
            started_before: self.started_before.map(|at| at.0),
            all: self.all,
            reason: self.reason,
            ended_by: None,
        })
    }
}

fn parse_enums<E: FromStr>(
    name: &str,
    values: Option<Vec<impl AsRef<str>>>,
) -> Result<Option<Vec<E>>> {
    let parse = |values: Vec<_>| {
        let values = values.into_iter();
        values.map(|value| parse_enum(name, value)).collect()
    };
    values.map(parse).transpose()
}
