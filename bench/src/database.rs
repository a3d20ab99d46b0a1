//! Databases that belong to one run of the bench, and go with it.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;

/// A new, empty database.
#[derive(Debug)]
pub(crate) enum Database {
    /// A file in a scratch folder.
    Sqlite(TempDir),
    /// A database beside another.
    Postgres {
        /// The URL of the other.
        admin: String,
        /// The new one's name.
        name: String,
    },
}

impl Database {
    /// A file; or, where the URL of a database of a PostgreSQL server is given, one beside that.
    pub(crate) async fn create(beside: Option<&str>) -> Result<Self> {
        let Some(admin) = beside else {
            return Ok(Self::Sqlite(tempfile::tempdir()?));
        };
        let clock = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let name = format!("bench_{}", clock.as_millis());
        let admin = admin.to_owned();
        execute(&admin, format!("CREATE DATABASE {name}")).await?;
        Ok(Self::Postgres { admin, name })
    }

    /// Its URL.
    pub(crate) fn url(&self) -> Result<String> {
        match self {
            Self::Sqlite(folder) => {
                let file = folder.path().join("bench.db");
                Ok(format!("sqlite://{}?mode=rwc", file.display()))
            }
            Self::Postgres { admin, name } => beside(admin, name),
        }
    }

    /// What it is.
    pub(crate) async fn kind(&self) -> Result<String> {
        let Self::Postgres { admin, .. } = self else {
            return Ok("SQLite".to_owned());
        };
        let mut connection = PgConnection::connect(admin).await?;
        let version: String = sqlx::query_scalar("SHOW server_version")
            .fetch_one(&mut connection)
            .await?;
        connection.close().await?;
        Ok(format!("PostgreSQL {version}"))
    }

    /// Removes it.
    pub(crate) async fn remove(self) -> Result<()> {
        match self {
            Self::Sqlite(folder) => Ok(folder.close()?),
            Self::Postgres { admin, name } => {
                execute(&admin, format!("DROP DATABASE {name} WITH (FORCE)")).await
            }
        }
    }
}

/// Executes a statement of the bench's own.
async fn execute(url: &str, sql: String) -> Result<()> {
    let connection = PgConnection::connect(url).await;
    let mut connection = connection.context("cannot connect to the database")?;
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut connection)
        .await?;
    Ok(connection.close().await?)
}

/// A URL with another database's name.
fn beside(url: &str, name: &str) -> Result<String> {
    let (scheme, rest) = url.split_once("://").context("not the URL of a database")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let query = rest.find('?').map_or("", |query| &rest[query..]);
    Ok(format!("{scheme}://{}/{name}{query}", &rest[..end]))
}

#[cfg(test)]
mod tests {
    use super::beside;

    #[test]
    fn another_database_of_the_same_server_has_the_same_url_otherwise() {
        for (url, expected) in [
            (
                "postgres://u:p@host:1/a?host=/tmp",
                "postgres://u:p@host:1/b?host=/tmp",
            ),
            ("postgres://host", "postgres://host/b"),
            ("postgres://host?x=y", "postgres://host/b?x=y"),
        ] {
            assert_eq!(beside(url, "b").unwrap(), expected);
        }
    }
}
