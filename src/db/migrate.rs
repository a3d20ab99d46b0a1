//! Bringing the tables up to date, and telling whether they are.

use std::{collections::HashSet, time::Duration};

use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection, DbErr, Statement};
use tracing::{info, warn};

use super::{
    Database,
    error::{ConnectError, Failure, classify},
    postgres::SEARCH_PATH,
};

/// The advisory lock that servers starting together take in turn; the bytes of `syncledg`.
const LOCK_KEY: i64 = 0x7379_6e63_6c65_6467;
/// Shorter than PostgreSQL's deadlock time-out of a second: a migration that meets a worker's
/// locks gives way before the worker could be chosen as a deadlock's victim.
const LOCK_TIMEOUT: &str = "500ms";
/// Between two attempts to get the lock or past a worker's open transaction.
const PAUSE: Duration = Duration::from_millis(300);
/// How often a server looks again whether another has made SQLite's tables.
const SQLITE_ATTEMPTS: u32 = 20;
/// How often a migration makes way for the workers before it gives up: about ten minutes.
const ATTEMPTS: u32 = 750;

/// Creates or adopts the tables on PostgreSQL, one server at a time.
///
/// All of it happens on one connection, since the lock is the session's. The lock is tried for
/// instead of waited for: a waiting statement holds a snapshot, and a concurrent index build would
/// wait for that in turn.
pub(super) async fn postgres(url: &str) -> Result<(), ConnectError> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .sqlx_logging(false)
        .set_schema_search_path(SEARCH_PATH)
        .map_sqlx_postgres_opts(|options| options.options([("lock_timeout", LOCK_TIMEOUT)]));
    let connection = sea_orm::Database::connect(options)
        .await
        .map_err(ConnectError::Open)?;
    // A role that may only read and write serves a database that another has brought up to date.
    let migrated = match lacking(&connection).await {
        Ok(steps) if steps.is_empty() => Ok(()),
        _ => migrate_alone(&connection).await,
    };
    // Closing the session gives the lock back, however the migration ended.
    let closed = connection.close().await;
    migrated.and(closed).map_err(ConnectError::Migrate)
}

/// Creates the tables in an SQLite file. Each step is a transaction, so of several servers that start
/// together each step succeeds in one, and the others find it done when they look again.
pub(super) async fn sqlite(connection: &DatabaseConnection) -> Result<(), ConnectError> {
    let mut attempt = 1;
    loop {
        match Migrator::up(connection, None).await {
            Err(error) if attempt < SQLITE_ATTEMPTS => {
                info!(%error, "the tables are not up to date yet; looking again");
                attempt += 1;
                tokio::time::sleep(PAUSE).await;
            }
            outcome => return outcome.map_err(ConnectError::Migrate),
        }
    }
}

async fn migrate_alone(connection: &DatabaseConnection) -> Result<(), DbErr> {
    let lock = format!("SELECT 1 WHERE pg_try_advisory_lock({LOCK_KEY})");
    let mut waits = false;
    while !exists(connection, &lock).await? {
        if !std::mem::replace(&mut waits, true) {
            info!("another server is bringing the tables up to date; waiting for it");
        }
        tokio::time::sleep(PAUSE).await;
    }
    for schema in SEARCH_PATH.split(',') {
        // Asked first: the statement itself needs a right that an adopted database may not give.
        if !exists(
            connection,
            &format!("SELECT 1 FROM pg_namespace WHERE nspname = '{schema}'"),
        )
        .await?
        {
            let create = format!(r#"CREATE SCHEMA IF NOT EXISTS "{schema}""#);
            connection.execute_unprepared(&create).await?;
        }
    }
    for attempt in 1..ATTEMPTS {
        match Migrator::up(connection, None).await {
            Err(error) if classify(&error) == Failure::Busy => {
                if attempt == 1 {
                    warn!(%error, "another writer's open transaction is in the way; trying on");
                }
                tokio::time::sleep(PAUSE).await;
            }
            outcome => return outcome,
        }
    }
    Migrator::up(connection, None).await
}

/// The steps that `database` still lacks, by name.
///
/// # Errors
/// The database does not answer, or has no tables at all.
pub async fn pending(database: &Database) -> Result<Vec<String>, DbErr> {
    lacking(database.read()).await
}

async fn lacking(connection: &impl ConnectionTrait) -> Result<Vec<String>, DbErr> {
    let select = Statement::from_string(
        connection.get_database_backend(),
        "SELECT version FROM seaql_migrations",
    );
    let rows = connection.query_all_raw(select).await?;
    let applied = rows
        .iter()
        .map(|row| row.try_get("", "version"))
        .collect::<Result<HashSet<String>, _>>()?;
    Ok(Migrator::migrations()
        .iter()
        .map(|step| step.name().to_owned())
        .filter(|name| !applied.contains(name))
        .collect())
}

async fn exists(connection: &DatabaseConnection, sql: &str) -> Result<bool, DbErr> {
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    Ok(connection.query_one_raw(statement).await?.is_some())
}
