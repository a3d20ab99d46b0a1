//! The indexes behind every documented filter and order.
//!
//! A list is read newest first, so what may be filtered by stands before `(started_at, id)`, and
//! every other order has its own column before `id`. The predecessor's two are kept by name.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use crate::exists;

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
        if manager.get_database_backend() == DbBackend::Postgres {
            // Building waits for open transactions, without anyone waiting behind it.
            connection
                .execute_unprepared("SET lock_timeout = 0")
                .await?;
            for (name, table, on) in RUNS
                .iter()
                .chain(EVENTS)
                .chain(DURATION_POSTGRES)
                .chain(FEED_POSTGRES)
            {
                create_concurrently(manager, name, table, on).await?;
            }
        } else {
            for (name, table, on) in RUNS.iter().chain(EVENTS).chain(DURATION_SQLITE) {
                let sql = format!("CREATE INDEX IF NOT EXISTS {name} ON {table} {on}");
                connection.execute_unprepared(&sql).await?;
            }
        }
        Ok(())
    }

    async fn down(&self, _manager: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration("the indexes are never taken away".into()))
    }
}

/// Builds an index, first removing what an interrupted earlier attempt left unusable.
pub(crate) async fn create_concurrently(
    manager: &SchemaManager<'_>,
    name: &str,
    table: &str,
    on: &str,
) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    let invalid = format!(
        "SELECT 1 FROM pg_index WHERE indexrelid = to_regclass('sync_history.{name}')
        AND NOT indisvalid"
    );
    if exists(manager, invalid).await? {
        connection
            .execute_unprepared(&format!("DROP INDEX CONCURRENTLY sync_history.{name}"))
            .await?;
    }
    let sql =
        format!("CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON sync_history.{table} {on}");
    connection.execute_unprepared(&sql).await?;
    Ok(())
}

/// Name, table, and what is indexed.
type Index = (&'static str, &'static str, &'static str);

const RUNS: &[Index] = &[
    // The predecessor's.
    (
        "ix_sync_history_status_started_at",
        "sync_history",
        "(status, started_at DESC)",
    ),
    (
        "ix_sync_history_entity_source",
        "sync_history",
        "(entity_type, source)",
    ),
    // Lists, newest first: all, and by each filter.
    (
        "ix_sync_history_newest",
        "sync_history",
        "(started_at DESC, id DESC)",
    ),
    (
        "ix_sync_history_status_newest",
        "sync_history",
        "(status, started_at DESC, id DESC)",
    ),
    (
        "ix_sync_history_entity_type_newest",
        "sync_history",
        "(entity_type, started_at DESC, id DESC)",
    ),
    (
        "ix_sync_history_source_newest",
        "sync_history",
        "(source, started_at DESC, id DESC)",
    ),
    (
        "ix_sync_history_triggered_by_newest",
        "sync_history",
        "(triggered_by_id, started_at DESC, id DESC) WHERE triggered_by_id IS NOT NULL",
    ),
    // errorContains reads the runs that have a message at all.
    (
        "ix_sync_history_with_error_newest",
        "sync_history",
        "(started_at DESC, id DESC) WHERE error_message IS NOT NULL",
    ),
    // The other orders, and the ranges over the same columns.
    (
        "ix_sync_history_completed_at",
        "sync_history",
        "(completed_at, id)",
    ),
    (
        "ix_sync_history_records_processed",
        "sync_history",
        "(records_processed, id)",
    ),
    (
        "ix_sync_history_records_failed",
        "sync_history",
        "(records_failed, id)",
    ),
];

// The feed of events reads what was written since it last looked; events from before adoption have
// no seq and are not in it. On SQLite seq is the table's own order.
const FEED_POSTGRES: &[Index] = &[(
    "ix_sync_event_xid_seq",
    "sync_event",
    "(xid, seq) WHERE seq IS NOT NULL",
)];

const DURATION_POSTGRES: &[Index] = &[(
    "ix_sync_history_duration",
    "sync_history",
    "((CASE WHEN completed_at < started_at THEN interval '0' \
        WHEN isfinite(completed_at) AND isfinite(started_at) \
        THEN completed_at - started_at END), id)",
)];

const DURATION_SQLITE: &[Index] = &[(
    "ix_sync_history_duration",
    "sync_history",
    "(duration_us, id)",
)];

const EVENTS: &[Index] = &[
    (
        "ix_sync_event_run_oldest",
        "sync_event",
        "(sync_id, \"timestamp\", id)",
    ),
    (
        "ix_sync_event_newest",
        "sync_event",
        "(\"timestamp\" DESC, id DESC)",
    ),
    (
        "ix_sync_event_type_newest",
        "sync_event",
        "(event_type, \"timestamp\" DESC, id DESC)",
    ),
];
