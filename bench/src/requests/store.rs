//! The database that is measured on, as the bench itself uses it beside the measurements.

use anyhow::{Context, Result};
use chrono::{DateTime, SubsecRound, Utc};
use sqlx::{AssertSqlSafe, PgPool, SqlitePool, postgres::PgConnectOptions};
use uuid::Uuid;

use super::{now, work::Work};
use crate::cluster::Cluster;

/// Instants that places are taken at, spread evenly over all runs.
const PLACES: i32 = 500;
/// How far down the list a page may be.
const DEEPEST: i64 = 500_000;
/// Places next to one another, so far down.
const DEEP_PLACES: i64 = 100;

/// A run's place in the list of all.
pub(crate) type Place = (DateTime<Utc>, Uuid);

/// The database.
#[derive(Debug)]
pub(crate) enum Store {
    Postgres(PgPool),
    Sqlite(SqlitePool),
}

impl Store {
    pub(crate) async fn open(url: &str) -> Result<Self> {
        if url.starts_with("sqlite:") {
            return Ok(Self::Sqlite(SqlitePool::connect(url).await?));
        }
        let options: PgConnectOptions = url.parse()?;
        let options = options.options([("search_path", "sync_history,user")]);
        Ok(Self::Postgres(PgPool::connect_with(options).await?))
    }

    /// Closes its connections.
    pub(crate) async fn close(self) {
        match self {
            Self::Postgres(pool) => pool.close().await,
            Self::Sqlite(pool) => pool.close().await,
        }
    }

    /// The processes of its own that it has.
    pub(crate) async fn cluster(&self) -> Result<Option<Cluster>> {
        match self {
            Self::Postgres(pool) => Ok(Some(Cluster::of(pool).await?)),
            Self::Sqlite(_) => Ok(None),
        }
    }

    /// What it is.
    pub(crate) async fn kind(&self) -> Result<String> {
        let (name, version): (&str, String) = match self {
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

    /// How many runs there are.
    pub(crate) async fn runs(&self) -> Result<i64> {
        let sql = "SELECT count(*) FROM sync_history";
        Ok(match self {
            Self::Postgres(pool) => sqlx::query_scalar(sql).fetch_one(pool).await,
            Self::Sqlite(pool) => sqlx::query_scalar(sql).fetch_one(pool).await,
        }?)
    }

    /// The places of some runs, from the oldest to the newest.
    pub(crate) async fn places(&self) -> Result<Vec<Place>> {
        let sql = "SELECT min(started_at), max(started_at) FROM sync_history";
        let bounds: (Option<DateTime<Utc>>, Option<DateTime<Utc>>) = match self {
            Self::Postgres(pool) => sqlx::query_as(sql).fetch_one(pool).await,
            Self::Sqlite(pool) => sqlx::query_as(sql).fetch_one(pool).await,
        }?;
        let (oldest, newest) = bounds.0.zip(bounds.1).context("there are no runs")?;
        let sql = "SELECT started_at, id FROM sync_history WHERE started_at >= $1 \
            ORDER BY started_at, id LIMIT 1";
        let step = (newest - oldest) / PLACES;
        let mut places = Vec::new();
        for n in 0..PLACES {
            let at = (oldest + step * n).trunc_subsecs(6);
            let place: Place = match self {
                Self::Postgres(pool) => sqlx::query_as(sql).bind(at).fetch_one(pool).await,
                Self::Sqlite(pool) => sqlx::query_as(sql).bind(at).fetch_one(pool).await,
            }?;
            places.push(place);
        }
        Ok(places)
    }

    /// Places as far down the list as is asked for, or as the middle; and how far that is.
    pub(crate) async fn deep(&self) -> Result<(Vec<Place>, i64)> {
        let depth = DEEPEST.min(self.runs().await? / 2);
        let sql = "SELECT started_at, id FROM sync_history \
            ORDER BY started_at DESC, id DESC LIMIT $1 OFFSET $2";
        let places = match self {
            Self::Postgres(pool) => {
                sqlx::query_as(sql)
                    .bind(DEEP_PLACES)
                    .bind(depth)
                    .fetch_all(pool)
                    .await
            }
            Self::Sqlite(pool) => {
                sqlx::query_as(sql)
                    .bind(DEEP_PLACES)
                    .bind(depth)
                    .fetch_all(pool)
                    .await
            }
        }?;
        Ok((places, depth))
    }

    /// Makes runs that can be completed.
    pub(crate) async fn begin(&self, ids: &[Uuid]) -> Result<()> {
        const COLUMNS: &str = "(id, entity_type, source, status, started_at, records_processed, \
            records_created, records_updated, records_failed)";
        match self {
            Self::Postgres(pool) => {
                let sql = format!(
                    "INSERT INTO sync_history {COLUMNS} \
                     SELECT id, 'stock', 'api', 'running', $2, 0, 0, 0, 0 FROM unnest($1) id"
                );
                let insert = sqlx::query(AssertSqlSafe(sql)).bind(ids);
                insert.bind(now()).execute(pool).await?;
            }
            Self::Sqlite(pool) => {
                let sql = format!(
                    "INSERT INTO sync_history {COLUMNS} \
                     SELECT unhex(value), 'stock', 'api', 'running', $2, 0, 0, 0, 0 \
                     FROM json_each($1)"
                );
                let hex: Vec<_> = ids.iter().map(|id| id.simple().to_string()).collect();
                let insert = sqlx::query(AssertSqlSafe(sql));
                let insert = insert.bind(serde_json::to_string(&hex)?);
                insert.bind(now()).execute(pool).await?;
            }
        }
        Ok(())
    }

    /// What a request stored under an id that was new: all that does not depend on the clock.
    pub(crate) async fn stored(&self, work: Work, id: Uuid) -> Result<String> {
        // PostgreSQL keeps JSON as it was written, blanks and all.
        let details = match self {
            Self::Postgres(_) => "CAST(CAST(details AS jsonb) AS text)",
            Self::Sqlite(_) => "details",
        };
        let sql = match work {
            Work::Create | Work::Complete => format!(
                "SELECT entity_type || '|' || source || '|' || status || '|' || records_processed \
                 || '|' || records_created || '|' || records_updated || '|' || records_failed \
                 || '|' || coalesce(CAST(records_expected AS text), '') || '|' || version \
                 || '|' || coalesce({details}, '') \
                 || '|' || (SELECT count(*) FROM sync_change WHERE run_id = run.id) \
                 || CASE WHEN completed_at IS NULL THEN '' ELSE '|ended' END \
                 FROM sync_history run WHERE id = $1"
            ),
            _ => format!(
                "SELECT event_type || '|' || message || '|' || coalesce({details}, '') \
                 FROM sync_event WHERE id = $1"
            ),
        };
        let sql = AssertSqlSafe(sql);
        Ok(match self {
            Self::Postgres(pool) => sqlx::query_scalar(sql).bind(id).fetch_one(pool).await,
            Self::Sqlite(pool) => sqlx::query_scalar(sql).bind(id).fetch_one(pool).await,
        }?)
    }
}
