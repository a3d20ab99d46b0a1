//! The same triggers at about half the cost for writers (SQLite).
//!
//! An SQLite update rewrites the entries of all indexes that contain an assigned column, even if its value stays
//! the same. The triggers that normalise timestamps therefore affected most indexes of a run. These assign the
//! columns only if a timestamp has another format, and find the row by its rowid.

use crate::Script;

pub(crate) fn migration() -> Script {
    Script::new(file!(), "SELECT 1", sqlite())
}

/// The current time in the stored format, which has no, three or six fractional digits. Timestamps are compared as
/// text, so each has exactly one representation.
const NOW: &str = "replace(strftime('%Y-%m-%dT%H:%M:%f', 'now'), '.000', '') || '+00:00'";

/// Converts the timestamp in `column` to the stored format, if another writer used a different one.
fn canonical(column: &str) -> String {
    format!(
        "CASE
        WHEN {column} IS NULL OR {column} GLOB '????-??-??T??:??:??+00:00' THEN {column}
        WHEN {column} GLOB '????-??-??T??:??:??.??????+00:00' THEN substr({column}, 1, 19)
            || CASE WHEN substr({column}, 21, 6) = '000000' THEN ''
                WHEN substr({column}, 24, 3) = '000' THEN substr({column}, 20, 4)
                ELSE substr({column}, 20, 7) END
            || '+00:00'
        ELSE replace(strftime('%Y-%m-%dT%H:%M:%f', {column}), '.000', '') || '+00:00' END"
    )
}

/// Returns `completed_at` in the stored format: NULL unless the run has ended, and the current time if it has ended
/// without a completion time.
fn completed_at() -> String {
    let given = canonical("completed_at");
    format!(
        "CASE WHEN status IN ('pending', 'running') THEN NULL
        WHEN completed_at IS NULL AND status IN ('completed', 'failed', 'cancelled')
        THEN max({NOW}, started_at) ELSE {given} END"
    )
}

// As before, these updates are not recorded as changes: for those of the insert trigger, the old updated_at is
// NULL; the update trigger does not fire itself.
fn sqlite() -> String {
    let started_at = canonical("started_at");
    let completed_at = completed_at();
    let normalize = format!(
        "UPDATE sync_history SET started_at = {started_at}, completed_at = {completed_at}
    WHERE rowid = NEW.rowid AND (started_at, completed_at) IS NOT ({started_at}, {completed_at})"
    );
    let timestamp = canonical("NEW.\"timestamp\"");
    format!(
        r#"
DROP TRIGGER sync_history_record_insert;
DROP TRIGGER sync_history_record_update;
DROP TRIGGER sync_event_canonical;

CREATE TRIGGER sync_history_record_insert AFTER INSERT ON sync_history
BEGIN
    {normalize} AND updated_at IS NULL;
    UPDATE sync_history SET updated_at = {NOW} WHERE rowid = NEW.rowid AND updated_at IS NULL;
    INSERT INTO sync_change (run_id, kind, status, version, changed_at, completed_at,
        records_processed, records_failed, error_message)
    SELECT id, 'created', status, version, updated_at, completed_at, records_processed,
        records_failed, error_message
    FROM sync_history WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER sync_history_record_update AFTER UPDATE OF status, entity_type, source, started_at,
    completed_at, records_processed, records_created, records_updated, records_failed,
    records_expected, triggered_by_id, error_message, details ON sync_history
WHEN OLD.updated_at IS NOT NULL AND
    (OLD.status, OLD.entity_type, OLD.source, OLD.started_at, OLD.completed_at,
        OLD.records_processed, OLD.records_created, OLD.records_updated, OLD.records_failed,
        OLD.records_expected, OLD.triggered_by_id, OLD.error_message, OLD.details)
    IS NOT
    (NEW.status, NEW.entity_type, NEW.source, NEW.started_at, NEW.completed_at,
        NEW.records_processed, NEW.records_created, NEW.records_updated, NEW.records_failed,
        NEW.records_expected, NEW.triggered_by_id, NEW.error_message, NEW.details)
BEGIN
    {normalize};
    UPDATE sync_history SET version = OLD.version + 1, updated_at = {NOW}
    WHERE rowid = NEW.rowid;
    INSERT INTO sync_change (run_id, kind, previous_status, status, version, changed_at,
        completed_at, records_processed, records_failed, error_message,
        previous_completed_at, previous_records_processed, previous_records_failed,
        previous_error_message)
    SELECT id, CASE WHEN OLD.status IS NEW.status THEN 'progress' ELSE 'status' END,
        OLD.status, status, version, updated_at,
        completed_at, records_processed, records_failed, error_message,
        OLD.completed_at, OLD.records_processed, OLD.records_failed, OLD.error_message
    FROM sync_history WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER sync_event_canonical AFTER INSERT ON sync_event
WHEN NEW."timestamp" IS NOT {timestamp}
BEGIN
    UPDATE sync_event SET "timestamp" = {timestamp} WHERE seq = NEW.seq;
END;
"#
    )
}
