//! When a run has ended, and when it last changed. The database computes the same, see `store`.

use chrono::{DateTime, Utc};
use entity::instant::is_infinite;

use super::{Run, status};

/// Returns when the run ended; `None` if it is open, whatever another writer has stored in `completed_at`.
#[must_use]
pub fn ended_at(run: &Run) -> Option<DateTime<Utc>> {
    let has_ended = run.status().is_ok_and(status::has_ended);
    run.completed_at.filter(|_| has_ended)
}

/// Returns when the run last changed. Rows from before adoption have no such time until they change.
#[must_use]
pub fn updated_at(run: &Run) -> DateTime<Utc> {
    let latest = run.updated_at.or(ended_at(run));
    latest.unwrap_or(run.started_at)
}

/// Returns the microseconds from start to end, at least 0; `None` if the run is open or one of its times is infinite.
#[must_use]
pub fn duration_micros(run: &Run) -> Option<i64> {
    let ended_at = ended_at(run)?;
    if is_infinite(ended_at) || is_infinite(run.started_at) {
        return None;
    }
    let micros = (ended_at - run.started_at).num_microseconds()?;
    Some(micros.max(0))
}
