//! Events of the same time in the order in which they were written (PostgreSQL).
//!
//! Lists were ordered by time and id, which shuffled the events that one call or transaction wrote. Events from before
//! adoption have no `seq`; they come before others of the same time, by id.

use crate::{Index, Indexes};

pub(crate) fn migration() -> Indexes {
    Indexes {
        created: ORDERED.to_vec(),
        replaced: &REPLACED,
        ..Indexes::new(file!())
    }
}

const ORDERED: [Index; 3] = [
    (
        "ix_sync_event_by_run",
        "sync_event",
        "(sync_id, \"timestamp\", coalesce(seq, 0), id)",
    ),
    (
        "ix_sync_event_by_time",
        "sync_event",
        "(\"timestamp\", coalesce(seq, 0), id)",
    ),
    (
        "ix_sync_event_by_type",
        "sync_event",
        "(event_type, \"timestamp\", coalesce(seq, 0), id)",
    ),
];

/// By time and id.
const REPLACED: [&str; 3] = [
    "ix_sync_event_run_oldest",
    "ix_sync_event_newest",
    "ix_sync_event_type_newest",
];
