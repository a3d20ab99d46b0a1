//! Rows of the feed: changes of runs, and added events.

use std::sync::Arc;

use entity::{Details, SyncChangeKind, change};

use super::position::FeedCursor;
use crate::{
    events::Event,
    runs::{Run, status},
};

/// A committed change of a run.
#[derive(Debug)]
pub(crate) struct Change {
    /// Position after this change.
    pub(crate) cursor: FeedCursor,
    /// The row of the change log.
    pub(crate) row: change::Model,
    /// The run at the time the change was read, which may be later than the change.
    pub(crate) run: Arc<Run>,
    /// The run before the change, with the values that a filter can test; `None` if the change created it.
    pub(super) before: Option<Arc<Run>>,
    /// The run after the change, with the values that a filter can test.
    pub(super) after: Arc<Run>,
}

/// A committed event.
#[derive(Debug)]
pub(crate) struct AddedEvent {
    /// Position after this event.
    pub(super) cursor: FeedCursor,
    /// The event as stored.
    pub(super) event: Event,
}

impl Change {
    /// Creates a change from its row and the current state of its run.
    pub(super) fn new(cursor: FeedCursor, row: change::Model, run: &Arc<Run>) -> Self {
        Self {
            cursor,
            before: run_before(&row, run),
            after: run_after(&row, run),
            run: Arc::clone(run),
            row,
        }
    }

    /// Returns what changed. A kind that this release does not know counts as progress.
    pub(crate) fn kind(&self) -> SyncChangeKind {
        self.row.kind().unwrap_or(SyncChangeKind::Progress)
    }

    /// Returns whether the change ended the run.
    pub(super) fn ends_run(&self) -> bool {
        self.row.status().is_ok_and(status::has_ended)
    }
}

fn run_after(row: &change::Model, run: &Arc<Run>) -> Arc<Run> {
    if run.version == row.version {
        return Arc::clone(run);
    }
    let mut after = without_details(run);
    after.status.clone_from(&row.status);
    after.completed_at = row.completed_at;
    after.records_processed = row.records_processed;
    after.records_failed = row.records_failed;
    after.error_message.clone_from(&row.error_message);
    Arc::new(after)
}

fn run_before(row: &change::Model, run: &Run) -> Option<Arc<Run>> {
    let mut before = without_details(run);
    before.status = row.previous_status.clone()?;
    before.completed_at = row.previous_completed_at;
    before.records_processed = row.previous_records_processed.unwrap_or_default();
    before.records_failed = row.previous_records_failed.unwrap_or_default();
    before.error_message.clone_from(&row.previous_error_message);
    Some(Arc::new(before))
}

/// Filters do not test details, which may be large.
fn without_details(run: &Run) -> Run {
    let mut run = run.clone();
    run.details = Details::NotLoaded;
    run
}
