//! Why a database cannot be opened, with the remedy.

use std::{fs, io, path::Path};

use sea_orm::{DbErr, RuntimeErr};
use sqlx::{Error as Sqlx, error::DatabaseError, sqlite::SqliteConnectOptions};

use super::{
    error::{Failure, classify},
    location::DatabaseLocation,
};

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL does not name a database that can be used.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The database at the URL cannot be used.
    #[error("cannot open the database ({location}): {source}")]
    Open {
        /// Where the database is.
        location: DatabaseLocation,
        /// The cause.
        source: OpenError,
    },
}

/// What is wrong with a database URL. The messages do not repeat it, since it may contain a password.
#[derive(Debug, thiserror::Error)]
pub enum UrlError {
    /// The URL has an unsupported scheme.
    #[error(
        "the database URL must begin with `sqlite://` or `postgres://`, as in \
         sqlite://sync-history.db?mode=rwc or postgres://user:password@host/database"
    )]
    Scheme,
    /// The URL cannot be parsed.
    #[error(
        "the database URL is malformed: it must have the form sqlite://FILE?mode=rwc or \
         postgres://USER:PASSWORD@HOST:PORT/DATABASE, in which special characters of a name or password are written \
         as %23 for #, %2F for /, %3A for :, %3F for ? and %40 for @"
    )]
    Malformed,
    /// The URL has a parameter that the driver does not support.
    #[error(
        "the database URL has an unknown parameter: PostgreSQL's may be application_name, dbname, host, hostaddr, \
         options, password, port, sslcert, sslkey, sslmode, sslrootcert, statement-cache-capacity and user, and a ? \
         in a password is written as %3F"
    )]
    Parameter,
    /// The URL requests an in-memory SQLite database, which is not durable and cannot be shared by connections.
    #[error(
        "the database URL names an in-memory SQLite database, which loses all data; name a file, as in \
         sqlite://sync-history.db?mode=rwc"
    )]
    InMemory,
    /// The URL opens an SQLite file for reading only.
    #[error(
        "the database URL opens the SQLite file for reading only, but the server writes to it: use `mode=rwc`, or \
         `mode=rw` for a file that exists"
    )]
    ReadOnly,
}

/// Why the database at a URL cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file or server cannot be opened.
    #[error("{cause}: {remedy}")]
    Unavailable {
        /// What is wrong.
        cause: String,
        /// What to do about it.
        remedy: String,
        /// Whether this may pass without anyone doing anything, since the server may be about to start.
        is_transient: bool,
    },
    /// A pooler gives the connection to another client after each transaction.
    #[error(
        "a connection pooler, such as PgBouncer, gives each transaction another connection, but the server uses \
         prepared statements, LISTEN and advisory locks: set `pool_mode = session` in the pooler, or connect to \
         PostgreSQL directly"
    )]
    TransactionPooling,
    /// A query fails that is part of opening the database.
    #[error("a query fails: {0}")]
    Query(#[from] DbErr),
    /// The database is open, and one of its files is not there.
    #[error("a file beside it is missing: {0}")]
    Files(#[source] io::Error),
    /// The server cannot work with the database as it is. Nothing has been changed in it.
    #[error("the database cannot be used as it is:\n- {}", .0.join("\n- "))]
    Unsuitable(Vec<String>),
    /// The database does not have the tables, and they are not to be created.
    #[error(
        "it has no tables of sync-history: correct the database URL, or create the tables with `sync-history migrate` or by \
         starting the server"
    )]
    NoTables,
    /// The tables are those of an earlier version, and they are not to be upgraded.
    #[error(
        "its tables lack {0} migrations of this version: apply them with `sync-history migrate` or by starting the server"
    )]
    PendingMigrations(usize),
    /// A migration failed.
    #[error("cannot apply the database migrations: {0}")]
    Migrate(#[source] DbErr),
}

impl OpenError {
    fn new(cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Unavailable {
            cause: cause.into(),
            remedy: remedy.into(),
            is_transient: false,
        }
    }

    fn transient(cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Unavailable {
            cause: cause.into(),
            remedy: remedy.into(),
            is_transient: true,
        }
    }

    /// Returns whether another attempt may succeed, since the server may be about to start.
    pub(super) fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unavailable {
                is_transient: true,
                ..
            }
        )
    }

    /// Explains why an SQLite file cannot be opened.
    pub(super) fn of_sqlite(file: &SqliteConnectOptions, may_create: bool, error: DbErr) -> Self {
        let path = file.get_filename();
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => {
                Self::new("this is a folder", "name a file in the database URL")
            }
            Ok(_) => of_existing_file(error),
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => {
                of_missing_file(path, may_create)
            }
            Err(cause) => Self::new(cause.to_string(), FILE_PERMISSION),
        }
    }

    /// Explains why a PostgreSQL server does not accept a connection.
    pub(super) fn of_postgres(error: &Sqlx) -> Self {
        match error {
            Sqlx::Io(error) => Self::transient(error.to_string(), UNREACHABLE),
            Sqlx::Database(error) => of_rejection(&**error),
            Sqlx::Tls(_) => Self::new(
                error.to_string(),
                "correct the parameters sslmode, sslrootcert, sslcert and sslkey of the database URL, or the \
                 certificate of the server",
            ),
            _ => Self::new(
                error.to_string(),
                "correct the database URL; it must name a PostgreSQL server",
            ),
        }
    }

    /// The PostgreSQL server does not respond.
    pub(super) fn unresponsive() -> Self {
        Self::transient(
            "the server does not respond",
            "correct host and port in the database URL, or what keeps the server from responding: a firewall, or a \
             connection pooler without free connections",
        )
    }
}

const FILE_PERMISSION: &str = "let the user who runs sync-history read and write the file and its folder, in which SQLite \
                               creates files beside it";

const UNREACHABLE: &str =
    "start the PostgreSQL server, or correct host and port in the database URL";

fn of_missing_file(path: &Path, may_create: bool) -> OpenError {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let name = folder.display();
    match fs::metadata(folder) {
        Ok(found) if !found.is_dir() => OpenError::new(
            format!("{name} is not a folder"),
            "correct the path in the database URL",
        ),
        Ok(_) if may_create => OpenError::new(
            format!("the file cannot be created in the folder {name}"),
            "let the user who runs sync-history write to the folder, or name a file in another one",
        ),
        Ok(_) => OpenError::new(
            "the file does not exist",
            "correct the path in the database URL, or let the server create the file with `?mode=rwc` at the end of the URL",
        ),
        Err(error) if error.kind() == io::ErrorKind::NotFound => OpenError::new(
            format!("the folder {name} does not exist"),
            "create it, or correct the path in the database URL",
        ),
        Err(error) => OpenError::new(format!("{name}: {error}"), FILE_PERMISSION),
    }
}

fn of_existing_file(error: DbErr) -> OpenError {
    let Some(cause) = reported(&error) else {
        return OpenError::Query(error);
    };
    let code = cause.code().and_then(|code| code.parse::<u32>().ok());
    let remedy = match code.map(|code| code & 0xff) {
        // PERM, READONLY, CANTOPEN, AUTH.
        Some(3 | 8 | 14 | 23) => FILE_PERMISSION,
        // BUSY, LOCKED.
        Some(5 | 6) => {
            "end the program that has locked the file, such as a backup or an SQLite shell with an open transaction"
        }
        // CORRUPT.
        Some(11) => "restore a backup",
        // FULL.
        Some(13) => "free space on the disk",
        // NOTADB.
        Some(26) => "name another file in the database URL",
        _ => return OpenError::Query(error),
    };
    OpenError::new(cause.message(), remedy)
}

/// Returns the error that the database has reported.
fn reported(error: &DbErr) -> Option<&dyn DatabaseError> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => error.as_database_error(),
        _ => None,
    }
}

fn of_rejection(error: &dyn DatabaseError) -> OpenError {
    let code = error.code().unwrap_or_default();
    let message = error.message();
    match &*code {
        // Starting up, shutting down; terminated.
        "57P01" | "57P02" | "57P03" => OpenError::transient(
            message,
            "wait until the PostgreSQL server accepts connections",
        ),
        "53300" => OpenError::transient(
            message,
            "raise `max_connections` of the PostgreSQL server, or stop other clients",
        ),
        "28000" | "28P01" => OpenError::new(
            message,
            "correct user and password in the database URL, or the server's pg_hba.conf",
        ),
        "3D000" => OpenError::new(
            message,
            "create it with CREATE DATABASE, or correct the name in the database URL",
        ),
        "42501" => OpenError::new(message, "GRANT CONNECT ON DATABASE to the user of the URL"),
        // PgBouncer's code for whatever it rejects.
        "08P01" if message.contains("startup parameter") => OpenError::new(
            message,
            "set `ignore_startup_parameters = extra_float_digits,options` in the configuration of PgBouncer",
        ),
        "08P01" => OpenError::new(
            message,
            "correct the database URL, or the configuration of the connection pooler",
        ),
        _ => OpenError::new(message, "see the log of the PostgreSQL server"),
    }
}

/// Returns whether a file could not be opened because another process had locked it.
pub(super) fn is_busy(error: &DbErr) -> bool {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error)) => {
            classify(&DbErr::Query(RuntimeErr::SqlxError(error.clone()))) == Failure::Busy
        }
        error => classify(error) == Failure::Busy,
    }
}
