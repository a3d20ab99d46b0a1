//! Runs: the type with its table of fields, its lists, and the inputs and payloads of its mutations.

mod change;
mod connection;
mod details_filter;
mod enums;
mod filter;
mod input;
mod order;
mod payload;
mod sync_run;
#[cfg(test)]
mod tests;
mod values;

pub(crate) use change::{SyncChangeKind, SyncRunChange};
pub(crate) use connection::list_runs;
pub(crate) use enums::{SyncEntityType, SyncSource, SyncStatus, from_stored, parse_enum};
pub(crate) use filter::SyncRunFilter;
pub(crate) use input::{
    CancelActiveSyncRunsInput, CancelSyncRunInput, CancelSyncRunsInput, CompleteSyncRunInput,
    CreateSyncRunInput, DeleteSyncRunsInput, ReportSyncProgressInput,
};
pub(crate) use order::{OrderDirection, SyncRunOrder};
pub(crate) use payload::{
    CancelActiveSyncRunsPayload, CancelSyncRunPayload, CancelSyncRunsPayload,
    CompleteSyncRunPayload, CreateSyncRunPayload, DeleteSyncRunsPayload, ReportSyncProgressPayload,
    StartSyncRunPayload,
};
pub(crate) use sync_run::SyncRun;
