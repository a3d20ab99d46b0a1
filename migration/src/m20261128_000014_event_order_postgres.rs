//! Events of the same time in the order in which they were written (PostgreSQL).
//!
//! Lists were ordered by time and id, which shuffled the events that one call or transaction wrote. Events from before
//! adoption have no `seq`; they come before others of the same time, by id.

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
        for (name, on) in ORDERED {
            create_index_concurrently(manager, name, "sync_event", on).await?;
        }
        for name in REPLACED {
            let sql = format!("DROP INDEX CONCURRENTLY IF EXISTS sync_history.{name}");
            connection.execute_unprepared(&sql).await?;
        }
        Ok(())
    }
}

/// Name and indexed expressions.
const ORDERED: [(&str, &str); 3] = [
    (
        "ix_sync_event_by_run",
        "(sync_id, \"timestamp\", coalesce(seq, 0), id)",
    ),
    (
        "ix_sync_event_by_time",
        "(\"timestamp\", coalesce(seq, 0), id)",
    ),
    (
        "ix_sync_event_by_type",
        "(event_type, \"timestamp\", coalesce(seq, 0), id)",
    ),
];

/// By time and id.
const REPLACED: [&str; 3] = [
    "ix_sync_event_run_oldest",
    "ix_sync_event_newest",
    "ix_sync_event_type_newest",
];
