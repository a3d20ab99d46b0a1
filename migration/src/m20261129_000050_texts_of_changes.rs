//! An index on the changes that hold texts of a run, which are removed together with the run. Most changes hold none.

use crate::{Index, Indexes, create_indexes};

pub(crate) fn migration() -> Indexes {
    Indexes {
        created: vec![TEXTS],
        sqlite: create_indexes(&[TEXTS]),
        ..Indexes::new(file!())
    }
}

const TEXTS: Index = (
    "ix_sync_change_texts",
    "sync_change",
    "(run_id) WHERE error_message IS NOT NULL OR previous_error_message IS NOT NULL",
);
