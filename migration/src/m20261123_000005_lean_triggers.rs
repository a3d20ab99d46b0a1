//! The same triggers at about half the cost for writers (PostgreSQL).
//!
//! - No WHEN clauses: PostgreSQL parses a stored condition again in every statement.
//! - No SET clauses: qualified names and operators replace them.
//! - One function call per update, which both stamps and records it.
//! - Few expressions on the common path: PL/pgSQL prepares each again in every transaction.
//!
//! A later step that replaces these functions must not use the operators `=`, `<>`, `IN`, `IS DISTINCT FROM`,
//! `CASE x WHEN`, `NULLIF`, `BETWEEN` and `LIKE`. PostgreSQL finds them by the search path of the writer, who could
//! substitute an operator and have it executed with the privileges of the functions' owner.

use crate::Script;

pub(crate) fn migration() -> Script {
    Script::new(file!(), POSTGRES, "SELECT 1")
}

const POSTGRES: &str = r"
-- No table is scanned or rewritten. The first statement waits for the table's writers (ACCESS EXCLUSIVE lock).
--
-- These functions run with the privileges of their owner and the search_path of the caller. Every relation, type,
-- function and operator is therefore qualified. coalesce, greatest, extract, IS NULL and CASE WHEN do not depend on
-- the search_path.

DROP TRIGGER sync_history_stamp_insert ON sync_history.sync_history;
DROP TRIGGER sync_history_stamp_update ON sync_history.sync_history;
DROP TRIGGER sync_history_record_insert ON sync_history.sync_history;
DROP TRIGGER sync_history_record_update ON sync_history.sync_history;

-- BEFORE INSERT. A run that is just starting skips everything after the first condition.
CREATE OR REPLACE FUNCTION sync_history.sync_history_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.completed_at IS NOT NULL OR NEW.status OPERATOR(pg_catalog.<>) 'running' THEN
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
        ELSIF NEW.completed_at IS NOT NULL AND NEW.status OPERATOR(pg_catalog.=)
            ANY ('{pending,running}'::pg_catalog.text[])
        THEN
            NEW.completed_at := NULL;
            NEW.sync_duration := NULL;
        END IF;
    END IF;
    RETURN NEW;
END $$;

-- AFTER INSERT: BEFORE INSERT triggers also fire for a row that ON CONFLICT DO NOTHING skips.
CREATE OR REPLACE FUNCTION sync_history.sync_history_record() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER AS $$
BEGIN
    INSERT INTO sync_history.sync_change (run_id, kind, status, version, changed_at,
        completed_at, records_processed, records_failed, error_message)
    VALUES (NEW.id, 'created', NEW.status, NEW.version,
        coalesce(NEW.updated_at, pg_catalog.clock_timestamp()),
        NEW.completed_at, NEW.records_processed, NEW.records_failed, NEW.error_message);
    RETURN NULL;
END $$;

-- BEFORE UPDATE: stamps and records the change. PostgreSQL has locked the latest version of the row by then, and OLD
-- is that version. The update therefore always succeeds, and seq has the same order as version.
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
                OR NEW.details IS NULL AND OLD.details IS NULL)
        THEN
            IF NEW.version OPERATOR(pg_catalog.<>) OLD.version THEN
                NEW.version := OLD.version;
            END IF;
            RETURN NEW;
        END IF;
    END IF;
    IF NEW.completed_at IS NOT NULL OR NEW.sync_duration IS NOT NULL
        OR NEW.status OPERATOR(pg_catalog.<>) 'running'
    THEN
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
        ELSIF NEW.status OPERATOR(pg_catalog.=) ANY ('{pending,running}'::pg_catalog.text[]) THEN
            NEW.completed_at := NULL;
            NEW.sync_duration := NULL;
        END IF;
    END IF;
    NEW.version := OLD.version OPERATOR(pg_catalog.+) 1;
    NEW.updated_at := pg_catalog.clock_timestamp();
    INSERT INTO sync_history.sync_change (run_id, kind, previous_status, status, version,
        changed_at, completed_at, records_processed, records_failed, error_message,
        previous_completed_at, previous_records_processed, previous_records_failed,
        previous_error_message)
    VALUES (NEW.id,
        CASE WHEN OLD.status OPERATOR(pg_catalog.=) NEW.status THEN 'progress' ELSE 'status' END,
        OLD.status, NEW.status, NEW.version, NEW.updated_at,
        NEW.completed_at, NEW.records_processed, NEW.records_failed, NEW.error_message,
        OLD.completed_at, OLD.records_processed, OLD.records_failed, OLD.error_message);
    RETURN NEW;
END $$;

-- Creating a trigger requires EXECUTE on its function, firing it does not. No other role may record changes.
REVOKE EXECUTE ON FUNCTION sync_history.sync_history_record(), sync_history.sync_history_change()
    FROM PUBLIC;

CREATE TRIGGER sync_history_stamp_insert BEFORE INSERT ON sync_history.sync_history
FOR EACH ROW EXECUTE FUNCTION sync_history.sync_history_stamp();

CREATE TRIGGER sync_history_record_insert AFTER INSERT ON sync_history.sync_history
FOR EACH ROW EXECUTE FUNCTION sync_history.sync_history_record();

-- Triggers fire in the order of their names: this one must run after all others.
CREATE TRIGGER zzz_sync_history_change BEFORE UPDATE ON sync_history.sync_history
FOR EACH ROW EXECUTE FUNCTION sync_history.sync_history_change();
";
