//! What a database error means: the one place where [`DbErr`] is classified.

use sea_orm::{DbErr, RuntimeErr};
use sqlx::Error as Sqlx;

/// The kinds of failure that callers treat differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A row refers to one that does not exist.
    ForeignKey,
    /// Nothing is wrong with the request: the database is away, busy, full or read-only, or the
    /// statement ran out of time. Worth repeating.
    Unavailable,
    /// Anything else: a defect of this server, or data it does not expect.
    Other,
}

/// Tells what `error` means.
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

fn classify_sqlx(error: &Sqlx) -> Failure {
    match error {
        Sqlx::Database(error) if error.is_foreign_key_violation() => Failure::ForeignKey,
        Sqlx::Database(error) if error.code().is_some_and(|code| is_passing(&code)) => {
            Failure::Unavailable
        }
        Sqlx::Io(_)
        | Sqlx::Tls(_)
        | Sqlx::PoolTimedOut
        | Sqlx::PoolClosed
        | Sqlx::WorkerCrashed => Failure::Unavailable,
        _ => Failure::Other,
    }
}

/// Whether a code of the database's stands for a condition that passes by itself or by an
/// operator's hand. PostgreSQL's codes have five characters, SQLite's are numbers whose low byte
/// is the kind.
fn is_passing(code: &str) -> bool {
    // Connection lost, out of resources, operator intervention (cancelled by time-out or shut
    // down), serialization and deadlock, read-only, lock not available.
    const POSTGRES_CLASSES: [&str; 4] = ["08", "53", "57", "40"];
    const POSTGRES: [&str; 2] = ["25006", "55P03"];
    // BUSY, LOCKED, READONLY, IOERR, FULL, CANTOPEN.
    const SQLITE: [u32; 6] = [5, 6, 8, 10, 13, 14];

    if code.len() == 5 {
        POSTGRES.contains(&code) || POSTGRES_CLASSES.iter().any(|class| code.starts_with(class))
    } else {
        code.parse::<u32>()
            .is_ok_and(|code| SQLITE.contains(&(code & 0xff)))
    }
}

#[cfg(test)]
mod tests {
    use super::is_passing;

    #[test]
    fn passing_conditions_are_told_from_defects() {
        for code in [
            "57014", "57P01", "25006", "55P03", "40P01", "08006", "5", "517", "13", "1032",
        ] {
            assert!(is_passing(code), "{code}");
        }
        for code in ["42P01", "22P05", "23505", "1", "19", "1555"] {
            assert!(!is_passing(code), "{code}");
        }
    }
}
