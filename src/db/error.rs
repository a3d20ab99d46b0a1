//! Classification of [`DbErr`].

use std::{error::Error, io, sync::Arc};

use sea_orm::{DbErr, RuntimeErr};
use sqlx::Error as Sqlx;

/// The rows of a result have more than this many bytes. Fewer rows may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the rows to read have more than {0} bytes")]
pub struct ResultTooLarge(pub(super) usize);

/// Wraps an error of this server, so that it passes through functions that return [`DbErr`].
pub(super) fn wrap(error: impl Error + Send + Sync + 'static) -> DbErr {
    let error = Sqlx::Io(io::Error::other(error));
    DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error)))
}

/// Returns the error of this server that an error wraps.
pub(crate) fn wrapped<E: Error + Copy + 'static>(error: &DbErr) -> Option<E> {
    let DbErr::Conn(RuntimeErr::SqlxError(error)) = error else {
        return None;
    };
    match &**error {
        Sqlx::Io(error) => error.get_ref()?.downcast_ref().copied(),
        _ => None,
    }
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
    /// A value is not valid for its use, or a constraint or trigger of another application rejects it.
    Data,
    /// A text is longer than its column allows.
    TooLong,
    /// The role that the server uses lacks a privilege.
    Denied,
    /// The tables are not, or are no longer, those that this server expects.
    Schema,
    /// The database is unreachable, full, read-only or damaged. A later retry may succeed.
    Unavailable,
    /// Any other error: a defect of this server.
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

/// Returns whether an error means that the database is unavailable. That is logged by the connections that notice it.
pub(crate) fn is_unavailable(error: &DbErr) -> bool {
    let is_own = wrapped::<ResultTooLarge>(error).is_some();
    !is_own && classify(error) == Failure::Unavailable
}

fn classify_sqlx(error: &Sqlx) -> Failure {
    match error {
        Sqlx::Database(error) if error.is_foreign_key_violation() => Failure::ForeignKey,
        Sqlx::Database(error) if error.is_unique_violation() => Failure::Duplicate,
        Sqlx::Database(error) => match classify_code(&error.code().unwrap_or_default()) {
            Failure::Other if is_missing_in_sqlite(error.message()) => Failure::Schema,
            failure => failure,
        },
        Sqlx::ColumnDecode { .. } | Sqlx::ColumnNotFound(_) | Sqlx::TypeNotFound { .. } => {
            Failure::Schema
        }
        Sqlx::Io(_)
        | Sqlx::Tls(_)
        | Sqlx::Protocol(_)
        | Sqlx::PoolTimedOut
        | Sqlx::PoolClosed
        | Sqlx::WorkerCrashed
        | Sqlx::BeginFailed => Failure::Unavailable,
        _ => Failure::Other,
    }
}

/// Returns whether SQLite lacks a table or column. It has one code for this and for malformed statements.
fn is_missing_in_sqlite(message: &str) -> bool {
    message.starts_with("no such table: ")
        || message.starts_with("no such column: ")
        || message.contains(" has no column named ")
}

/// Classifies an error code: PostgreSQL's have five characters, SQLite's are shorter numbers.
fn classify_code(code: &str) -> Failure {
    if code.len() == 5 {
        return classify_sqlstate(code);
    }
    code.parse().map_or(Failure::Other, classify_sqlite)
}

/// Classifies an SQLSTATE, by its class unless the code itself is listed.
fn classify_sqlstate(code: &str) -> Failure {
    match code {
        // Lock not available, object in use.
        "55P03" | "55006" => Failure::Busy,
        // Statement cancelled, transaction timeout.
        "57014" | "25P04" => Failure::Interrupted,
        "22001" => Failure::TooLong,
        // Insufficient privilege.
        "42501" => Failure::Denied,
        // No value for a mandatory column, which is one that this server does not know; a prepared statement whose result
        // has changed; no such table, column, function, type, schema; no unique index for ON CONFLICT; a column of another
        // type, or a generated one; a view.
        "23502" | "0A000" | "42P01" | "42703" | "42883" | "42704" | "3F000" | "42P10" | "42804"
        | "42846" | "428C9" | "42809" | "55000" => Failure::Schema,
        // Unknown whether a transaction was committed; read-only transaction; idle transaction ended.
        "40003" | "25006" | "25P03" => Failure::Unavailable,
        _ => classify_sqlstate_class(code.get(..2).unwrap_or_default()),
    }
}

fn classify_sqlstate_class(class: &str) -> Failure {
    match class {
        // Serialization failure, deadlock; snapshot too old.
        "40" | "72" => Failure::Busy,
        // Data; constraints; views with check option; program limits, such as the size of an index entry; exceptions of
        // triggers and functions, which are those of other applications.
        "09" | "20" | "22" | "23" | "27" | "2F" | "38" | "39" | "44" | "54" | "P0" => Failure::Data,
        // Connection; a pooler that does not keep prepared statements; authorization; database dropped; resources;
        // prerequisites; intervention; system; configuration; foreign data; damage.
        "08" | "26" | "28" | "3D" | "53" | "55" | "57" | "58" | "F0" | "HV" | "XX" => {
            Failure::Unavailable
        }
        _ => Failure::Other,
    }
}

/// Classifies a result code of SQLite, by its low byte unless the code itself is listed.
fn classify_sqlite(code: u32) -> Failure {
    match (code & 0xff, code) {
        // CONSTRAINT_NOTNULL: no value for a mandatory column, which is one that this server does not know.
        (_, 1299) => Failure::Schema,
        // ABORT, BUSY, LOCKED, PROTOCOL, SCHEMA.
        (4 | 5 | 6 | 15 | 17, _) => Failure::Busy,
        // INTERRUPT.
        (9, _) => Failure::Interrupted,
        // TOOBIG, CONSTRAINT, MISMATCH.
        (18..=20, _) => Failure::Data,
        // PERM, AUTH.
        (3 | 23, _) => Failure::Denied,
        // INTERNAL, NOMEM, READONLY, IOERR, CORRUPT, FULL, CANTOPEN, NOLFS, FORMAT, NOTADB.
        (2 | 7 | 8 | 10 | 11 | 13 | 14 | 22 | 24 | 26, _) => Failure::Unavailable,
        _ => Failure::Other,
    }
}

/// Returns what the database says about an error, without the statement.
#[must_use]
pub fn database_message(error: &DbErr) -> String {
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => {
            match error.as_database_error() {
                Some(error) => error.message().to_owned(),
                None => error.to_string(),
            }
        }
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Failure::{Busy, Data, Denied, Interrupted, Other, Schema, TooLong, Unavailable},
        classify_code,
    };

    #[test]
    fn every_class_of_errors_is_classified() {
        for (expected, codes) in [
            (
                Busy,
                "55P03 55006 40P01 40001 72000 4 5 6 15 17 516 517 262",
            ),
            (Interrupted, "57014 25P04 9"),
            (
                Unavailable,
                "08006 08P01 25006 25P03 26000 28P01 3D000 40003 53100 53300 55P02 57P01 57P03 58030 F0000
                HV000 XX000 XX001 2 7 8 10 11 13 14 22 24 26 1032",
            ),
            (
                Data,
                "09000 20000 22003 22007 22008 2200G 22021 22023 22P02 22P05 23514 23P01 27000 2F002
                38000 39000 44000 54000 54001 P0001 18 19 20 275 1811",
            ),
            (TooLong, "22001"),
            (Denied, "42501 3 23"),
            (
                Schema,
                "0A000 23502 3F000 42P01 42703 42704 42804 42846 42809 42883 428C9 42P10 55000 1299",
            ),
            (
                Other,
                "0B000 21000 24000 25P02 2D000 34000 3B001 42601 42P18 zzzzz 1 12 16 21 25",
            ),
        ] {
            for code in codes.split_whitespace() {
                assert_eq!(classify_code(code), expected, "{code}");
            }
        }
        assert_eq!(classify_code(""), Other);
    }
}
