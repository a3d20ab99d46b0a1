//! Fingerprints of error messages, by which runs that failed alike are found.
//!
//! The column stands at the end and is NULL in the rows of other writers: the server fills it in. One of these who changes
//! the message without the fingerprint sets it to NULL again. Neither is a change of the run.

use crate::Script;

pub(crate) fn migration() -> Script {
    Script::new(file!(), POSTGRES, SQLITE)
}

// The trigger names no column of the predecessor: its owner may change their types. Runs without a fingerprint, and so
// all that succeed, do not call the function.
const POSTGRES: &str = r#"
ALTER TABLE sync_history.sync_history ADD COLUMN IF NOT EXISTS error_fingerprint text;

CREATE FUNCTION sync_history.sync_history_reset_fingerprint() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.error_fingerprint OPERATOR(pg_catalog.=) OLD.error_fingerprint
        AND ((NEW.error_message IS NULL) OPERATOR(pg_catalog.<>) (OLD.error_message IS NULL)
            OR NEW.error_message COLLATE pg_catalog."C" OPERATOR(pg_catalog.<>) OLD.error_message)
    THEN
        NEW.error_fingerprint := NULL;
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER sync_history_reset_fingerprint BEFORE UPDATE ON sync_history.sync_history
FOR EACH ROW WHEN (NEW.error_fingerprint IS NOT NULL)
EXECUTE FUNCTION sync_history.sync_history_reset_fingerprint();
"#;

const SQLITE: &str = "
ALTER TABLE sync_history ADD COLUMN error_fingerprint text
    CHECK (typeof(error_fingerprint) IN ('text', 'null'));

CREATE TRIGGER sync_history_reset_fingerprint AFTER UPDATE OF error_message ON sync_history
WHEN NEW.error_fingerprint IS NOT NULL
    AND OLD.error_message IS NOT NEW.error_message
    AND OLD.error_fingerprint IS NEW.error_fingerprint
BEGIN
    UPDATE sync_history SET error_fingerprint = NULL WHERE rowid = NEW.rowid;
END;
";
