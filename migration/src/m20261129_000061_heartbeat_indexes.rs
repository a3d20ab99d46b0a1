//! Indexes on the runs that may become lost, and on the latest report among the events of a run.

use crate::{Index, Indexes, create_indexes};

pub(crate) fn migration() -> Indexes {
    Indexes {
        created: HEARTBEATS.to_vec(),
        sqlite: create_indexes(&HEARTBEATS),
        ..Indexes::new(file!())
    }
}

/// The first holds no column that reports change, so that on PostgreSQL reports update no index because of it.
const HEARTBEATS: [Index; 2] = [
    (
        "ix_sync_history_with_timeout",
        "sync_history",
        "(id) WHERE heartbeat_timeout_seconds > 0 AND status IN ('pending', 'running')",
    ),
    (
        "ix_sync_event_reported",
        "sync_event",
        "(sync_id, reported_at) WHERE reported_at IS NOT NULL",
    ),
];
