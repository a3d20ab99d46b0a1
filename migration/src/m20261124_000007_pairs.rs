//! Indexes behind lists by two words at once, newest first.
//!
//! Of `status`, `source` and `entityType`, two that are one each: `status` and `source`
//! (`…_status_source_newest`), `status` and `entityType` (`…_status_entity_type_newest`), `entityType`
//! and `source` (`…_entity_source_newest`), with any range of `startedAt`, and their capped counts. By
//! an index of one of the two, such a list reads as many runs as the other lets pass none of: all of
//! them in the end, if the two are rarely together.
//!
//! What it costs: three more entries for a run's creation, and for each change of it, since no change
//! of a run leaves all indexed columns alone: a run that is created, reported on twice and completed
//! writes 24 % more of PostgreSQL's log (7.8 for 6.3 KB). The predecessor's two are now beginnings of
//! others. On PostgreSQL they stay: its queries and its migrations know them by name. On SQLite, which it
//! never used, they go, since SQLite takes them for the better ones and then sorts by id.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use crate::m20261123_000003_indexes::create_concurrently;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// PostgreSQL builds indexes beside running writers only outside a transaction.
    fn use_transaction(&self) -> Option<bool> {
        Some(false)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        let is_postgres = manager.get_database_backend() == DbBackend::Postgres;
        if is_postgres {
            // Building waits for open transactions, without anyone waiting behind it.
            connection
                .execute_unprepared("SET lock_timeout = 0")
                .await?;
        }
        for (name, on) in PAIRS {
            if is_postgres {
                create_concurrently(manager, name, "sync_history", on).await?;
            } else {
                let sql = format!("CREATE INDEX IF NOT EXISTS {name} ON sync_history {on}");
                connection.execute_unprepared(&sql).await?;
            }
        }
        if !is_postgres {
            for name in BEGINNINGS {
                let sql = format!("DROP INDEX IF EXISTS {name}");
                connection.execute_unprepared(&sql).await?;
            }
        }
        Ok(())
    }

    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration("the indexes are never taken away".into()))
    }
}

/// Name, and what is indexed.
const PAIRS: [(&str, &str); 3] = [
    (
        "ix_sync_history_status_source_newest",
        "(status, source, started_at DESC, id DESC)",
    ),
    (
        "ix_sync_history_status_entity_type_newest",
        "(status, entity_type, started_at DESC, id DESC)",
    ),
    (
        "ix_sync_history_entity_source_newest",
        "(entity_type, source, started_at DESC, id DESC)",
    ),
];

/// Of other indexes: `…_status_newest` and `…_entity_source_newest`.
const BEGINNINGS: [&str; 2] = [
    "ix_sync_history_status_started_at",
    "ix_sync_history_entity_source",
];
