//! Triggers that keep what other writers store.
//!
//! A completion time or duration that is stored before the run's status says that it has ended stays as it is; readers
//! ignore it until then. It is cleared only when a run that had ended is opened again. On SQLite a timestamp keeps its
//! microseconds whatever its format, and a text that is no timestamp stays as it is.
//!
//! The end and the duration that readers see are generated columns on SQLite, which does not compare rows by an index on
//! an expression. PostgreSQL does; its indexes are built in the next step.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use crate::{execute, exists};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let postgres = POSTGRES_STAMP.to_owned() + &postgres_change(&[], &[], &[]);
        let sqlite = sqlite_run_triggers(&[], &[], &[]) + &sqlite_event_trigger() + SQLITE_INDEXES;
        execute(manager, &postgres, &sqlite).await?;
        // New indexes have no statistics; they are gathered again if ANALYZE has been used before.
        let statistics = "SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat1'";
        if manager.get_database_backend() == DbBackend::Sqlite
            && exists(manager, statistics.into()).await?
        {
            manager
                .get_connection()
                .execute_unprepared("ANALYZE")
                .await?;
        }
        Ok(())
    }
}

// For the rules that these functions follow, see m20261123_000005_lean_triggers.rs.
const POSTGRES_STAMP: &str = r"
-- A run that is just starting skips everything after the first condition.
CREATE OR REPLACE FUNCTION sync_history.sync_history_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status OPERATOR(pg_catalog.<>) 'running' THEN
        IF NEW.status OPERATOR(pg_catalog.=)
            ANY ('{completed,failed,cancelled}'::pg_catalog.text[])
        THEN
            IF NEW.completed_at IS NULL THEN
                NEW.completed_at := greatest(pg_catalog.clock_timestamp(), NEW.started_at);
            END IF;
            IF NEW.sync_duration IS NULL AND pg_catalog.isfinite(NEW.completed_at)
                AND pg_catalog.isfinite(NEW.started_at)
            THEN
                NEW.sync_duration := greatest(0, extract(epoch FROM
                    NEW.completed_at OPERATOR(pg_catalog.-) NEW.started_at));
            END IF;
        END IF;
    END IF;
    RETURN NEW;
END $$;
";

// The function that stamps and records a change, up to its columns, in parts.
const POSTGRES_CHANGE: &str = r"
CREATE OR REPLACE FUNCTION sync_history.sync_history_change() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER AS $$
BEGIN
    -- Apart, so that a change of progress prepares no other comparison.
    IF NEW.records_processed OPERATOR(pg_catalog.=) OLD.records_processed THEN
        IF NEW.status OPERATOR(pg_catalog.=) OLD.status
            AND NEW.records_created OPERATOR(pg_catalog.=) OLD.records_created
            AND NEW.records_updated OPERATOR(pg_catalog.=) OLD.records_updated
            AND NEW.records_failed OPERATOR(pg_catalog.=) OLD.records_failed
            AND NEW.started_at OPERATOR(pg_catalog.=) OLD.started_at
            AND NEW.entity_type OPERATOR(pg_catalog.=) OLD.entity_type
            AND NEW.source OPERATOR(pg_catalog.=) OLD.source
            AND (NEW.completed_at OPERATOR(pg_catalog.=) OLD.completed_at
                OR NEW.completed_at IS NULL AND OLD.completed_at IS NULL)
            AND (NEW.records_expected OPERATOR(pg_catalog.=) OLD.records_expected
                OR NEW.records_expected IS NULL AND OLD.records_expected IS NULL)
            AND (NEW.triggered_by_id OPERATOR(pg_catalog.=) OLD.triggered_by_id
                OR NEW.triggered_by_id IS NULL AND OLD.triggered_by_id IS NULL)
            AND (NEW.error_message OPERATOR(pg_catalog.=) OLD.error_message
                OR NEW.error_message IS NULL AND OLD.error_message IS NULL)
            AND (NEW.details::pg_catalog.text OPERATOR(pg_catalog.=) OLD.details::pg_catalog.text
                OR NEW.details IS NULL AND OLD.details IS NULL)";

const POSTGRES_UNCHANGED: &str = r"
        THEN
            IF NEW.version OPERATOR(pg_catalog.<>) OLD.version THEN
                NEW.version := OLD.version;
            END IF;
            RETURN NEW;
        END IF;
    END IF;
    IF NEW.completed_at IS NOT NULL OR NEW.sync_duration IS NOT NULL
        OR NEW.status OPERATOR(pg_catalog.<>) 'running'";

const POSTGRES_COMPLETION: &str = r"
        IF NEW.status OPERATOR(pg_catalog.=)
            ANY ('{completed,failed,cancelled}'::pg_catalog.text[])
        THEN
            IF NEW.completed_at IS NULL THEN
                NEW.completed_at := greatest(pg_catalog.clock_timestamp(), NEW.started_at);
            END IF;
            IF NEW.sync_duration IS NULL AND pg_catalog.isfinite(NEW.completed_at)
                AND pg_catalog.isfinite(NEW.started_at)
            THEN
                NEW.sync_duration := greatest(0, extract(epoch FROM
                    NEW.completed_at OPERATOR(pg_catalog.-) NEW.started_at));
            END IF;
        ELSIF NEW.status OPERATOR(pg_catalog.=) ANY ('{pending,running}'::pg_catalog.text[])
            AND OLD.status OPERATOR(pg_catalog.=)
                ANY ('{completed,failed,cancelled}'::pg_catalog.text[])
        THEN
            NEW.completed_at := NULL;
            NEW.sync_duration := NULL;
        END IF;";

const POSTGRES_VERSION: &str = r"
    END IF;
    -- The last version stays, so that the run can still be changed.
    NEW.version := CASE WHEN OLD.version OPERATOR(pg_catalog.<) 2147483647
        THEN OLD.version OPERATOR(pg_catalog.+) 1 ELSE OLD.version END;
    NEW.updated_at := pg_catalog.clock_timestamp();
";

/// Returns the function that stamps and records a change. `columns` are recorded as they are after the change and, as
/// `previous_*`, before it, besides those of the first version of the log; `previous_only` only before it. A statement
/// that changes the status clears the columns `of_status`, unless it sets them.
pub(crate) fn postgres_change(
    columns: &[&str],
    previous_only: &[&str],
    of_status: &[&str],
) -> String {
    postgres_change_with(columns, previous_only, of_status, &Additions::default())
}

/// What a later step adds to the statements that record a change.
#[derive(Default)]
pub(crate) struct Additions<'a> {
    /// Further columns whose changes are recorded.
    pub(crate) visible: &'a [&'a str],
    /// Statements that precede those on the completion of a run, for runs that are not just running.
    pub(crate) before_completion: &'a str,
}

/// As [`postgres_change`], with additions.
pub(crate) fn postgres_change_with(
    columns: &[&str],
    previous_only: &[&str],
    of_status: &[&str],
    additions: &Additions<'_>,
) -> String {
    let is_same = |column: &&str| {
        format!(
            "
            AND (NEW.{column} OPERATOR(pg_catalog.=) OLD.{column}
                OR NEW.{column} IS NULL AND OLD.{column} IS NULL)"
        )
    };
    let are_same: String = additions.visible.iter().map(is_same).collect();
    let before_completion = additions.before_completion;
    let has_value = |column: &&str| format!("\n        OR OLD.{column} IS NOT NULL");
    let clear = |column: &&str| {
        format!(
            "
        IF NEW.status OPERATOR(pg_catalog.<>) OLD.status
            AND NEW.{column} OPERATOR(pg_catalog.=) OLD.{column}
        THEN
            NEW.{column} := NULL;
        END IF;"
        )
    };
    let has_values: String = of_status.iter().map(has_value).collect();
    let clear: String = of_status.iter().map(clear).collect();
    let after = list(columns, ", ");
    let previous = list(columns, ", previous_") + &list(previous_only, ", previous_");
    let new = list(columns, ", NEW.");
    let old = list(columns, ", OLD.") + &list(previous_only, ", OLD.");
    format!(
        "{POSTGRES_CHANGE}{are_same}{POSTGRES_UNCHANGED}{has_values}
    THEN{before_completion}{POSTGRES_COMPLETION}{clear}{POSTGRES_VERSION}
    INSERT INTO sync_history.sync_change (run_id, kind, previous_status, status, version,
        changed_at, completed_at, records_processed, records_failed, error_message,
        previous_completed_at, previous_records_processed, previous_records_failed,
        previous_error_message{after}{previous})
    VALUES (NEW.id,
        CASE WHEN OLD.status OPERATOR(pg_catalog.=) NEW.status THEN 'progress' ELSE 'status' END,
        OLD.status, NEW.status, NEW.version, NEW.updated_at,
        NEW.completed_at, NEW.records_processed, NEW.records_failed, NEW.error_message,
        OLD.completed_at, OLD.records_processed, OLD.records_failed, OLD.error_message{new}{old});
    RETURN NEW;
END $$;
"
    )
}

/// Returns a list of columns, each after `prefix`.
fn list(columns: &[&str], prefix: &str) -> String {
    columns.iter().flat_map(|column| [prefix, column]).collect()
}

const SQLITE_INDEXES: &str = "
ALTER TABLE sync_history ADD COLUMN ended_at text GENERATED ALWAYS AS
    (CASE WHEN status IN ('completed', 'failed', 'cancelled') THEN completed_at END) VIRTUAL;
ALTER TABLE sync_history ADD COLUMN ended_duration_us integer GENERATED ALWAYS AS
    (CASE WHEN status IN ('completed', 'failed', 'cancelled') THEN duration_us END) VIRTUAL;
CREATE INDEX ix_sync_history_ended_at ON sync_history (ended_at, id);
CREATE INDEX ix_sync_history_ended_duration ON sync_history (ended_duration_us, id);
DROP INDEX ix_sync_history_completed_at;
DROP INDEX ix_sync_history_duration;
";

/// The current time in the stored format, which has no, three or six fractional digits. Timestamps are compared as
/// text, so each has exactly one representation.
pub(crate) const NOW: &str =
    "replace(strftime('%Y-%m-%dT%H:%M:%f', 'now'), '.000', '') || '+00:00'";

const HAS_ENDED: &str = "status IN ('completed', 'failed', 'cancelled')";

/// Converts the timestamp in `column` to the stored format, if another writer used a different one; the text itself if
/// it is no timestamp. The fraction is converted as text: SQLite's functions round it to milliseconds.
pub(crate) fn canonical(column: &str) -> String {
    let rest = format!("substr({column}, 21)");
    let offset = format!("ltrim({rest}, '0123456789')");
    let digits = format!("substr({rest}, 1, length({rest}) - length({offset}))");
    let micros = format!("substr({digits} || '000000', 1, 6)");
    let fraction = |micros: &str| {
        format!(
            "CASE WHEN {micros} = '000000' THEN ''
                WHEN substr({micros}, 4) = '000' THEN '.' || substr({micros}, 1, 3)
                ELSE '.' || {micros} END || '+00:00'"
        )
    };
    format!(
        "CASE
        WHEN {column} IS NULL OR {column} GLOB '????-??-??T??:??:??+00:00' THEN {column}
        WHEN {column} GLOB '????-??-??T??:??:??.??????+00:00'
            THEN substr({column}, 1, 19) || {canonical_fraction}
        WHEN {column} GLOB '????-??-???[0-9][0-9]:[0-9][0-9]:[0-9][0-9].[0-9]*'
            THEN coalesce(strftime('%Y-%m-%dT%H:%M:%S', substr({column}, 1, 19) || {offset})
                || {any_fraction}, {column})
        ELSE coalesce(strftime('%Y-%m-%dT%H:%M:%S', {column}) || '+00:00', {column}) END",
        canonical_fraction = fraction(&format!("substr({column}, 21, 6)")),
        any_fraction = fraction(&micros),
    )
}

/// Returns `completed_at` in the stored format, or the current time if the run has ended without one.
fn completed_at() -> String {
    let (started_at, completed_at) = (canonical("started_at"), canonical("completed_at"));
    format!(
        "CASE WHEN completed_at IS NULL AND {HAS_ENDED} THEN max({NOW}, {started_at})
        ELSE {completed_at} END"
    )
}

/// Returns the statements that replace the triggers of runs. For the arguments, see [`postgres_change`].
///
/// As before, the updates of these triggers are not recorded as changes: for those of the insert trigger, the old
/// `updated_at` is NULL; the update trigger does not fire itself.
pub(crate) fn sqlite_run_triggers(
    columns: &[&str],
    previous_only: &[&str],
    of_status: &[&str],
) -> String {
    sqlite_run_triggers_with(columns, previous_only, of_status, &Additions::default())
}

/// As [`sqlite_run_triggers`], with additions.
pub(crate) fn sqlite_run_triggers_with(
    columns: &[&str],
    previous_only: &[&str],
    of_status: &[&str],
    additions: &Additions<'_>,
) -> String {
    let visible = list(additions.visible, ", ");
    let old_visible = list(additions.visible, ", OLD.");
    let new_visible = list(additions.visible, ", NEW.");
    let before_completion = additions.before_completion;
    let clear = |column: &&str| {
        format!(
            ",
        {column} = CASE WHEN OLD.status IS NOT NEW.status AND OLD.{column} IS NEW.{column}
            THEN NULL ELSE NEW.{column} END"
        )
    };
    let clear: String = of_status.iter().map(clear).collect();
    let after = list(columns, ", ");
    let previous = list(columns, ", previous_") + &list(previous_only, ", previous_");
    let old = list(columns, ", OLD.") + &list(previous_only, ", OLD.");
    let started_at = canonical("started_at");
    let normalize = |completed_at: &str| {
        format!(
            "UPDATE sync_history SET started_at = {started_at}, completed_at = {completed_at}
    WHERE rowid = NEW.rowid AND (started_at, completed_at) IS NOT ({started_at}, {completed_at})"
        )
    };
    let (completed_at, updated_at) = (completed_at(), canonical("updated_at"));
    let new_updated_at = canonical("NEW.updated_at");
    let normalize_inserted = normalize(&completed_at);
    let normalize_updated = normalize(&format!(
        "CASE WHEN OLD.{HAS_ENDED} AND status IN ('pending', 'running') THEN NULL
        ELSE {completed_at} END"
    ));
    format!(
        "
DROP TRIGGER sync_history_record_insert;
DROP TRIGGER sync_history_record_update;

CREATE TRIGGER sync_history_record_insert AFTER INSERT ON sync_history
BEGIN
    UPDATE sync_history SET updated_at = NULL WHERE rowid = NEW.rowid AND updated_at IS NOT NULL
        AND (started_at, completed_at, updated_at)
            IS NOT ({started_at}, {completed_at}, {updated_at});
    {normalize_inserted} AND updated_at IS NULL;
    UPDATE sync_history SET updated_at = coalesce({new_updated_at}, {NOW})
    WHERE rowid = NEW.rowid AND updated_at IS NULL;
    INSERT INTO sync_change (run_id, kind, status, version, changed_at, completed_at,
        records_processed, records_failed, error_message{after})
    SELECT id, 'created', status, version, updated_at, completed_at, records_processed,
        records_failed, error_message{after}
    FROM sync_history WHERE rowid = NEW.rowid;
END;

CREATE TRIGGER sync_history_record_update AFTER UPDATE OF status, entity_type, source, started_at,
    completed_at, records_processed, records_created, records_updated, records_failed,
    records_expected, triggered_by_id, error_message, details{visible} ON sync_history
WHEN OLD.updated_at IS NOT NULL AND
    (OLD.status, OLD.entity_type, OLD.source, OLD.started_at, OLD.completed_at,
        OLD.records_processed, OLD.records_created, OLD.records_updated, OLD.records_failed,
        OLD.records_expected, OLD.triggered_by_id, OLD.error_message, OLD.details{old_visible})
    IS NOT
    (NEW.status, NEW.entity_type, NEW.source, NEW.started_at, NEW.completed_at,
        NEW.records_processed, NEW.records_created, NEW.records_updated, NEW.records_failed,
        NEW.records_expected, NEW.triggered_by_id, NEW.error_message, NEW.details{new_visible})
BEGIN{before_completion}
    {normalize_updated};
    UPDATE sync_history SET version = min(CAST(OLD.version AS integer), 2147483646) + 1,
        updated_at = {NOW}{clear}
    WHERE rowid = NEW.rowid;
    INSERT INTO sync_change (run_id, kind, previous_status, status, version, changed_at,
        completed_at, records_processed, records_failed, error_message,
        previous_completed_at, previous_records_processed, previous_records_failed,
        previous_error_message{after}{previous})
    SELECT id, CASE WHEN OLD.status IS NEW.status THEN 'progress' ELSE 'status' END,
        OLD.status, status, version, updated_at,
        completed_at, records_processed, records_failed, error_message,
        OLD.completed_at, OLD.records_processed, OLD.records_failed, OLD.error_message{after}{old}
    FROM sync_history WHERE rowid = NEW.rowid;
END;
"
    )
}

fn sqlite_event_trigger() -> String {
    let timestamp = canonical("NEW.\"timestamp\"");
    format!(
        r#"
DROP TRIGGER sync_event_canonical;

CREATE TRIGGER sync_event_canonical AFTER INSERT ON sync_event
WHEN NEW."timestamp" IS NOT {timestamp}
BEGIN
    UPDATE sync_event SET "timestamp" = {timestamp} WHERE seq = NEW.seq;
END;
"#
    )
}
