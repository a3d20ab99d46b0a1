//! Events of the same time in the order in which they were written (SQLite).
//!
//! Lists were ordered by time and id, which shuffled the events that one call or transaction wrote. `sequence` is a copy of
//! `seq`: SQLite does not compare rows by an index on its primary key.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use crate::exists;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() != DbBackend::Sqlite {
            return Ok(());
        }
        let connection = manager.get_connection();
        connection.execute_unprepared(SQLITE).await?;
        // New indexes have no statistics; they are gathered again if ANALYZE has been used before.
        let statistics = "SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat1'";
        if exists(manager, statistics.into()).await? {
            connection.execute_unprepared("ANALYZE").await?;
        }
        Ok(())
    }
}

const SQLITE: &str = r#"
ALTER TABLE sync_event ADD COLUMN sequence integer GENERATED ALWAYS AS (seq) VIRTUAL;
CREATE INDEX ix_sync_event_by_run ON sync_event (sync_id, "timestamp", sequence);
CREATE INDEX ix_sync_event_by_time ON sync_event ("timestamp", sequence);
CREATE INDEX ix_sync_event_by_type ON sync_event (event_type, "timestamp", sequence);
DROP INDEX ix_sync_event_run_oldest;
DROP INDEX ix_sync_event_newest;
DROP INDEX ix_sync_event_type_newest;
"#;
