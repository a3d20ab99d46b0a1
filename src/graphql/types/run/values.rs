//! Values of a run that are derived from its row. Resolvers and the table of fields both call these.

use std::borrow::Cow;

use entity::{Details, instant};

use crate::{
    graphql::types::{scalars::DateTime, stored::served_text},
    runs::{self, Run, status},
};

fn has_ended(run: &Run) -> bool {
    run.status().is_ok_and(status::has_ended)
}

/// Returns when the run ended, `None` if it is open or the stored time cannot be represented.
pub(super) fn completed_at(run: &Run) -> Option<DateTime> {
    // Rows from before adoption may have ended without a completion time. The latest known time is
    // the best estimate.
    let latest = || run.updated_at.unwrap_or(run.started_at);
    let ended_at = has_ended(run).then(|| run.completed_at.unwrap_or_else(latest));
    ended_at
        .filter(|at| instant::is_representable(*at))
        .map(DateTime)
}

/// Returns when the run last changed.
pub(super) fn updated_at(run: &Run) -> DateTime {
    DateTime(runs::updated_at(run))
}

/// Returns when the worker reported last, `None` if the stored time cannot be represented. `latest_event` is the time of the
/// latest report among the run's events.
pub(super) fn last_heartbeat_at(
    run: &Run,
    latest_event: Option<chrono::DateTime<chrono::Utc>>,
) -> Option<DateTime> {
    let at = (!run.is_missing).then(|| runs::last_report(run, latest_event));
    at.filter(|at| instant::is_representable(*at)).map(DateTime)
}

/// Returns an instant of the row, `None` if there is none or it cannot be represented.
pub(super) fn optional_instant(at: Option<chrono::DateTime<chrono::Utc>>) -> Option<DateTime> {
    at.filter(|at| instant::is_representable(*at)).map(DateTime)
}

/// Returns the duration in seconds, `None` if the run is open.
#[expect(
    clippy::cast_precision_loss,
    reason = "exact for 285 years of microseconds"
)]
pub(super) fn duration_seconds(run: &Run) -> Option<f64> {
    runs::duration_micros(run).map(|micros| micros as f64 / 1e6)
}

/// Returns the fraction of the expected records that has been processed, `None` if it is unknown.
pub(super) fn progress(run: &Run) -> Option<f64> {
    let expected = run.records_expected?;
    if expected <= 0 {
        // Nothing was expected, so everything is done.
        return Some(1.0);
    }
    let fraction = f64::from(run.records_processed) / f64::from(expected);
    Some(fraction.clamp(0.0, 1.0))
}

/// Returns the error message, preceded by a sentence for each stored value that cannot be read.
pub(super) fn error_message(run: &Run) -> Option<String> {
    let message = run.error_message.as_deref().map(served_text);
    match (unreadable_values(run), message) {
        (Some(unreadable), Some(message)) => Some(format!("{unreadable} {message}")),
        (unreadable, message) => unreadable.or(message.map(Cow::into_owned)),
    }
}

fn unreadable_values(run: &Run) -> Option<String> {
    if run.is_missing {
        return Some("The run does not exist.".to_owned());
    }
    let enums = [
        run.status().err(),
        run.source().err(),
        run.entity_type().err(),
    ];
    let enums = enums.into_iter().flatten().map(|unknown| {
        let (column, text) = (unknown.column, unknown.text);
        format!("The stored {column} is `{text}`, which this server does not know.")
    });
    let values = run.unreadable.iter().map(|unreadable| {
        let (column, value) = (unreadable.column, &unreadable.value);
        format!("The stored {column} is `{value}`, which cannot be represented.")
    });
    let details = match &run.details {
        Details::Unreadable { reason, .. } => {
            Some(format!("The stored details cannot be read: {reason}."))
        }
        _ => None,
    };
    let sentences: Vec<String> = enums.chain(values).chain(details).collect();
    (!sentences.is_empty()).then(|| sentences.join(" "))
}
