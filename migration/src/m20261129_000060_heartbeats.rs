//! Heartbeats: runs that are closed as lost if their worker stops reporting, and recovered if it reports their outcome later.
//!
//! An event does not update its run, which would make its writer wait for others that have locked the run. It records when
//! the database received it: `reported_at`. An event of the server itself has there when the worker reported last, so that
//! the highest value among the events of a run is always the time of a report. It is NULL in events from before this step.
//!
//! The outcome of a lost run may come from a program that does not know these columns. The trigger therefore marks the
//! recovery for every writer, adds the event that says so, and removes what the closing has stored and the program has
//! not replaced. This server names `recovered_at` itself, and everything that it stores is then part of the outcome.

use crate::{
    Script,
    m20261128_000011_stored_completion::{
        Additions, NOW, postgres_change_with, sqlite_run_triggers_with,
    },
    m20261128_000015_deletions::{COLUMNS, PREVIOUS_ONLY},
};

pub(crate) fn migration() -> Script {
    let of_status = ["ended_by_name"];
    let additions = |before_completion| Additions {
        visible: &["lost_at", "recovered_at"],
        before_completion,
    };
    let change = postgres_change_with(
        &COLUMNS,
        &PREVIOUS_ONLY,
        &of_status,
        &additions(POSTGRES_RECOVERY),
    );
    let recovery = sqlite_recovery();
    let triggers =
        sqlite_run_triggers_with(&COLUMNS, &PREVIOUS_ONLY, &of_status, &additions(&recovery));
    let postgres = POSTGRES.to_owned() + &change;
    let sqlite = SQLITE.to_owned() + &triggers + &sqlite_event_trigger();
    Script::new(file!(), postgres, sqlite)
}

// The default is set separately: adopted events were not received now.
const POSTGRES: &str = "
ALTER TABLE sync_history.sync_history
    ADD COLUMN IF NOT EXISTS heartbeat_timeout_seconds integer,
    ADD COLUMN IF NOT EXISTS last_heartbeat_at timestamptz,
    ADD COLUMN IF NOT EXISTS lost_at timestamptz,
    ADD COLUMN IF NOT EXISTS recovered_at timestamptz;
ALTER TABLE sync_history.sync_event ADD COLUMN IF NOT EXISTS reported_at timestamptz;
ALTER TABLE sync_history.sync_event ALTER COLUMN reported_at SET DEFAULT clock_timestamp();
";

// For the rules that this function follows, see m20261123_000005_lean_triggers.rs. Runs that were never lost evaluate the
// first condition only. The fingerprint of the message is a column of a later step.
const POSTGRES_RECOVERY: &str = r"
        IF OLD.lost_at IS NOT NULL THEN
            IF OLD.recovered_at IS NULL
                AND NEW.lost_at OPERATOR(pg_catalog.=) OLD.lost_at
                AND NEW.status OPERATOR(pg_catalog.=)
                    ANY ('{completed,failed,cancelled}'::pg_catalog.text[])
                AND (NEW.recovered_at IS NOT NULL
                    OR NEW.status OPERATOR(pg_catalog.<>) OLD.status
                    OR NEW.completed_at IS NULL
                    OR NEW.completed_at OPERATOR(pg_catalog.<>) OLD.completed_at
                    OR NEW.error_message IS NULL
                    OR NEW.error_message OPERATOR(pg_catalog.<>) OLD.error_message)
            THEN
                IF NEW.recovered_at IS NULL THEN
                    NEW.recovered_at := pg_catalog.clock_timestamp();
                    IF NEW.completed_at OPERATOR(pg_catalog.=) OLD.completed_at THEN
                        NEW.completed_at := NULL;
                    END IF;
                    IF NEW.error_message OPERATOR(pg_catalog.=) OLD.error_message THEN
                        NEW.error_message := NULL;
                        NEW.error_fingerprint := NULL;
                    END IF;
                END IF;
                IF NEW.sync_duration OPERATOR(pg_catalog.=) OLD.sync_duration THEN
                    NEW.sync_duration := NULL;
                END IF;
                INSERT INTO sync_history.sync_event
                    (id, sync_id, event_type, timestamp, message, reported_at)
                VALUES (pg_catalog.gen_random_uuid(), NEW.id, 'recovered', NEW.recovered_at,
                    pg_catalog.concat(pg_catalog.upper(NEW.status),
                        ' reported after the run had been closed as lost'),
                    NEW.recovered_at);
            END IF;
        END IF;";

// `last_heartbeat_at` has no constraint: it is copied from columns that may hold any value.
const SQLITE: &str = "
ALTER TABLE sync_history ADD COLUMN heartbeat_timeout_seconds integer
    CHECK (heartbeat_timeout_seconds IS NULL OR typeof(heartbeat_timeout_seconds) = 'integer'
        AND heartbeat_timeout_seconds BETWEEN 1 AND 2147483647);
ALTER TABLE sync_history ADD COLUMN last_heartbeat_at text;
ALTER TABLE sync_history ADD COLUMN lost_at text CHECK (typeof(lost_at) IN ('text', 'null'));
ALTER TABLE sync_history ADD COLUMN recovered_at text
    CHECK (typeof(recovered_at) IN ('text', 'null'));
ALTER TABLE sync_event ADD COLUMN reported_at text
    CHECK (typeof(reported_at) IN ('text', 'null'));
";

/// A random UUID, version 4. Functions that older versions of SQLite lack would make the writers that use those fail.
const RANDOM_UUID: &str = "CAST(randomblob(6)
        || substr(x'404142434445464748494a4b4c4d4e4f', 1 + abs(random() % 16), 1) || randomblob(1)
        || substr(x'808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f'
            || x'a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf',
            1 + abs(random() % 64), 1)
        || randomblob(7) AS blob)";

/// The constant conditions come first: SQLite evaluates them once, before it looks for the row. The second statement
/// recognises by `recovered_at` what the first one has changed.
fn sqlite_recovery() -> String {
    let is_lost = "OLD.lost_at IS NOT NULL AND OLD.recovered_at IS NULL
        AND NEW.lost_at IS OLD.lost_at AND NEW.status IN ('completed', 'failed', 'cancelled')";
    format!(
        "
    UPDATE sync_history SET recovered_at = {NOW},
        completed_at = CASE WHEN completed_at IS OLD.completed_at
            THEN max({NOW}, started_at) ELSE completed_at END,
        error_message = CASE WHEN error_message IS OLD.error_message
            THEN NULL ELSE error_message END,
        sync_duration = CASE WHEN sync_duration IS OLD.sync_duration
            THEN NULL ELSE sync_duration END
    WHERE {is_lost} AND NEW.recovered_at IS NULL
        AND (NEW.status, NEW.completed_at, NEW.error_message)
            IS NOT (OLD.status, OLD.completed_at, OLD.error_message)
        AND rowid = NEW.rowid;
    INSERT INTO sync_event (id, sync_id, event_type, \"timestamp\", message, reported_at)
    SELECT {RANDOM_UUID}, id, 'recovered', recovered_at,
        upper(status) || ' reported after the run had been closed as lost', recovered_at
    FROM sync_history WHERE {is_lost} AND rowid = NEW.rowid AND recovered_at IS NOT NULL;"
    )
}

/// Another writer does not know the column, which SQLite cannot fill by a default.
fn sqlite_event_trigger() -> String {
    format!(
        "
CREATE TRIGGER sync_event_reported AFTER INSERT ON sync_event WHEN NEW.reported_at IS NULL
BEGIN
    UPDATE sync_event SET reported_at = {NOW} WHERE seq = NEW.seq;
END;
"
    )
}
