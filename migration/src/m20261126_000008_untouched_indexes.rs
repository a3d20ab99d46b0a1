//! The same triggers for about half of what they cost writers (SQLite).
//!
//! SQLite writes the entries of all indexes with a column that an update names, even if its value stays:
//! most of a run's, where the triggers bring its instants into the stored form. So these name them only if
//! they are in another form, and find the row without an index.

use sea_orm_migration::prelude::*;

use crate::{
    execute,
    m20261123_000002_change_feed::{NOW, canonical, completed_at},
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        execute(manager, "SELECT 1", &sqlite()).await
    }

    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration(
            "the change feed is never taken away".into(),
        ))
    }
}

// As before, these updates are no changes of their own: the insert trigger's are told by updated_at having
// been NULL, and the update trigger does not fire itself.
fn sqlite() -> String {
    let started_at = canonical("started_at");
    let completed_at = completed_at();
    let bring_into_form = format!(
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
    {bring_into_form} AND updated_at IS NULL;
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
    {bring_into_form};
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
