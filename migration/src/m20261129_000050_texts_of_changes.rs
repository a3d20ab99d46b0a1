//! An index on the changes that hold texts of a run, which are removed together with the run. Most changes hold none.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use crate::create_index_concurrently;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// PostgreSQL builds indexes without blocking writers only outside a transaction.
    fn use_transaction(&self) -> Option<bool> {
        Some(false)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        if manager.get_database_backend() != DbBackend::Postgres {
            let sql = format!("CREATE INDEX IF NOT EXISTS {NAME} ON sync_change {ON}");
            connection.execute_unprepared(&sql).await?;
            return Ok(());
        }
        // A concurrent build waits for open transactions, but blocks nobody meanwhile.
        connection
            .execute_unprepared("SET lock_timeout = 0")
            .await?;
        create_index_concurrently(manager, NAME, "sync_change", ON).await
    }
}

const NAME: &str = "ix_sync_change_texts";
const ON: &str = "(run_id) WHERE error_message IS NOT NULL OR previous_error_message IS NOT NULL";
