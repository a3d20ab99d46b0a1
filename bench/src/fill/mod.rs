//! `bench fill`: a database with any number of runs, always the same for the same number.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Args;
use sqlx::{
    AssertSqlSafe, Connection, PgConnection, SqliteConnection,
    postgres::PgConnectOptions,
    sqlite::{SqliteConnectOptions, SqliteSynchronous},
};

use crate::{progress, server::ServerBinary};

/// Runs per transaction, few enough to be sorted in memory.
const BATCH_SIZE: u64 = 50_000;
const RUNS_PER_DAY: u64 = 2_880;
const EVENTS_PER_RUN: u64 = 5;
const MICROS_PER_DAY: u64 = 24 * 60 * 60 * 1_000_000;
const BATCH: &str = include_str!("batch.sql");
const INSERT_POSTGRES: &str = include_str!("postgres.sql");
const INSERT_SQLITE: &str = include_str!("sqlite.sql");

/// Fill a database with runs and their events, the same rows for the same number of runs
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Database without runs: an SQLite file, or PostgreSQL as a superuser
    #[arg(long, value_name = "URL")]
    database_url: String,
    /// Number of runs
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=100_000_000), value_name = "NUMBER")]
    runs: u64,
    /// Runs per day, up to 2026-11-01
    #[arg(
        long,
        default_value_t = RUNS_PER_DAY,
        value_parser = clap::value_parser!(u64).range(1..=1_000_000),
        value_name = "NUMBER"
    )]
    runs_per_day: u64,
    /// Events per run
    #[arg(
        long,
        default_value_t = EVENTS_PER_RUN,
        value_parser = clap::value_parser!(u64).range(0..=EVENTS_PER_RUN),
        value_name = "NUMBER"
    )]
    events: u64,
    #[command(flatten)]
    server: ServerBinary,
}

/// What a database is filled with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Content {
    pub(crate) runs: u64,
    pub(crate) runs_per_day: u64,
    pub(crate) events_per_run: u64,
}

impl Content {
    pub(crate) fn of_runs(runs: u64) -> Self {
        Self {
            runs,
            runs_per_day: RUNS_PER_DAY,
            events_per_run: EVENTS_PER_RUN,
        }
    }
}

pub(crate) async fn run(options: Options) -> Result<()> {
    options.server.migrate(&options.database_url).await?;
    let content = Content {
        runs: options.runs,
        runs_per_day: options.runs_per_day,
        events_per_run: options.events,
    };
    fill(&options.database_url, content).await
}

/// Fills a migrated database, and updates the planner's statistics.
///
/// # Errors
/// Fails if the database has runs.
pub(crate) async fn fill(url: &str, content: Content) -> Result<()> {
    let begin = Instant::now();
    if url.starts_with("sqlite:") {
        fill_sqlite(url, content).await?;
    } else {
        fill_postgres(url, content).await?;
    }
    progress(&format!("filled in {:.1} s", begin.elapsed().as_secs_f64()));
    Ok(())
}

async fn fill_postgres(url: &str, content: Content) -> Result<()> {
    let options: PgConnectOptions = url.parse()?;
    // The role skips triggers, because filled rows are not changes, and checks of foreign keys.
    let options = options.options([
        ("session_replication_role", "replica"),
        ("synchronous_commit", "off"),
    ]);
    let connection = PgConnection::connect_with(&options).await;
    let mut connection = connection.context("cannot connect as a superuser")?;
    let has_runs = sqlx::query_scalar("SELECT EXISTS (SELECT FROM sync_history.sync_history)");
    ensure_empty(has_runs.fetch_one(&mut connection).await?)?;
    for first in (1..=content.runs).step_by(usize::try_from(BATCH_SIZE)?) {
        // Statements that are sent as one message are one transaction.
        let sql = statements(first, content, INSERT_POSTGRES);
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut connection)
            .await?;
        report_progress(first, content.runs);
    }
    // VACUUM marks pages as visible to everyone, which index-only scans need, once their commits are durable.
    // The checkpoint writes now what would be written during a measurement.
    for sql in [
        "SET synchronous_commit = on",
        "CHECKPOINT",
        "VACUUM (ANALYZE) \"user\".\"user\"",
        "VACUUM (ANALYZE) sync_history.sync_history",
        "VACUUM (ANALYZE) sync_history.sync_event",
    ] {
        sqlx::raw_sql(sql).execute(&mut connection).await?;
    }
    Ok(connection.close().await?)
}

async fn fill_sqlite(url: &str, content: Content) -> Result<()> {
    let options: SqliteConnectOptions = url.parse()?;
    let options = options
        .foreign_keys(false)
        .synchronous(SqliteSynchronous::Off)
        .pragma("cache_size", "-262144")
        .pragma("temp_store", "MEMORY");
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let has_runs = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM sync_history)");
    ensure_empty(has_runs.fetch_one(&mut connection).await?)?;
    let triggers: Vec<(String, String)> = sqlx::query_as(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' \
         AND tbl_name IN ('sync_history', 'sync_event')",
    )
    .fetch_all(&mut connection)
    .await?;
    let names = triggers
        .iter()
        .map(|(name, _)| format!("DROP TRIGGER {name};"));
    let drop_triggers: String = names.collect();
    let definitions = triggers.iter().map(|(_, sql)| format!("{sql};\n"));
    let create_triggers: String = definitions.collect();
    for first in (1..=content.runs).step_by(usize::try_from(BATCH_SIZE)?) {
        let sql = statements(first, content, INSERT_SQLITE)
            .replace("{started_at}", &sqlite_timestamp("started_at"))
            .replace("{completed_at}", &sqlite_timestamp("completed_at"))
            .replace(
                "{timestamp}",
                &sqlite_timestamp("started_at + duration * k / 5"),
            )
            // The triggers' clock has milliseconds.
            .replace(
                "{updated_at}",
                &sqlite_timestamp("coalesce(completed_at, started_at) / 1000 * 1000"),
            );
        // In the transaction, so that no other connection sees the tables without their triggers.
        let sql = format!("BEGIN IMMEDIATE;{drop_triggers}{sql}{create_triggers}COMMIT;");
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut connection)
            .await?;
        report_progress(first, content.runs);
    }
    let finish = sqlx::raw_sql("ANALYZE; PRAGMA wal_checkpoint(TRUNCATE)");
    finish.execute(&mut connection).await?;
    Ok(connection.close().await?)
}

fn ensure_empty(has_runs: bool) -> Result<()> {
    ensure!(!has_runs, "the database has runs; use an empty one");
    Ok(())
}

/// Returns the SQL that computes a batch of runs, and inserts them and their events.
fn statements(first: u64, content: Content, insert: &str) -> String {
    let total = content.runs;
    let last = total.min(first + BATCH_SIZE - 1);
    let interval = MICROS_PER_DAY / content.runs_per_day;
    let batch = BATCH
        .replace("{interval}", &interval.to_string())
        .replace("{first}", &first.to_string())
        .replace("{last}", &last.to_string())
        .replace("{total}", &total.to_string());
    batch + &insert.replace("{events}", &content.events_per_run.to_string())
}

/// Returns an SQL expression that formats microseconds since 1970 as the server does, with 0, 3 or 6 decimals.
fn sqlite_timestamp(micros: &str) -> String {
    format!(
        "strftime('%Y-%m-%dT%H:%M:%S', ({micros}) / 1000000, 'unixepoch') || \
         CASE WHEN ({micros}) % 1000000 = 0 THEN '' \
         WHEN ({micros}) % 1000 = 0 THEN printf('.%03d', ({micros}) % 1000000 / 1000) \
         ELSE printf('.%06d', ({micros}) % 1000000) END || '+00:00'"
    )
}

/// Reports about every tenth of the runs.
fn report_progress(first: u64, total: u64) {
    let last = total.min(first + BATCH_SIZE - 1);
    if (first - 1) * 10 / total < last * 10 / total {
        progress(&format!("filled {last} of {total} runs"));
    }
}
