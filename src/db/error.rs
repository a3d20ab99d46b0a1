//! Classification of [`DbErr`], and errors of opening a database.

use sea_orm::{DbErr, RuntimeErr};
use sqlx::Error as Sqlx;

/// Why the database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL has an unsupported scheme.
    #[error(
        "the database URL begins with `{0}`; it must begin with `sqlite://` or `postgres://`, \
         as in sqlite://sync-history.db?mode=rwc or postgres://user:password@host/database"
    )]
    Scheme(String),
    /// The URL requests an in-memory SQLite database, which is not durable and cannot be shared by connections.
    #[error(
        "an in-memory SQLite database loses all data; name a file, as in sqlite://sync-history.db?mode=rwc"
    )]
    InMemory,
    /// The database is unreachable or refused the connection.
    #[error("cannot open the database: {0}")]
    Open(#[source] DbErr),
    /// A migration failed.
    #[error("cannot apply the database migrations: {0}")]
    Migrate(#[source] DbErr),
}

/// The kinds of database errors that callers distinguish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A row refers to one that does not exist.
    ForeignKey,
    /// A row with this key exists.
    Duplicate,
    /// Another writer holds a lock. An immediate retry may succeed.
    Busy,
    /// The statement timed out or was cancelled.
    Interrupted,
    /// A value is not valid for its use.
    Data,
    /// The database is unreachable, full or read-only. A later retry may succeed.
    Unavailable,
    /// Any other error: a defect of this server, or unexpected data.
    Other,
}

/// Classifies an error.
#[must_use]
pub fn classify(error: &DbErr) -> Failure {
    match error {
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => Failure::Unavailable,
        DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => {
            classify_sqlx(error)
        }
        _ => Failure::Other,
    }
}

/// Returns whether a database could not be opened because another process had locked it.
pub(super) fn is_busy(error: &DbErr) -> bool {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error)) => classify_sqlx(error) == Failure::Busy,
        error => classify(error) == Failure::Busy,
    }
}

fn classify_sqlx(error: &Sqlx) -> Failure {
    match error {
        Sqlx::Database(error) if error.is_foreign_key_violation() => Failure::ForeignKey,
        Sqlx::Database(error) if error.is_unique_violation() => Failure::Duplicate,
        Sqlx::Database(error) => classify_code(&error.code().unwrap_or_default()),
        Sqlx::Io(_)
        | Sqlx::Tls(_)
        | Sqlx::PoolTimedOut
        | Sqlx::PoolClosed
        | Sqlx::WorkerCrashed => Failure::Unavailable,
        _ => Failure::Other,
    }
}

/// Classifies an error code. PostgreSQL's codes have five characters; SQLite's are numbers whose low byte is the
/// primary code.
fn classify_code(code: &str) -> Failure {
    if code.len() == 5 {
        return match (&code[..2], code) {
            // Serialization failure, deadlock; lock not available.
            ("40", _) | (_, "55P03") => Failure::Busy,
            (_, "57014") => Failure::Interrupted,
            ("22", _) => Failure::Data,
            // Connection failure; insufficient resources; shutdown; read-only transaction.
            ("08" | "53" | "57", _) | (_, "25006") => Failure::Unavailable,
            _ => Failure::Other,
        };
    }
    match code.parse::<u32>().map(|code| code & 0xff) {
        // BUSY, LOCKED.
        Ok(5 | 6) => Failure::Busy,
        // INTERRUPT.
        Ok(9) => Failure::Interrupted,
        // READONLY, IOERR, FULL, CANTOPEN.
        Ok(8 | 10 | 13 | 14) => Failure::Unavailable,
        _ => Failure::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Failure::{Busy, Data, Interrupted, Other, Unavailable},
        classify_code,
    };

    #[test]
    fn temporary_conditions_are_distinguished_from_defects() {
        for (expected, codes) in [
            (Busy, ["55P03", "40P01", "40001", "5", "517", "262"]),
            (Interrupted, ["57014", "9", "9", "9", "9", "9"]),
            (
                Unavailable,
                ["57P03", "57P01", "25006", "08006", "13", "1032"],
            ),
            (Data, ["22P05", "22P02", "22003", "22023", "22001", "22007"]),
            (Other, ["42P01", "42501", "23505", "1", "19", ""]),
        ] {
            for code in codes {
                assert_eq!(classify_code(code), expected, "{code}");
            }
        }
    }
}
