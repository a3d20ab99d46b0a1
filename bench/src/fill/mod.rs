//! The command `fill`: a ledger of any size to measure on, the same each time.

mod rows;

use std::{path::PathBuf, time::Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use sqlx::{
    AssertSqlSafe, Connection, PgConnection, SqliteConnection,
    postgres::PgConnectOptions,
    sqlite::{SqliteConnectOptions, SqliteSynchronous},
};

use crate::{feed::server_binary, writers::migrate};
use rows::{Dialect, Rows};

/// Runs that one transaction fills in: few enough to sort in memory.
const BATCH: u64 = 50_000;

/// Fill a database with runs of some years and five events of each, the same for the same number
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The database, which must have no runs: an SQLite file, or one of a PostgreSQL server, as a superuser
    #[arg(long, value_name = "URL")]
    database_url: String,
    /// How many runs
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=100_000_000), value_name = "NUMBER")]
    runs: u64,
    /// The server's binary, which makes the tables [default: sync-history beside this one]
    #[arg(long, value_name = "PATH")]
    server: Option<PathBuf>,
}

/// Makes the tables, and fills them.
pub(crate) async fn run(options: Options) -> Result<()> {
    let program = server_binary(options.server.as_ref())?;
    migrate(&program, &options.database_url).await?;
    fill(&options.database_url, options.runs).await
}

/// Fills the tables of a database that has them.
pub(crate) async fn fill(url: &str, runs: u64) -> Result<()> {
    let begin = Instant::now();
    match Dialect::of(url) {
        Dialect::Postgres => fill_postgres(url, runs).await?,
        Dialect::Sqlite => fill_sqlite(url, runs).await?,
    }
    let seconds = begin.elapsed().as_secs_f64();
    eprintln!("filled: {runs} runs in {seconds:.1} s");
    Ok(())
}

/// The parts that are filled one after the other, of runs numbered from 1 on.
fn batches(runs: u64) -> impl Iterator<Item = Rows> {
    (1..=runs)
        .step_by(usize::try_from(BATCH).unwrap_or(usize::MAX))
        .map(move |first| Rows {
            first,
            last: runs.min(first + BATCH - 1),
            all: runs,
        })
}

fn refuse_if_filled(filled: bool) -> Result<()> {
    if filled {
        bail!("the database has runs already; take an empty one");
    }
    Ok(())
}

async fn fill_postgres(url: &str, runs: u64) -> Result<()> {
    let options: PgConnectOptions = url.parse()?;
    // The session's writes are no changes that anybody made: no triggers, no checks of foreign keys.
    let options = options.options([
        ("session_replication_role", "replica"),
        ("synchronous_commit", "off"),
    ]);
    let connection = PgConnection::connect_with(&options).await;
    let mut connection =
        connection.context("cannot connect as one who may leave triggers out (a superuser)")?;
    let filled = sqlx::query_scalar("SELECT EXISTS (SELECT FROM sync_history.sync_history)");
    refuse_if_filled(filled.fetch_one(&mut connection).await?)?;
    let dialect = Dialect::Postgres;
    execute_postgres(&mut connection, dialect.users()).await?;
    for rows in batches(runs) {
        // Several statements sent as one message are one transaction.
        execute_postgres(&mut connection, rows.statements(dialect)).await?;
        note(&rows);
    }
    // VACUUM takes no row for visible to everybody as long as its commit, or one beside it, may be lost, and counts
    // would go on reading the table beside its index. A checkpoint also writes what would be written while pages
    // are measured.
    for safe in ["SET synchronous_commit = on", "CHECKPOINT"] {
        execute_postgres(&mut connection, safe.to_owned()).await?;
    }
    for table in dialect.tables() {
        execute_postgres(&mut connection, format!("VACUUM (ANALYZE) {table}")).await?;
    }
    Ok(connection.close().await?)
}

async fn fill_sqlite(url: &str, runs: u64) -> Result<()> {
    let options: SqliteConnectOptions = url.parse()?;
    let options = options
        .foreign_keys(false)
        .synchronous(SqliteSynchronous::Off)
        .pragma("cache_size", "-262144");
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let filled = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM sync_history)");
    refuse_if_filled(filled.fetch_one(&mut connection).await?)?;
    let dialect = Dialect::Sqlite;
    let triggers: Vec<(String, String)> = sqlx::query_as(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' \
         AND tbl_name IN ('sync_history', 'sync_event')",
    )
    .fetch_all(&mut connection)
    .await?;
    let dropped: Vec<_> = triggers
        .iter()
        .map(|(name, _)| format!("DROP TRIGGER {name};"))
        .collect();
    let dropped = dropped.concat();
    let made_again: Vec<_> = triggers
        .iter()
        .map(|(_, sql)| format!("{sql};\n"))
        .collect();
    let made_again = made_again.concat();
    execute_sqlite(&mut connection, dialect.users()).await?;
    for rows in batches(runs) {
        // Within the transaction: nobody else ever sees the tables without their triggers.
        let fill = rows.statements(dialect);
        let sql = format!("BEGIN IMMEDIATE;{dropped}{fill}{made_again}COMMIT;");
        execute_sqlite(&mut connection, sql).await?;
        note(&rows);
    }
    execute_sqlite(
        &mut connection,
        "ANALYZE;PRAGMA wal_checkpoint(TRUNCATE)".into(),
    )
    .await?;
    Ok(connection.close().await?)
}

async fn execute_postgres(connection: &mut PgConnection, sql: String) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(connection)
        .await?;
    Ok(())
}

async fn execute_sqlite(connection: &mut SqliteConnection, sql: String) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(connection)
        .await?;
    Ok(())
}

/// Tells on standard error how far it is, ten times or so.
fn note(rows: &Rows) {
    let tenth = |run: u64| run * 10 / rows.all;
    if tenth(rows.first - 1) < tenth(rows.last) {
        eprintln!("filling: {} of {} runs", rows.last, rows.all);
    }
}
