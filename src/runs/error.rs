//! Why the ledger refuses, or cannot answer.

use std::time::Duration;

use sea_orm::DbErr;
use uuid::Uuid;

use super::Run;
use crate::db::{
    SlowQueryError,
    error::{Failure, classify},
};

/// The domain's one error.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The request says something that cannot be; the text says what to do about it.
    #[error("{0}")]
    BadInput(String),
    /// A cursor that this server did not make, or that was made for another list.
    #[error("{0}")]
    BadCursor(&'static str),
    /// A place in the feed that is no longer, or was never, in this database.
    #[error(
        "this feed no longer knows the cursor: read the list again and go on from its feedCursor"
    )]
    CursorExpired,
    /// No such thing.
    #[error("there is no {what} with the id {id}")]
    NotFound {
        /// What was looked for: `run`, `user`.
        what: &'static str,
        /// The id given.
        id: Uuid,
    },
    /// The id is taken.
    #[error(
        "the id {id} is already that of a different {what}: use a new id, or repeat the first call unchanged"
    )]
    IdConflict {
        /// What has the id: `run`, `event`.
        what: &'static str,
        /// The id given.
        id: Uuid,
    },
    /// The run had ended before.
    #[error("run {} is already {}: an ended run stays as it is", .0.id, .0.status)]
    AlreadyFinished(Box<Run>),
    /// No index leads to what was asked for, and reading on took too long.
    #[error(
        "looking for this among all there is takes longer than the {}.{:03} s that one operation may \
         take for it: narrow it, runs by startedAt, events by timestamp or runId", .0.as_secs(), .0.subsec_millis()
    )]
    TooMuchToRead(Duration),
    /// The database is away or busy.
    #[error("the database cannot answer at the moment: try again")]
    Unavailable(#[source] DbErr),
    /// A defect.
    #[error("internal error")]
    Internal(#[source] DbErr),
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        match classify(&error) {
            Failure::Busy | Failure::Interrupted | Failure::Unavailable => Self::Unavailable(error),
            Failure::ForeignKey | Failure::Duplicate | Failure::Other => Self::Internal(error),
        }
    }
}

impl From<SlowQueryError> for Error {
    fn from(error: SlowQueryError) -> Self {
        match error {
            SlowQueryError::BudgetExceeded(longest) => Self::TooMuchToRead(longest),
            SlowQueryError::Database(error) => error.into(),
        }
    }
}

/// The domain's result.
pub type Result<T> = std::result::Result<T, Error>;
