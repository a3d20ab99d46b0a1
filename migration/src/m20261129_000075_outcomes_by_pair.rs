//! An index on the runs of each entity type and source that have completed or failed, newest first: it finds the last
//! successes of a pair, and the failures since, whatever the number of other runs.
//!
//! A run writes one entry in its life, when it ends.

use crate::{Index, Indexes, create_indexes};

pub(crate) fn migration() -> Indexes {
    Indexes {
        created: vec![OUTCOMES],
        sqlite: create_indexes(&[OUTCOMES]),
        ..Indexes::new(file!())
    }
}

const OUTCOMES: Index = (
    "ix_sync_history_pair_outcome_newest",
    "sync_history",
    "(entity_type, source, status, started_at DESC, id DESC) WHERE status = 'completed' OR status = 'failed'",
);
