//! The change feed: triggers record every change of a run in `sync_change`, whichever program makes it.
//!
//! The same triggers maintain `version` and `updated_at`. They clear `completed_at` of a run that is pending or
//! running, and set it if a writer ends a run without a completion time; on PostgreSQL they also set the
//! predecessor's `sync_duration`. A statement that changes nothing visible is not recorded.

use crate::Script;

pub(crate) fn migration() -> Script {
    Script::new(file!(), POSTGRES, sqlite())
}

// The recording function runs with the privileges of its owner: a writer that only has privileges on the
// predecessor's tables must keep working. For the same reason the sequence of sync_event.seq is granted to all
// roles. Events from before the adoption keep a seq of NULL.
const POSTGRES: &str = r"
CREATE TABLE sync_history.sync_feed (id uuid NOT NULL PRIMARY KEY);
INSERT INTO sync_history.sync_feed VALUES (gen_random_uuid());

CREATE TABLE sync_history.sync_change (
    seq bigserial PRIMARY KEY,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    run_id uuid NOT NULL,
    kind varchar(20) NOT NULL,
    previous_status varchar(20),
    status varchar(20) NOT NULL,
    version integer NOT NULL,
    changed_at timestamptz NOT NULL,
    completed_at timestamptz,
    records_processed integer NOT NULL,
    records_failed integer NOT NULL,
    error_message text,
    previous_completed_at timestamptz,
    previous_records_processed integer,
    previous_records_failed integer,
    previous_error_message text
);
CREATE INDEX ix_sync_change_xid_seq ON sync_history.sync_change (xid, seq);

CREATE FUNCTION sync_history.sync_history_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status IN ('pending', 'running') THEN
        NEW.completed_at := NULL;
        NEW.sync_duration := NULL;
    ELSIF NEW.status IN ('completed', 'failed', 'cancelled') THEN
        NEW.completed_at := coalesce(NEW.completed_at, greatest(clock_timestamp(), NEW.started_at));
        IF isfinite(NEW.completed_at) AND isfinite(NEW.started_at) THEN
            NEW.sync_duration := coalesce(NEW.sync_duration,
                greatest(0, extract(epoch FROM NEW.completed_at - NEW.started_at)));
        END IF;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        NEW.version := OLD.version + 1;
        NEW.updated_at := clock_timestamp();
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION sync_history.sync_history_record() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO sync_history.sync_change (run_id, kind, status, version, changed_at,
            completed_at, records_processed, records_failed, error_message)
        VALUES (NEW.id, 'created', NEW.status, NEW.version,
            coalesce(NEW.updated_at, clock_timestamp()),
            NEW.completed_at, NEW.records_processed, NEW.records_failed, NEW.error_message);
    ELSE
        INSERT INTO sync_history.sync_change (run_id, kind, previous_status, status, version,
            changed_at, completed_at, records_processed, records_failed, error_message,
            previous_completed_at, previous_records_processed, previous_records_failed,
            previous_error_message)
        VALUES (NEW.id,
            CASE WHEN OLD.status IS DISTINCT FROM NEW.status THEN 'status' ELSE 'progress' END,
            OLD.status, NEW.status, NEW.version, coalesce(NEW.updated_at, clock_timestamp()),
            NEW.completed_at, NEW.records_processed, NEW.records_failed, NEW.error_message,
            OLD.completed_at, OLD.records_processed, OLD.records_failed, OLD.error_message);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER sync_history_stamp_insert BEFORE INSERT ON sync_history.sync_history
FOR EACH ROW
WHEN (NEW.status IN ('pending', 'running') AND NEW.completed_at IS NOT NULL
    OR NEW.status IN ('completed', 'failed', 'cancelled')
    AND (NEW.completed_at IS NULL OR NEW.sync_duration IS NULL))
EXECUTE FUNCTION sync_history.sync_history_stamp();

CREATE TRIGGER sync_history_stamp_update BEFORE UPDATE ON sync_history.sync_history
FOR EACH ROW
WHEN ((OLD.status, OLD.entity_type, OLD.source, OLD.started_at, OLD.completed_at,
        OLD.records_processed, OLD.records_created, OLD.records_updated, OLD.records_failed,
        OLD.records_expected, OLD.triggered_by_id, OLD.error_message, OLD.details::text)
    IS DISTINCT FROM
    (NEW.status, NEW.entity_type, NEW.source, NEW.started_at, NEW.completed_at,
        NEW.records_processed, NEW.records_created, NEW.records_updated, NEW.records_failed,
        NEW.records_expected, NEW.triggered_by_id, NEW.error_message, NEW.details::text))
EXECUTE FUNCTION sync_history.sync_history_stamp();

CREATE TRIGGER sync_history_record_insert AFTER INSERT ON sync_history.sync_history
FOR EACH ROW EXECUTE FUNCTION sync_history.sync_history_record();

CREATE TRIGGER sync_history_record_update AFTER UPDATE ON sync_history.sync_history
FOR EACH ROW WHEN (OLD.version IS DISTINCT FROM NEW.version)
EXECUTE FUNCTION sync_history.sync_history_record();

CREATE SEQUENCE sync_history.sync_event_seq_seq;
ALTER TABLE sync_history.sync_event
    ADD COLUMN seq bigint,
    ADD COLUMN xid xid8 DEFAULT pg_current_xact_id();
ALTER TABLE sync_history.sync_event
    ALTER COLUMN seq SET DEFAULT nextval('sync_history.sync_event_seq_seq');
ALTER SEQUENCE sync_history.sync_event_seq_seq OWNED BY sync_history.sync_event.seq;
GRANT USAGE ON SEQUENCE sync_history.sync_event_seq_seq TO PUBLIC;
";

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

// SQLite's triggers cannot alter a row before it is written, so these update it afterwards. That update is not
// recorded as a change: for the insert trigger's, the old updated_at is NULL; the update trigger does not fire
// itself.
fn sqlite() -> String {
    let started_at = canonical("started_at");
    let completed_at = completed_at();
    let timestamp = canonical("\"timestamp\"");
    format!(
        r#"
CREATE TABLE sync_feed (id blob NOT NULL PRIMARY KEY);
INSERT INTO sync_feed VALUES (randomblob(16));

CREATE TABLE sync_change (
    seq integer PRIMARY KEY AUTOINCREMENT,
    run_id blob NOT NULL,
    kind text NOT NULL,
    previous_status text,
    status text NOT NULL,
    version integer NOT NULL,
    changed_at text NOT NULL,
    completed_at text,
    records_processed integer NOT NULL,
    records_failed integer NOT NULL,
    error_message text,
    previous_completed_at text,
    previous_records_processed integer,
    previous_records_failed integer,
    previous_error_message text
);

CREATE TRIGGER sync_history_record_insert AFTER INSERT ON sync_history
BEGIN
    UPDATE sync_history SET started_at = {started_at}, completed_at = {completed_at},
        updated_at = {NOW}
    WHERE id = NEW.id AND updated_at IS NULL;
    INSERT INTO sync_change (run_id, kind, status, version, changed_at, completed_at,
        records_processed, records_failed, error_message)
    SELECT id, 'created', status, version, updated_at, completed_at, records_processed,
        records_failed, error_message
    FROM sync_history WHERE id = NEW.id;
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
    UPDATE sync_history SET started_at = {started_at}, completed_at = {completed_at},
        version = OLD.version + 1, updated_at = {NOW}
    WHERE id = NEW.id;
    INSERT INTO sync_change (run_id, kind, previous_status, status, version, changed_at,
        completed_at, records_processed, records_failed, error_message,
        previous_completed_at, previous_records_processed, previous_records_failed,
        previous_error_message)
    SELECT id, CASE WHEN OLD.status IS NEW.status THEN 'progress' ELSE 'status' END,
        OLD.status, status, version, updated_at,
        completed_at, records_processed, records_failed, error_message,
        OLD.completed_at, OLD.records_processed, OLD.records_failed, OLD.error_message
    FROM sync_history WHERE id = NEW.id;
END;

CREATE TRIGGER sync_event_canonical AFTER INSERT ON sync_event
BEGIN
    UPDATE sync_event SET "timestamp" = {timestamp}
    WHERE seq = NEW.seq AND "timestamp" IS NOT {timestamp};
END;
"#
    )
}
