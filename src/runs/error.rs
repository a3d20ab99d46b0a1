//! The errors of the domain.

use std::time::Duration;

use entity::instant;
use sea_orm::DbErr;
use uuid::Uuid;

use super::{Run, status};
use crate::db::{
    FileFault, SlowQueryError,
    error::{Failure, ResultTooLarge, classify, database_message, wrapped},
};

/// Why an operation on runs, events or the change feed fails.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The input is invalid; the message says how to correct it.
    #[error("{0}")]
    BadInput(String),
    /// The cursor is malformed, or belongs to another list.
    #[error("{0}")]
    BadCursor(&'static str),
    /// The cursor is older than the changes that are kept, or belongs to another database.
    #[error("the cursor has expired: read the list again and continue from its feedCursor")]
    CursorExpired,
    /// There is no such object.
    #[error("there is no {what} with the id {id}")]
    NotFound {
        /// The kind of object: `run`, `user`.
        what: &'static str,
        /// The ID.
        id: Uuid,
    },
    /// The ID belongs to a different object.
    #[error(
        "the id {id} is already that of a different {what}{}: use a new id, or repeat the first call unchanged",
        differing(.fields)
    )]
    IdConflict {
        /// The kind of object: `run`, `event`, `event or user`.
        what: &'static str,
        /// The ID.
        id: Uuid,
        /// The fields of the input that differ from those of the call that created the object; empty if it is of another
        /// kind, or if another application created it.
        fields: Vec<&'static str>,
    },
    /// The run has already ended.
    #[error("run {} {}", .0.id, ended(.0))]
    AlreadyFinished(Box<Run>),
    /// The run is of a source whose runs the caller may not write.
    #[error("runs of the source {run_source} may not be written")]
    SourceNotAllowed {
        /// The source of the run as stored, which may be unknown to this server.
        run_source: String,
    },
    /// No index supports the query, and scanning exceeded the time limit.
    #[error(
        "no index supports this query, and a scan takes longer than the {}.{:03} s that one operation may \
         spend on scans: narrow it, runs by startedAt, events by timestamp or runId", .0.as_secs(), .0.subsec_millis()
    )]
    TooMuchToRead(Duration),
    /// The result has too many rows.
    #[error(
        "the statistics have more than {0} rows: narrow startedAt, group by less, or use larger buckets"
    )]
    TooManyRows(usize),
    /// Statistics exceeded the time limit.
    #[error(
        "the statistics take longer than the {}.{:03} s that one operation may spend on them: narrow startedAt",
        .0.as_secs(), .0.subsec_millis()
    )]
    StatsTooSlow(Duration),
    /// Statistics by details have too many runs to look at.
    #[error(
        "more than {0} runs match, too many for statistics with a filter on details: narrow startedAt"
    )]
    TooManyRuns(usize),
    /// Too many queries that no index supports are waiting.
    #[error(
        "too many queries that no index supports are waiting: try again later, with fewer at a time"
    )]
    TooManyScans,
    /// The rows to read have too many bytes.
    #[error("{0}: request a smaller page, or fewer fields")]
    RowsTooLarge(#[from] ResultTooLarge),
    /// The database rejects a value, by a constraint or trigger of another application for example.
    #[error("the database rejects a value: {}", database_message(.0))]
    Rejected(#[source] DbErr),
    /// The role that the server uses lacks a privilege.
    #[error("the server's role lacks a privilege: {}", database_message(.0))]
    Denied(#[source] DbErr),
    /// The tables are not those that the server expects: another application has changed them.
    #[error("the tables are not those that this server expects: {}", database_message(.0))]
    UnexpectedSchema(#[source] DbErr),
    /// The database is unavailable or busy.
    #[error("the database is unavailable: try again")]
    Unavailable(#[source] DbErr),
    /// The database file is not what the server has opened.
    #[error("{0}")]
    DatabaseFile(#[from] FileFault),
    /// A defect of the server.
    #[error("internal error")]
    Internal(#[source] DbErr),
}

impl Error {
    /// Names a field of the input whose text is longer than its column allows, if that is the error.
    pub(crate) fn naming(self, field: &str) -> Self {
        match self {
            Self::Rejected(error) if classify(&error) == Failure::TooLong => {
                Self::BadInput(format!("{field} is too long: {}", database_message(&error)))
            }
            error => error,
        }
    }
}

/// Returns how a run has ended, and what follows from it.
fn ended(run: &Run) -> String {
    match run.lost_at {
        Some(at) if status::is_lost(run) => format!(
            "was closed as lost at {}: only its outcome can still be reported, by the worker",
            instant::to_rfc3339(at)
        ),
        _ => format!(
            "is already {}: a run that has ended cannot change",
            run.status
        ),
    }
}

/// Returns a phrase with the fields that differ; empty if there are none.
fn differing(fields: &[&'static str]) -> String {
    match fields {
        [] => String::new(),
        fields => format!(", which differs in {}", fields.join(", ")),
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        if let Some(fault) = wrapped::<FileFault>(&error) {
            return fault.into();
        }
        if let Some(error) = wrapped::<ResultTooLarge>(&error) {
            return error.into();
        }
        match classify(&error) {
            Failure::Busy | Failure::Interrupted | Failure::Unavailable => Self::Unavailable(error),
            Failure::ForeignKey | Failure::Duplicate | Failure::Data | Failure::TooLong => {
                Self::Rejected(error)
            }
            Failure::Denied => Self::Denied(error),
            Failure::Schema => Self::UnexpectedSchema(error),
            Failure::Other => Self::Internal(error),
        }
    }
}

impl From<SlowQueryError> for Error {
    fn from(error: SlowQueryError) -> Self {
        match error {
            SlowQueryError::BudgetExceeded(limit) => Self::TooMuchToRead(limit),
            SlowQueryError::QueueFull => Self::TooManyScans,
            SlowQueryError::Database(error) => error.into(),
        }
    }
}

impl From<entity::DetailsNotLoaded> for Error {
    fn from(error: entity::DetailsNotLoaded) -> Self {
        Self::Internal(DbErr::Custom(error.to_string()))
    }
}

/// The result of an operation of the domain.
pub type Result<T> = std::result::Result<T, Error>;
