//! Rows of the feed: changes of runs, and added events.

use std::sync::Arc;

use entity::{Details, SyncChangeKind, change};

use super::position::FeedCursor;
use crate::{
    events::Event,
    runs::{Run, filter::RunFilter, status},
};

/// A committed change of a run.
#[derive(Debug)]
pub(crate) struct Change {
    /// Position after this change.
    pub(crate) cursor: FeedCursor,
    /// The row of the change log.
    pub(crate) row: change::Model,
    /// What changed.
    pub(crate) kind: SyncChangeKind,
    /// The run at the time the change was read, which may be later than the change; `None` if it has been deleted.
    pub(crate) run: Option<Arc<Run>>,
    /// The run before the change, with the values that a filter can test; `None` if the change created it.
    before: Option<Arc<Run>>,
    /// The run after the change, with the values that a filter can test; `None` if the change deleted it.
    after: Option<Arc<Run>>,
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
    /// Creates a change from its row and the current state of its run. Returns `None` for a kind that this release does
    /// not know, and if neither the run nor the row says what a filter would test: an earlier release wrote the row.
    pub(super) fn new(
        cursor: FeedCursor,
        row: change::Model,
        run: Option<&Arc<Run>>,
    ) -> Option<Self> {
        let kind = row.kind().ok()?;
        // A run with the same ID may have been created since.
        let run = run.filter(|_| kind != SyncChangeKind::Deleted);
        let base = match run {
            Some(run) => without_details(run),
            None if row.has_filter_values() => deleted_run(&row),
            None => return None,
        };
        let before = (kind != SyncChangeKind::Created).then(|| run_before(&row, base.clone()));
        let after = (kind != SyncChangeKind::Deleted).then(|| match run {
            Some(run) if run.version == row.version => Arc::clone(run),
            _ => run_after(&row, base),
        });
        Some(Self {
            cursor,
            kind,
            before,
            after,
            run: run.cloned(),
            row,
        })
    }

    /// Returns whether the run matches `filter` after the change, with the details that it has now.
    pub(super) fn matches(&self, filter: &RunFilter) -> bool {
        match (&self.run, &self.after) {
            (Some(run), Some(after)) => filter.matches_with(after, &run.details),
            _ => false,
        }
    }

    /// Returns whether the run matches `filter` before or after the change, with the details that it has now. The texts and
    /// details of a deleted run are no longer known: it matches if it would with some.
    pub(super) fn concerns(&self, filter: &RunFilter) -> bool {
        self.states().any(|run| match &self.run {
            Some(now) => filter.matches_with(run, &now.details),
            None => filter.may_match(run),
        })
    }

    /// Returns the run before and after the change, as far as it existed, with the values that a filter can test.
    pub(super) fn states(&self) -> impl Iterator<Item = &Run> {
        let states = [&self.before, &self.after].into_iter().flatten();
        states.map(Arc::as_ref)
    }

    /// Returns whether nothing is added to the run after the change.
    ///
    /// A run that was closed as lost may still be recovered, which adds an event.
    pub(super) fn ends_run(&self) -> bool {
        let has_ended = self.row.status().is_ok_and(status::has_ended);
        let may_be_recovered = self.run.as_ref().is_some_and(|run| match run.recovered_at {
            Some(recovered_at) => self.row.changed_at < recovered_at,
            None => status::is_lost(run),
        });
        self.kind == SyncChangeKind::Deleted || has_ended && !may_be_recovered
    }
}

fn run_before(row: &change::Model, run: Run) -> Arc<Run> {
    let mut before = run;
    if let Some(status) = &row.previous_status {
        before.status.clone_from(status);
    }
    before.completed_at = row.previous_completed_at;
    before.records_processed = row.previous_records_processed.unwrap_or_default();
    before.records_failed = row.previous_records_failed.unwrap_or_default();
    before.error_message.clone_from(&row.previous_error_message);
    if let Some(entity_type) = &row.previous_entity_type {
        before.entity_type.clone_from(entity_type);
        before.source = row.previous_source.clone().unwrap_or_default();
        before.started_at = row.previous_started_at.unwrap_or_default();
        before.triggered_by_id = row.previous_triggered_by_id;
        before.records_created = row.previous_records_created.unwrap_or_default();
        before.records_updated = row.previous_records_updated.unwrap_or_default();
        before.updated_at = row.previous_updated_at;
    }
    Arc::new(before)
}

fn run_after(row: &change::Model, run: Run) -> Arc<Run> {
    let mut after = run;
    after.status.clone_from(&row.status);
    after.completed_at = row.completed_at;
    after.records_processed = row.records_processed;
    after.records_failed = row.records_failed;
    after.error_message.clone_from(&row.error_message);
    after.updated_at = Some(row.changed_at);
    if let Some(entity_type) = &row.entity_type {
        after.entity_type.clone_from(entity_type);
        after.source = row.source.clone().unwrap_or_default();
        after.started_at = row.started_at.unwrap_or_default();
        after.triggered_by_id = row.triggered_by_id;
        after.records_created = row.records_created.unwrap_or_default();
        after.records_updated = row.records_updated.unwrap_or_default();
    }
    Arc::new(after)
}

/// Returns a deleted run, whose values are to be set.
fn deleted_run(row: &change::Model) -> Run {
    Run {
        details: Details::NotLoaded,
        version: row.version,
        ..Run::missing(row.run_id, row.changed_at)
    }
}

/// Details may be large, and filters test those that the run has now.
fn without_details(run: &Run) -> Run {
    let mut run = run.clone();
    run.details = Details::NotLoaded;
    run
}
