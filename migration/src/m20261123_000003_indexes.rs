//! Indexes for every documented filter and order.
//!
//! Lists are read newest first by default, so an index for a filter has the filtered column before
//! `(started_at, id)`. Each other order has an index on its column and `id`. The predecessor's two indexes keep
//! their names.

use crate::{Index, Indexes, create_indexes};

pub(crate) fn migration() -> Indexes {
    let sqlite = [RUNS, EVENTS, DURATION_SQLITE].concat();
    Indexes {
        created: [RUNS, EVENTS, DURATION_POSTGRES, FEED_POSTGRES].concat(),
        sqlite: create_indexes(&sqlite),
        ..Indexes::new(file!())
    }
}

const RUNS: &[Index] = &[
    // The predecessor's indexes.
    (
        "ix_sync_history_status_started_at",
        "sync_history",
        "(status, started_at DESC)",
    ),
    (
        "ix_sync_history_entity_source",
        "sync_history",
        "(entity_type, source)",
    ),
    // Lists, newest first: all runs, and by each filter.
    (
        "ix_sync_history_newest",
        "sync_history",
        "(started_at DESC, id DESC)",
    ),
    (
        "ix_sync_history_status_newest",
        "sync_history",
        "(status, started_at DESC, id DESC)",
    ),
    (
        "ix_sync_history_entity_type_newest",
        "sync_history",
        "(entity_type, started_at DESC, id DESC)",
    ),
    (
        "ix_sync_history_source_newest",
        "sync_history",
        "(source, started_at DESC, id DESC)",
    ),
    (
        "ix_sync_history_triggered_by_newest",
        "sync_history",
        "(triggered_by_id, started_at DESC, id DESC) WHERE triggered_by_id IS NOT NULL",
    ),
    // For errorContains, which only reads runs that have an error message.
    (
        "ix_sync_history_with_error_newest",
        "sync_history",
        "(started_at DESC, id DESC) WHERE error_message IS NOT NULL",
    ),
    // The other orders, and range filters on the same columns.
    (
        "ix_sync_history_completed_at",
        "sync_history",
        "(completed_at, id)",
    ),
    (
        "ix_sync_history_records_processed",
        "sync_history",
        "(records_processed, id)",
    ),
    (
        "ix_sync_history_records_failed",
        "sync_history",
        "(records_failed, id)",
    ),
];

// The feed of events reads the events that were committed since its last poll. Events from before the adoption have
// no seq and are not part of the feed. On SQLite seq is the primary key.
const FEED_POSTGRES: &[Index] = &[(
    "ix_sync_event_xid_seq",
    "sync_event",
    "(xid, seq) WHERE seq IS NOT NULL",
)];

const DURATION_POSTGRES: &[Index] = &[(
    "ix_sync_history_duration",
    "sync_history",
    "((CASE WHEN completed_at < started_at THEN interval '0' \
        WHEN isfinite(completed_at) AND isfinite(started_at) \
        THEN completed_at - started_at END), id)",
)];

const DURATION_SQLITE: &[Index] = &[(
    "ix_sync_history_duration",
    "sync_history",
    "(duration_us, id)",
)];

const EVENTS: &[Index] = &[
    (
        "ix_sync_event_run_oldest",
        "sync_event",
        "(sync_id, \"timestamp\", id)",
    ),
    (
        "ix_sync_event_newest",
        "sync_event",
        "(\"timestamp\" DESC, id DESC)",
    ),
    (
        "ix_sync_event_type_newest",
        "sync_event",
        "(event_type, \"timestamp\" DESC, id DESC)",
    ),
];
