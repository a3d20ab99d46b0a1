//! Databases under measurement: scratch databases, and direct access to them.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use chrono::{DateTime, SubsecRound, Utc};
use reqwest::Url;
use sqlx::{
    AssertSqlSafe, Connection, PgConnection, PgPool, SqlitePool, postgres::PgConnectOptions,
};
use tempfile::TempDir;
use uuid::Uuid;

/// A new, empty database that belongs to one run of a benchmark.
#[derive(Debug)]
pub(crate) enum ScratchDatabase {
    Sqlite(TempDir),
    Postgres { admin_url: String, name: String },
}

impl ScratchDatabase {
    /// Creates an SQLite file; or, given the URL of a PostgreSQL database, another one on that server.
    pub(crate) async fn create(admin_url: Option<&str>) -> Result<Self> {
        let Some(admin_url) = admin_url else {
            return Ok(Self::Sqlite(tempfile::tempdir()?));
        };
        let clock = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let name = format!("bench_{}", clock.as_millis());
        execute(admin_url, format!("CREATE DATABASE {name}")).await?;
        let admin_url = admin_url.to_owned();
        Ok(Self::Postgres { admin_url, name })
    }

    pub(crate) fn url(&self) -> Result<String> {
        match self {
            Self::Sqlite(folder) => {
                let file = folder.path().join("bench.db");
                Ok(format!("sqlite://{}?mode=rwc", file.display()))
            }
            Self::Postgres { admin_url, name } => {
                let mut url: Url = admin_url.parse().context("not the URL of a database")?;
                url.set_path(name);
                Ok(url.into())
            }
        }
    }

    pub(crate) async fn remove(self) -> Result<()> {
        match self {
            Self::Sqlite(folder) => Ok(folder.close()?),
            Self::Postgres { admin_url, name } => {
                execute(&admin_url, format!("DROP DATABASE {name} WITH (FORCE)")).await
            }
        }
    }
}

async fn execute(url: &str, sql: String) -> Result<()> {
    let connection = PgConnection::connect(url).await;
    let mut connection = connection.context("cannot connect to the database")?;
    let sql = AssertSqlSafe(sql);
    sqlx::raw_sql(sql).execute(&mut connection).await?;
    Ok(connection.close().await?)
}

/// A client of the database, for what the benchmark does itself between measurements.
#[derive(Debug)]
pub(crate) enum DatabaseClient {
    Postgres(PgPool),
    Sqlite(SqlitePool),
}

impl DatabaseClient {
    pub(crate) async fn open(url: &str) -> Result<Self> {
        if url.starts_with("sqlite:") {
            return Ok(Self::Sqlite(SqlitePool::connect(url).await?));
        }
        let options: PgConnectOptions = url.parse()?;
        let options = options.options([("search_path", "sync_history,user")]);
        Ok(Self::Postgres(PgPool::connect_with(options).await?))
    }

    pub(crate) async fn close(self) {
        match self {
            Self::Postgres(pool) => pool.close().await,
            Self::Sqlite(pool) => pool.close().await,
        }
    }

    /// Returns the process id of PostgreSQL's postmaster; `None` for SQLite.
    ///
    /// # Errors
    /// Fails if PostgreSQL does not run on this machine.
    pub(crate) async fn postmaster(&self) -> Result<Option<i32>> {
        let Self::Postgres(pool) = self else {
            return Ok(None);
        };
        let backend = sqlx::query_scalar("SELECT pg_backend_pid()");
        let backend = procfs::process::Process::new(backend.fetch_one(pool).await?);
        let stat = backend.and_then(|backend| backend.stat());
        let stat = stat.context("PostgreSQL does not run on this machine")?;
        Ok(Some(stat.ppid))
    }

    /// Returns the name and version of the database system.
    pub(crate) async fn version(&self) -> Result<String> {
        let (name, version): (_, String) = match self {
            Self::Postgres(pool) => {
                let version = sqlx::query_scalar("SHOW server_version");
                ("PostgreSQL", version.fetch_one(pool).await?)
            }
            Self::Sqlite(pool) => {
                let version = sqlx::query_scalar("SELECT sqlite_version()");
                ("SQLite", version.fetch_one(pool).await?)
            }
        };
        Ok(format!("{name} {version}"))
    }

    pub(crate) async fn count_runs(&self) -> Result<i64> {
        let sql = "SELECT count(*) FROM sync_history";
        Ok(match self {
            Self::Postgres(pool) => sqlx::query_scalar(sql).fetch_one(pool).await,
            Self::Sqlite(pool) => sqlx::query_scalar(sql).fetch_one(pool).await,
        }?)
    }

    /// Returns the number of runs whose error message the server has yet to index.
    pub(crate) async fn count_unindexed(&self) -> Result<i64> {
        let sql = "SELECT count(*) FROM sync_history \
             WHERE error_fingerprint IS NULL AND (error_message IS NOT NULL OR status = 'failed')";
        Ok(match self {
            Self::Postgres(pool) => sqlx::query_scalar(sql).fetch_one(pool).await,
            Self::Sqlite(pool) => sqlx::query_scalar(sql).fetch_one(pool).await,
        }?)
    }

    /// Removes dead rows and updates the planner's statistics.
    pub(crate) async fn vacuum(&self) -> Result<()> {
        match self {
            Self::Postgres(pool) => {
                let vacuum = sqlx::raw_sql("VACUUM (ANALYZE) sync_history");
                vacuum.execute(pool).await?;
            }
            Self::Sqlite(pool) => {
                sqlx::raw_sql("ANALYZE").execute(pool).await?;
            }
        }
        Ok(())
    }

    /// Returns when the run at this offset of the list of all runs, newest first, was started.
    pub(crate) async fn started_at(&self, offset: i64) -> Result<DateTime<Utc>> {
        let sql = "SELECT started_at FROM sync_history \
             ORDER BY started_at DESC, id DESC LIMIT 1 OFFSET $1";
        Ok(match self {
            Self::Postgres(pool) => sqlx::query_scalar(sql).bind(offset).fetch_one(pool).await,
            Self::Sqlite(pool) => sqlx::query_scalar(sql).bind(offset).fetch_one(pool).await,
        }?)
    }

    /// Inserts runs in the status `running`, which a benchmark can complete.
    pub(crate) async fn insert_running(&self, ids: &[Uuid]) -> Result<()> {
        const COLUMNS: &str = "(id, entity_type, source, status, started_at, records_processed, \
             records_created, records_updated, records_failed)";
        const VALUES: &str = "'stock', 'api', 'running', $2, 0, 0, 0, 0";
        match self {
            Self::Postgres(pool) => {
                let sql = format!(
                    "INSERT INTO sync_history {COLUMNS} SELECT id, {VALUES} FROM unnest($1) id"
                );
                let insert = sqlx::query(AssertSqlSafe(sql)).bind(ids).bind(now());
                insert.execute(pool).await?;
            }
            Self::Sqlite(pool) => {
                let sql = format!(
                    "INSERT INTO sync_history {COLUMNS} SELECT unhex(value), {VALUES} FROM json_each($1)"
                );
                let hex: Vec<_> = ids.iter().map(|id| id.simple().to_string()).collect();
                let insert = sqlx::query(AssertSqlSafe(sql)).bind(serde_json::to_string(&hex)?);
                insert.bind(now()).execute(pool).await?;
            }
        }
        Ok(())
    }
}

/// Returns the current time in microseconds, the precision of the database.
#[expect(
    clippy::disallowed_methods,
    reason = "the baseline reads the clock for each write, as the server does"
)]
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}

#[cfg(test)]
mod tests {
    use super::ScratchDatabase;

    #[test]
    fn a_scratch_database_differs_from_the_given_url_by_name_only() {
        for (admin_url, expected) in [
            (
                "postgres://u:p@host:1/a?host=/tmp",
                "postgres://u:p@host:1/b?host=/tmp",
            ),
            ("postgres://host", "postgres://host/b"),
            ("postgres://host?x=y", "postgres://host/b?x=y"),
        ] {
            let (admin_url, name) = (admin_url.to_owned(), "b".to_owned());
            let database = ScratchDatabase::Postgres { admin_url, name };
            assert_eq!(database.url().unwrap(), expected);
        }
    }
}
