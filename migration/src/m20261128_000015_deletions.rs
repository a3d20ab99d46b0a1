//! Deletions of runs in the change log.
//!
//! A deleted run can no longer be read, so each change records all values that a filter can test, besides texts, which
//! would make the log large. A change of kind `truncated` says that all runs were removed at once (PostgreSQL).

use crate::{
    Script,
    m20261128_000011_stored_completion::{NOW, postgres_change, sqlite_run_triggers},
};

pub(crate) fn migration() -> Script {
    let change = postgres_change(&COLUMNS, &PREVIOUS_ONLY, &[]);
    let postgres = add_columns(["text", "text", "timestamptz", "uuid", "integer", "integer"])
        + "ALTER TABLE sync_change ADD COLUMN previous_updated_at timestamptz;"
        + &postgres_functions()
        + &change;
    let sqlite = add_columns(["text", "text", "text", "blob", "integer", "integer"])
        + "ALTER TABLE sync_change ADD COLUMN previous_updated_at text;"
        + &sqlite_run_triggers(&COLUMNS, &PREVIOUS_ONLY, &[])
        + &sqlite_deletion();
    Script::new(file!(), postgres, sqlite)
}

pub(crate) const COLUMNS: [&str; 6] = [
    "entity_type",
    "source",
    "started_at",
    "triggered_by_id",
    "records_created",
    "records_updated",
];

/// After a change, it is the time of the change.
pub(crate) const PREVIOUS_ONLY: [&str; 1] = ["updated_at"];

fn add_columns(types: [&str; COLUMNS.len()]) -> String {
    let columns = COLUMNS.iter().zip(types);
    let add = columns.map(|(column, ty)| {
        format!(
            "ALTER TABLE sync_change ADD COLUMN {column} {ty};
            ALTER TABLE sync_change ADD COLUMN previous_{column} {ty};"
        )
    });
    add.collect()
}

// For the rules that these functions follow, see m20261123_000005_lean_triggers.rs.
fn postgres_functions() -> String {
    let deletion = record_deletion("sync_history.sync_change", "pg_catalog.clock_timestamp()");
    format!(
        r"
CREATE OR REPLACE FUNCTION sync_history.sync_history_record() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER AS $$
BEGIN
    INSERT INTO sync_history.sync_change (run_id, kind, status, version, changed_at,
        completed_at, records_processed, records_failed, error_message, entity_type, source,
        started_at, triggered_by_id, records_created, records_updated)
    VALUES (NEW.id, 'created', NEW.status, NEW.version,
        coalesce(NEW.updated_at, pg_catalog.clock_timestamp()),
        NEW.completed_at, NEW.records_processed, NEW.records_failed, NEW.error_message,
        NEW.entity_type, NEW.source, NEW.started_at, NEW.triggered_by_id, NEW.records_created,
        NEW.records_updated);
    RETURN NULL;
END $$;

CREATE FUNCTION sync_history.sync_history_record_deletion() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER AS $$
BEGIN
    {deletion}
    RETURN NULL;
END $$;

CREATE FUNCTION sync_history.sync_history_record_truncation() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER AS $$
BEGIN
    INSERT INTO sync_history.sync_change (run_id, kind, status, version, changed_at,
        records_processed, records_failed)
    VALUES ('00000000-0000-0000-0000-000000000000', 'truncated', '', 0,
        pg_catalog.clock_timestamp(), 0, 0);
    RETURN NULL;
END $$;

CREATE TRIGGER sync_history_record_deletion AFTER DELETE ON sync_history.sync_history
FOR EACH ROW EXECUTE FUNCTION sync_history.sync_history_record_deletion();

CREATE TRIGGER sync_history_record_truncation AFTER TRUNCATE ON sync_history.sync_history
FOR EACH STATEMENT EXECUTE FUNCTION sync_history.sync_history_record_truncation();
"
    )
}

fn sqlite_deletion() -> String {
    let deletion = record_deletion("sync_change", NOW);
    format!(
        "
CREATE TRIGGER sync_history_record_deletion AFTER DELETE ON sync_history
BEGIN
    {deletion}
END;
"
    )
}

/// Records the deletion of the row `OLD` in the change log.
fn record_deletion(log: &str, now: &str) -> String {
    format!(
        "INSERT INTO {log} (run_id, kind, status, version, changed_at,
        previous_status, previous_completed_at, previous_records_processed,
        previous_records_failed, previous_entity_type, previous_source, previous_started_at,
        previous_triggered_by_id, previous_records_created, previous_records_updated,
        previous_updated_at, records_processed, records_failed)
    VALUES (OLD.id, 'deleted', OLD.status, OLD.version, {now},
        OLD.status, OLD.completed_at, OLD.records_processed, OLD.records_failed, OLD.entity_type,
        OLD.source, OLD.started_at, OLD.triggered_by_id, OLD.records_created,
        OLD.records_updated, OLD.updated_at, OLD.records_processed, OLD.records_failed);"
    )
}
