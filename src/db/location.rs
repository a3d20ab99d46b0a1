//! Where a database is.

use std::{
    fmt,
    path::{self, Path, PathBuf},
};

use sqlx::postgres::PgConnectOptions;

/// Where a database is, without user and password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseLocation {
    /// The absolute path of an SQLite file.
    Sqlite(PathBuf),
    /// A database of a PostgreSQL server.
    Postgres {
        /// Host and port, or the socket.
        address: String,
        /// Name of the database.
        database: String,
    },
}

impl DatabaseLocation {
    pub(super) fn sqlite(file: &Path) -> Self {
        // Fails only if there is no working directory.
        Self::Sqlite(path::absolute(file).unwrap_or_else(|_| file.to_owned()))
    }

    pub(super) fn postgres(server: &PgConnectOptions) -> Self {
        let (host, port) = (server.get_host(), server.get_port());
        let folder = server.get_socket().and_then(|folder| folder.to_str());
        let address = match folder.or(host.starts_with('/').then_some(host)) {
            Some(folder) => format!("{}/.s.PGSQL.{port}", folder.trim_end_matches('/')),
            None => format!("{host}:{port}"),
        };
        let database = server.get_database().unwrap_or(server.get_username());
        Self::Postgres {
            address,
            database: database.to_owned(),
        }
    }
}

impl fmt::Display for DatabaseLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "SQLite file {}", path.display()),
            Self::Postgres { address, database } => {
                write!(f, "PostgreSQL database {database} at {address}")
            }
        }
    }
}
