//! An index of the texts of error messages (SQLite). That of PostgreSQL needs an extension, and is no migration.
//!
//! Other writers may have an SQLite without FTS5. So triggers record in ordinary tables which runs are to be indexed, and
//! the server indexes them. Messages are indexed with their case folded, which the tokenizer therefore leaves alone.

use crate::Script;

pub(crate) fn migration() -> Script {
    Script::new(file!(), "SELECT 1", SQLITE)
}

/// The index refers to runs by numbers of its own: `VACUUM` may change the `rowid` of a run. It holds no texts. An insert
/// that follows a conflict policy of its own would fail on a run that is queued already.
const SQLITE: &str = "
CREATE VIRTUAL TABLE sync_text USING fts5(
    message, content='', contentless_delete=1, detail='none', tokenize='trigram case_sensitive 1'
);
CREATE TABLE sync_text_run (number integer PRIMARY KEY, run_id blob NOT NULL UNIQUE);
CREATE TABLE sync_text_queue (run_id blob NOT NULL PRIMARY KEY) WITHOUT ROWID;

INSERT INTO sync_text_queue (run_id) SELECT id FROM sync_history WHERE error_message IS NOT NULL;

CREATE TRIGGER sync_text_inserted AFTER INSERT ON sync_history WHEN NEW.error_message IS NOT NULL
BEGIN
    INSERT INTO sync_text_queue (run_id) SELECT NEW.id
    WHERE NOT EXISTS (SELECT 1 FROM sync_text_queue WHERE run_id = NEW.id);
END;
CREATE TRIGGER sync_text_updated AFTER UPDATE OF id, error_message ON sync_history
WHEN NEW.error_message IS NOT OLD.error_message OR NEW.id IS NOT OLD.id
BEGIN
    INSERT INTO sync_text_queue (run_id) SELECT NEW.id
    WHERE NOT EXISTS (SELECT 1 FROM sync_text_queue WHERE run_id = NEW.id);
END;
CREATE TRIGGER sync_text_deleted AFTER DELETE ON sync_history WHEN OLD.error_message IS NOT NULL
BEGIN
    INSERT INTO sync_text_queue (run_id) SELECT OLD.id
    WHERE NOT EXISTS (SELECT 1 FROM sync_text_queue WHERE run_id = OLD.id);
END;
";
