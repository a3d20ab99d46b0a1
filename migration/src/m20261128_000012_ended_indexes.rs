//! Indexes for the end and the duration of runs that have ended (PostgreSQL).
//!
//! They replace the indexes on `completed_at`, which other writers also store in runs that are still open. Readers take
//! such a run to have no end.

use crate::{Index, Indexes};

pub(crate) fn migration() -> Indexes {
    Indexes {
        created: ENDED.to_vec(),
        replaced: &REPLACED,
        ..Indexes::new(file!())
    }
}

const ENDED: [Index; 2] = [
    (
        "ix_sync_history_ended_at",
        "sync_history",
        "((CASE WHEN status IN ('completed', 'failed', 'cancelled') THEN completed_at END), id)",
    ),
    (
        "ix_sync_history_ended_duration",
        "sync_history",
        "((CASE WHEN status IN ('completed', 'failed', 'cancelled') \
            AND isfinite(completed_at) AND isfinite(started_at) \
            THEN greatest(completed_at - started_at, interval '0') END), id)",
    ),
];

/// On `completed_at`, and on the duration whatever the status.
const REPLACED: [&str; 2] = ["ix_sync_history_completed_at", "ix_sync_history_duration"];
