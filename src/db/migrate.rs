//! Applies database migrations, and lists pending ones.

use std::{collections::HashSet, time::Duration};

use migration::{Migrator, MigratorTrait};
use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Statement, Value,
};
use tracing::{info, warn};

use super::{
    Database, Tables, adoption,
    connect::open_pool,
    connect_error::OpenError,
    error::{Failure, classify},
    postgres::SCHEME,
};
use crate::outage::Outage;

/// The schemas of the tables on PostgreSQL, as connections search them.
pub(super) const SEARCH_PATH: &str = "sync_history,user";
/// Key of the advisory lock that serialises servers starting at the same time: the bytes of `syncledg`.
const LOCK_KEY: i64 = 0x7379_6e63_6c65_6467;
/// Shorter than PostgreSQL's deadlock timeout of one second: a migration gives up before a worker could become the
/// victim of a deadlock.
const LOCK_TIMEOUT: &str = "500ms";
/// Interval between attempts to take a lock.
const RETRY_INTERVAL: Duration = Duration::from_millis(300);
/// Attempts while another server is migrating the same SQLite file.
const MAX_SQLITE_ATTEMPTS: u32 = 20;
/// Attempts to get past the locks of workers: about ten minutes.
const MAX_ATTEMPTS: u32 = 750;

/// Creates or adopts the tables on PostgreSQL, one server at a time, or requires them.
///
/// Everything runs on one connection, since the advisory lock belongs to the session. The lock is polled: a
/// waiting statement would hold a snapshot, and the concurrent index build of another server waits for those.
pub(super) async fn postgres(server: &PgConnectOptions, tables: Tables) -> Result<(), OpenError> {
    let connection = open_session(server).await?;
    let migrated = match tables {
        Tables::Migrate => check_and_migrate(&connection).await,
        Tables::Require => require(&connection).await,
    };
    // Closing the session releases the lock, even if the migration failed.
    let closed = connection.close().await;
    migrated.and(closed.map_err(OpenError::Migrate))
}

/// Opens a single connection, to which locks of the session belong until it is closed.
pub(super) async fn open_session(server: &PgConnectOptions) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(SCHEME);
    let server = server.clone();
    options
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .sqlx_logging(false)
        .set_schema_search_path(SEARCH_PATH)
        .map_sqlx_postgres_opts(move |_| server.clone().options([("lock_timeout", LOCK_TIMEOUT)]));
    open_pool(options).await
}

/// Returns an error unless all tables are there and up to date.
pub(super) async fn require(connection: &DatabaseConnection) -> Result<(), OpenError> {
    match pending_or_all(connection).await?.len() {
        0 => Ok(()),
        pending if pending == Migrator::migrations().len() => Err(OpenError::NoTables),
        pending => Err(OpenError::PendingMigrations(pending)),
    }
}

async fn check_and_migrate(connection: &DatabaseConnection) -> Result<(), OpenError> {
    if pending_or_all(connection).await?.is_empty() {
        return report_changed_columns(connection).await;
    }
    lock(connection).await.map_err(OpenError::Migrate)?;
    // Another server may have applied them in the meantime.
    let pending = pending_or_all(connection).await?;
    if pending.is_empty() {
        return Ok(());
    }
    let is_new = pending.len() == Migrator::migrations().len();
    let problems = adoption::postgres::problems(connection, is_new).await;
    let problems = problems?;
    if !problems.is_empty() {
        return Err(OpenError::Unsuitable(problems));
    }
    create(connection).await.map_err(OpenError::Migrate)
}

/// Returns the pending migrations: all of them if there are no tables.
async fn pending_or_all(connection: &DatabaseConnection) -> Result<Vec<String>, DbErr> {
    match pending_steps(connection).await {
        Err(error) if classify(&error) == Failure::Schema => {
            let steps = Migrator::migrations();
            Ok(steps.iter().map(|step| step.name().to_owned()).collect())
        }
        pending => pending,
    }
}

/// Logs what others have changed in a database since it was migrated. A role without the privilege to migrate it can serve
/// it, as far as it still works.
async fn report_changed_columns(connection: &DatabaseConnection) -> Result<(), OpenError> {
    for problem in adoption::postgres::column_problems(connection, false).await? {
        warn!(problem, "the database is not as it was migrated");
    }
    Ok(())
}

/// Creates the tables in an SQLite file. Each step is a transaction: if several servers start at the same time, it
/// succeeds in one of them, and the others find it applied when they retry.
pub(super) async fn sqlite(connection: &DatabaseConnection) -> Result<(), OpenError> {
    let failing = Outage::new("a migration failed; retrying");
    let mut attempt = 1;
    loop {
        match apply(connection).await {
            Err(error) if attempt < MAX_SQLITE_ATTEMPTS => {
                failing.failed(&error);
                attempt += 1;
                tokio::time::sleep(RETRY_INTERVAL).await;
            }
            outcome => return outcome.map_err(OpenError::Migrate),
        }
    }
}

/// Waits until no other server applies migrations.
async fn lock(connection: &DatabaseConnection) -> Result<(), DbErr> {
    let lock = "SELECT 1 WHERE pg_try_advisory_lock($1)";
    let mut is_waiting = false;
    while !exists(connection, lock, LOCK_KEY.into()).await? {
        if !std::mem::replace(&mut is_waiting, true) {
            info!("another server is applying the migrations; waiting for it");
        }
        tokio::time::sleep(RETRY_INTERVAL).await;
    }
    Ok(())
}

/// Creates the schemas that are missing and applies the migrations.
async fn create(connection: &DatabaseConnection) -> Result<(), DbErr> {
    for schema in SEARCH_PATH.split(',') {
        // CREATE SCHEMA IF NOT EXISTS requires a privilege that the role may lack on an adopted database.
        let find = "SELECT 1 FROM pg_namespace WHERE nspname = $1";
        if !exists(connection, find, schema.into()).await? {
            let create = format!(r#"CREATE SCHEMA IF NOT EXISTS "{schema}""#);
            connection.execute_unprepared(&create).await?;
        }
    }
    let blocked = Outage::new("another transaction blocks the migration; retrying");
    for _ in 1..MAX_ATTEMPTS {
        match apply(connection).await {
            Err(error) if classify(&error) == Failure::Busy => {
                blocked.failed(&error);
                tokio::time::sleep(RETRY_INTERVAL).await;
            }
            outcome => return outcome,
        }
    }
    apply(connection).await
}

/// Applies the pending migrations.
async fn apply(connection: &DatabaseConnection) -> Result<(), DbErr> {
    let pending = pending_or_all(connection).await?;
    if pending.is_empty() {
        return Ok(());
    }
    Migrator::up(connection, None).await?;
    info!(
        count = pending.len(),
        migrations = pending.join(" "),
        "applied the migrations"
    );
    Ok(())
}

/// Returns the name of the latest migration: the version of the tables.
#[must_use]
pub fn latest() -> String {
    let migrations = Migrator::migrations();
    migrations
        .last()
        .map_or_else(String::new, |latest| latest.name().to_owned())
}

/// Returns the names of the migrations that have not been applied.
///
/// # Errors
/// Returns an error if the database is unreachable or has no tables at all.
pub async fn pending(database: &Database) -> Result<Vec<String>, DbErr> {
    pending_steps(database.read()).await
}

async fn pending_steps(connection: &impl ConnectionTrait) -> Result<Vec<String>, DbErr> {
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

/// Returns whether `sql`, which has one parameter, returns a row.
async fn exists(connection: &DatabaseConnection, sql: &str, value: Value) -> Result<bool, DbErr> {
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, [value]);
    Ok(connection.query_one_raw(statement).await?.is_some())
}
