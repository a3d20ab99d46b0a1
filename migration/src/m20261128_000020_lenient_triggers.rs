//! Triggers that fail for no value that the tables accept, since they would prevent other writers from storing it.
//!
//! The last version that the column can hold stays. On PostgreSQL the change log accepts texts of any length and missing
//! values. On SQLite the timestamps of writers who set `updated_at`, and those of events that are changed, are converted to
//! the stored format, too.

use crate::{
    Script,
    m20261128_000011_stored_completion::{canonical, postgres_change, sqlite_run_triggers},
    m20261128_000015_deletions::{COLUMNS, PREVIOUS_ONLY},
};

pub(crate) fn migration() -> Script {
    let postgres = POSTGRES.to_owned() + &postgres_change(&COLUMNS, &PREVIOUS_ONLY, &[]);
    let sqlite = sqlite_run_triggers(&COLUMNS, &PREVIOUS_ONLY, &[]) + &sqlite_event_trigger();
    Script::new(file!(), postgres, sqlite)
}

const POSTGRES: &str = "
ALTER TABLE sync_history.sync_change
    ALTER COLUMN status TYPE text,
    ALTER COLUMN previous_status TYPE text,
    ALTER COLUMN status DROP NOT NULL,
    ALTER COLUMN version DROP NOT NULL,
    ALTER COLUMN records_processed DROP NOT NULL,
    ALTER COLUMN records_failed DROP NOT NULL;
";

fn sqlite_event_trigger() -> String {
    let timestamp = canonical("NEW.\"timestamp\"");
    format!(
        r#"
CREATE TRIGGER sync_event_canonical_update AFTER UPDATE OF "timestamp" ON sync_event
WHEN NEW."timestamp" IS NOT {timestamp}
BEGIN
    UPDATE sync_event SET "timestamp" = {timestamp} WHERE seq = NEW.seq;
END;
"#
    )
}
