//! Indexes for the end and the duration of runs that have ended (PostgreSQL).
//!
//! They replace the indexes on `completed_at`, which other writers also store in runs that are still open. Readers take
//! such a run to have no end.

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
        if manager.get_database_backend() != DbBackend::Postgres {
            return Ok(());
        }
        let connection = manager.get_connection();
        // A concurrent build waits for open transactions, but blocks nobody meanwhile.
        connection
            .execute_unprepared("SET lock_timeout = 0")
            .await?;
        for (name, on) in ENDED {
            create_index_concurrently(manager, name, "sync_history", on).await?;
        }
        for name in REPLACED {
            let sql = format!("DROP INDEX CONCURRENTLY IF EXISTS sync_history.{name}");
            connection.execute_unprepared(&sql).await?;
        }
        Ok(())
    }
}

/// Name and indexed expressions.
const ENDED: [(&str, &str); 2] = [
    (
        "ix_sync_history_ended_at",
        "((CASE WHEN status IN ('completed', 'failed', 'cancelled') THEN completed_at END), id)",
    ),
    (
        "ix_sync_history_ended_duration",
        "((CASE WHEN status IN ('completed', 'failed', 'cancelled') \
            AND isfinite(completed_at) AND isfinite(started_at) \
            THEN greatest(completed_at - started_at, interval '0') END), id)",
    ),
];

/// On `completed_at`, and on the duration whatever the status.
const REPLACED: [&str; 2] = ["ix_sync_history_completed_at", "ix_sync_history_duration"];
