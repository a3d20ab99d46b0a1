//! Database migrations: one file per step. A step is never edited once it is released.
//!
//! Each step works on an empty database and on one that the Python predecessor filled: it creates what is missing
//! and adopts what exists. Three rules make adoption safe on a large database that workers write to:
//!
//! - A column added to one of the predecessor's tables is nullable or has a constant default. No row is rewritten,
//!   and writers that do not know the column keep working.
//! - Indexes on filled tables are built concurrently, outside a transaction.
//! - The caller sets a lock timeout shorter than PostgreSQL's deadlock timeout, and retries. A waiting migration
//!   then neither blocks the workers queued after it nor makes one of them the victim of a deadlock.
//!
//! On PostgreSQL the caller creates the schemas `sync_history` and `user` first.

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{DbBackend, Statement};
use sea_orm_migration::util::get_file_stem;

mod m20261123_000001_ledger;
mod m20261123_000002_change_feed;
mod m20261123_000003_indexes;
mod m20261123_000004_feed_upkeep;
mod m20261123_000005_lean_triggers;
mod m20261123_000006_keys;
mod m20261124_000007_pairs;
mod m20261126_000008_untouched_indexes;
mod m20261127_000009_ascending;
mod m20261128_000010_checks;
mod m20261128_000011_stored_completion;
mod m20261128_000012_ended_indexes;
mod m20261128_000013_event_order;
mod m20261128_000014_event_order_postgres;
mod m20261128_000015_deletions;
mod m20261128_000020_lenient_triggers;
mod m20261128_000030_key_version;
mod m20261129_000050_texts_of_changes;
mod m20261129_000051_authors;
mod m20261129_000060_heartbeats;
mod m20261129_000061_heartbeat_indexes;
mod m20261129_000065_fingerprints;
mod m20261129_000066_fingerprint_indexes;
mod m20261129_000070_text_index;
mod m20261129_000075_outcomes_by_pair;

/// All steps, oldest first.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261123_000001_ledger::migration()),
            Box::new(m20261123_000002_change_feed::migration()),
            Box::new(m20261123_000003_indexes::migration()),
            Box::new(m20261123_000004_feed_upkeep::migration()),
            Box::new(m20261123_000005_lean_triggers::migration()),
            Box::new(m20261123_000006_keys::migration()),
            Box::new(m20261124_000007_pairs::migration()),
            Box::new(m20261126_000008_untouched_indexes::migration()),
            Box::new(m20261127_000009_ascending::Migration),
            Box::new(m20261128_000010_checks::Migration),
            Box::new(m20261128_000011_stored_completion::Migration),
            Box::new(m20261128_000012_ended_indexes::migration()),
            Box::new(m20261128_000013_event_order::Migration),
            Box::new(m20261128_000014_event_order_postgres::migration()),
            Box::new(m20261128_000015_deletions::migration()),
            Box::new(m20261128_000020_lenient_triggers::migration()),
            Box::new(m20261128_000030_key_version::migration()),
            Box::new(m20261129_000050_texts_of_changes::migration()),
            Box::new(m20261129_000051_authors::migration()),
            Box::new(m20261129_000060_heartbeats::migration()),
            Box::new(m20261129_000061_heartbeat_indexes::migration()),
            Box::new(m20261129_000065_fingerprints::migration()),
            Box::new(m20261129_000066_fingerprint_indexes::migration()),
            Box::new(m20261129_000070_text_index::migration()),
            Box::new(m20261129_000075_outcomes_by_pair::migration()),
        ]
    }
}

/// A step that executes the script for the database in use, in a transaction.
struct Script {
    name: &'static str,
    postgres: String,
    sqlite: String,
}

impl Script {
    /// The step is named after its file.
    fn new(file: &'static str, postgres: impl Into<String>, sqlite: impl Into<String>) -> Self {
        Self {
            name: get_file_stem(file),
            postgres: postgres.into(),
            sqlite: sqlite.into(),
        }
    }
}

impl MigrationName for Script {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Script {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        execute(manager, &self.postgres, &self.sqlite).await
    }
}

/// Name, table, and indexed expressions.
type Index = (&'static str, &'static str, &'static str);

/// A step that builds indexes without blocking writers, which PostgreSQL does only outside a transaction.
struct Indexes {
    name: &'static str,
    /// Indexes that are created on PostgreSQL.
    created: Vec<Index>,
    /// Indexes that are dropped on PostgreSQL, once the others are there.
    replaced: &'static [&'static str],
    /// Script for SQLite.
    sqlite: String,
}

impl Indexes {
    /// The step is named after its file.
    fn new(file: &'static str) -> Self {
        Self {
            name: get_file_stem(file),
            created: Vec::new(),
            replaced: &[],
            sqlite: String::new(),
        }
    }
}

impl MigrationName for Indexes {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Indexes {
    fn use_transaction(&self) -> Option<bool> {
        Some(false)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // A concurrent build waits for open transactions, but blocks nobody meanwhile.
        execute(manager, "SET lock_timeout = 0", &self.sqlite).await?;
        if manager.get_database_backend() != DbBackend::Postgres {
            return Ok(());
        }
        for (name, table, on) in &self.created {
            create_index_concurrently(manager, name, table, on).await?;
        }
        for name in self.replaced {
            let sql = format!("DROP INDEX CONCURRENTLY IF EXISTS sync_history.{name}");
            manager.get_connection().execute_unprepared(&sql).await?;
        }
        Ok(())
    }
}

/// Returns a script that creates indexes on SQLite.
fn create_indexes(indexes: &[Index]) -> String {
    let create = indexes
        .iter()
        .map(|(name, table, on)| format!("CREATE INDEX IF NOT EXISTS {name} ON {table} {on};"));
    create.collect()
}

/// Executes the statements for the database in use.
async fn execute(manager: &SchemaManager<'_>, postgres: &str, sqlite: &str) -> Result<(), DbErr> {
    let sql = match manager.get_database_backend() {
        DbBackend::Postgres => postgres,
        _ => sqlite,
    };
    manager.get_connection().execute_unprepared(sql).await?;
    Ok(())
}

/// Returns whether `sql` returns a row.
async fn exists(manager: &SchemaManager<'_>, sql: String) -> Result<bool, DbErr> {
    let statement = Statement::from_string(manager.get_database_backend(), sql);
    let row = manager.get_connection().query_one_raw(statement).await?;
    Ok(row.is_some())
}

/// Builds an index on PostgreSQL without blocking writers. An index that an interrupted attempt left invalid is
/// dropped first.
async fn create_index_concurrently(
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
