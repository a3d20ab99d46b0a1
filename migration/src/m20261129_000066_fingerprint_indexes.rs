//! Indexes on the runs with a fingerprint, and on those that lack one. Neither holds successful runs.

use crate::{Index, Indexes, create_indexes};

pub(crate) fn migration() -> Indexes {
    Indexes {
        created: INDEXES.to_vec(),
        sqlite: create_indexes(&INDEXES),
        ..Indexes::new(file!())
    }
}

const INDEXES: [Index; 3] = [
    (
        "ix_sync_history_fingerprint",
        "sync_history",
        "(error_fingerprint, started_at, id) WHERE error_fingerprint IS NOT NULL",
    ),
    (
        "ix_sync_history_fingerprint_status",
        "sync_history",
        "(error_fingerprint, status, started_at, id) WHERE error_fingerprint IS NOT NULL",
    ),
    (
        "ix_sync_history_unindexed",
        "sync_history",
        "(started_at, id) WHERE error_fingerprint IS NULL
            AND (error_message IS NOT NULL OR status = 'failed')",
    ),
];
