//! The frozen history of the ledger's tables: one file per step, never edited once released.
//!
//! Each step works on an empty database and on the one the Python predecessor filled, creating
//! what is missing and adopting what is there. Three rules keep adoption harmless on a large
//! database with workers writing to it: a column added to a predecessor's table is nullable or has
//! a constant default, so nothing is rewritten and writers that do not know it keep working;
//! indexes on filled tables are built concurrently, outside a transaction; and the caller sets a
//! lock time-out shorter than PostgreSQL's deadlock time-out and repeats, so that a waiting
//! migration neither queues the workers behind itself nor makes one of them a deadlock's victim.
//!
//! The caller creates the schemas `sync_history` and `user` on PostgreSQL beforehand.

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{DbBackend, Statement};

mod m20261123_000001_ledger;
mod m20261123_000002_change_feed;
mod m20261123_000003_indexes;
mod m20261123_000004_feed_upkeep;
mod m20261123_000005_lean_triggers;
mod m20261123_000006_keys;
mod m20261124_000007_pairs;
mod m20261126_000008_untouched_indexes;
mod m20261127_000009_ascending;

/// All steps, oldest first.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261123_000001_ledger::Migration),
            Box::new(m20261123_000002_change_feed::Migration),
            Box::new(m20261123_000003_indexes::Migration),
            Box::new(m20261123_000004_feed_upkeep::Migration),
            Box::new(m20261123_000005_lean_triggers::Migration),
            Box::new(m20261123_000006_keys::Migration),
            Box::new(m20261124_000007_pairs::Migration),
            Box::new(m20261126_000008_untouched_indexes::Migration),
            Box::new(m20261127_000009_ascending::Migration),
        ]
    }
}

/// Runs the statements that the database at hand understands.
async fn execute(manager: &SchemaManager<'_>, postgres: &str, sqlite: &str) -> Result<(), DbErr> {
    let sql = match manager.get_database_backend() {
        DbBackend::Postgres => postgres,
        _ => sqlite,
    };
    manager.get_connection().execute_unprepared(sql).await?;
    Ok(())
}

/// Whether `sql` returns a row.
async fn exists(manager: &SchemaManager<'_>, sql: String) -> Result<bool, DbErr> {
    let statement = Statement::from_string(manager.get_database_backend(), sql);
    let row = manager.get_connection().query_one_raw(statement).await?;
    Ok(row.is_some())
}
