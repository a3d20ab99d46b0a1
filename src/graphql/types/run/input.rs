//! What is handed in about a run.

use async_graphql::{ID, InputObject};
use uuid::Uuid;

use super::enums::{SyncEntityType, SyncOutcome, SyncSource, SyncStatus, parse_enum};
use crate::{
    graphql::types::{
        id::parse_uuid,
        scalars::{DateTime, Json},
    },
    runs::{
        Result,
        commands::{CancelActive, Counts, NewRun, Outcome, Progress},
    },
};

/// A run to create.
#[derive(Debug, InputObject)]
pub(crate) struct CreateSyncRunInput {
    /// The worker's own UUID makes the call safe to repeat; without one the server picks one of version 7.
    id: Option<ID>,
    /// What is synchronised.
    entity_type: SyncEntityType,
    /// The system it is read from.
    source: SyncSource,
    /// PENDING or RUNNING.
    #[graphql(default_with = "SyncStatus::Pending")]
    status: SyncStatus,
    /// When the worker began; now, unless given.
    started_at: Option<DateTime>,
    /// How many records the worker expects.
    records_expected: Option<i32>,
    /// The user who started it.
    triggered_by_id: Option<ID>,
    /// A JSON object of at most 64 KiB.
    details: Option<Json>,
}

impl CreateSyncRunInput {
    /// The input as the domain knows it.
    pub(crate) fn parse(self) -> Result<NewRun> {
        let id = |name, id: Option<ID>| id.map(|id| parse_uuid(name, &id)).transpose();
        Ok(NewRun {
            id: id("id", self.id)?,
            entity_type: parse_enum("entityType", self.entity_type)?,
            source: parse_enum("source", self.source)?,
            status: parse_enum("status", self.status)?,
            started_at: self.started_at.map(|at| at.0),
            records_expected: self.records_expected,
            triggered_by_id: id("triggeredById", self.triggered_by_id)?,
            details: self.details.map(|details| details.0),
        })
    }
}

/// Totals so far, not increments. Absent means unchanged.
#[derive(Clone, Copy, Debug, Default, InputObject)]
#[expect(clippy::struct_field_names, reason = "the contract's")]
pub(crate) struct SyncCountsInput {
    /// Records read.
    records_processed: Option<i32>,
    /// Records made in the target.
    records_created: Option<i32>,
    /// Records altered in the target.
    records_updated: Option<i32>,
    /// Records that could not be taken over.
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

/// How far an open run has come.
#[derive(Debug, InputObject)]
pub(crate) struct ReportSyncProgressInput {
    /// The run.
    run_id: ID,
    /// Totals so far. A total never falls: of reports that overtake one another the highest stands.
    counts: Option<SyncCountsInput>,
    /// How many records the worker expects.
    records_expected: Option<i32>,
    /// Merged, key by key, into the run's details.
    details: Option<Json>,
}

impl ReportSyncProgressInput {
    /// The run, and the input as the domain knows it.
    pub(crate) fn parse(self) -> Result<(Uuid, Progress)> {
        let progress = Progress {
            counts: self.counts.unwrap_or_default().into(),
            records_expected: self.records_expected,
            details: self.details.map(|details| details.0),
        };
        Ok((parse_uuid("runId", &self.run_id)?, progress))
    }
}

/// How a run ended.
#[derive(Debug, InputObject)]
pub(crate) struct CompleteSyncRunInput {
    /// The run.
    run_id: ID,
    /// What it ended with.
    #[graphql(default_with = "SyncOutcome::Completed")]
    status: SyncOutcome,
    /// Final totals.
    counts: Option<SyncCountsInput>,
    /// When it ended; now, unless given. Not before the run's startedAt.
    completed_at: Option<DateTime>,
    /// Why it failed.
    error_message: Option<String>,
    /// Merged, key by key, into the run's details.
    details: Option<Json>,
}

impl CompleteSyncRunInput {
    /// The run, and the input as the domain knows it.
    pub(crate) fn parse(self) -> Result<(Uuid, Outcome)> {
        let outcome = Outcome {
            status: self.status.into(),
            counts: self.counts.unwrap_or_default().into(),
            completed_at: self.completed_at.map(|at| at.0),
            error_message: self.error_message,
            details: self.details.map(|details| details.0),
        };
        Ok((parse_uuid("runId", &self.run_id)?, outcome))
    }
}

/// A run to cancel.
#[derive(Debug, InputObject)]
pub(crate) struct CancelSyncRunInput {
    /// The run.
    run_id: ID,
    /// Why; becomes the run's errorMessage.
    reason: Option<String>,
}

impl CancelSyncRunInput {
    /// The run, and the input as the domain knows it.
    pub(crate) fn parse(self) -> Result<(Uuid, Outcome)> {
        Ok((
            parse_uuid("runId", &self.run_id)?,
            Outcome::cancelled(self.reason),
        ))
    }
}

/// Open runs to cancel.
#[derive(Debug, InputObject)]
pub(crate) struct CancelActiveSyncRunsInput {
    /// Of any of these entity types; of all, unless given.
    pub(crate) entity_type: Option<Vec<SyncEntityType>>,
    /// From any of these sources; from all, unless given.
    pub(crate) source: Option<Vec<SyncSource>>,
    /// Why; becomes the runs' errorMessage.
    pub(crate) reason: Option<String>,
}

impl CancelActiveSyncRunsInput {
    /// Returns the runs to cancel and the reason.
    pub(crate) fn parse(self) -> Result<CancelActive> {
        let types = self.entity_type.map(|types| {
            types
                .into_iter()
                .map(|value| parse_enum("entityType", value))
                .collect::<Result<_>>()
        });
        let sources = self.source.map(|sources| {
            sources
                .into_iter()
                .map(|value| parse_enum("source", value))
                .collect::<Result<_>>()
        });
        Ok(CancelActive {
            entity_types: types.transpose()?,
            sources: sources.transpose()?,
            reason: self.reason,
        })
    }
}
