//! Who created and ended a run through this server.
//!
//! The columns stand at the end and are NULL in the rows of other writers, who need not know them. One of these who changes
//! the status of a run clears the name of the one who ended it: that is no longer who ended it, or it has not ended.

use crate::{
    Script,
    m20261128_000011_stored_completion::{postgres_change, sqlite_run_triggers},
    m20261128_000015_deletions::{COLUMNS, PREVIOUS_ONLY},
};

pub(crate) fn migration() -> Script {
    let of_status = ["ended_by_name"];
    let postgres = POSTGRES.to_owned() + &postgres_change(&COLUMNS, &PREVIOUS_ONLY, &of_status);
    let sqlite = SQLITE.to_owned() + &sqlite_run_triggers(&COLUMNS, &PREVIOUS_ONLY, &of_status);
    Script::new(file!(), postgres, sqlite)
}

const POSTGRES: &str = "
ALTER TABLE sync_history.sync_history
    ADD COLUMN IF NOT EXISTS created_by_name text,
    ADD COLUMN IF NOT EXISTS created_by_key uuid,
    ADD COLUMN IF NOT EXISTS ended_by_name text;
";

const SQLITE: &str = "
ALTER TABLE sync_history ADD COLUMN created_by_name text
    CHECK (typeof(created_by_name) IN ('text', 'null'));
ALTER TABLE sync_history ADD COLUMN created_by_key blob
    CHECK (created_by_key IS NULL OR typeof(created_by_key) = 'blob' AND length(created_by_key) = 16);
ALTER TABLE sync_history ADD COLUMN ended_by_name text
    CHECK (typeof(ended_by_name) IN ('text', 'null'));
";
