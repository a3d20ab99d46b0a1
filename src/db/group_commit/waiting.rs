//! What waits for its turn to be written.

use std::{any::Any, panic::AssertUnwindSafe};

use futures_util::{FutureExt, future::BoxFuture};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, QueryResult, RuntimeErr, Statement};
use tokio::sync::oneshot;

use crate::db::Writer;

/// What a write does, on the connection it is given.
pub(in crate::db) type Write<T, E> =
    Box<dyn for<'a> FnOnce(&'a Writer<'a>) -> BoxFuture<'a, Result<T, E>> + Send>;

/// What came of a write, or the panic it ended with.
type Outcome<T, E> = Result<Result<T, E>, Box<dyn Any + Send>>;

/// The rows that a statement answered.
type Rows = Result<Vec<QueryResult>, DbErr>;

/// What waits for its turn.
pub(super) enum Waiting {
    One(OneStatement),
    Several(Box<dyn Several>),
}

impl Waiting {
    pub(super) fn is_one(&self) -> bool {
        matches!(self, Self::One(_))
    }

    /// Whether somebody still waits for its outcome.
    pub(super) fn is_awaited(&self) -> bool {
        match self {
            Self::One(statement) => !statement.caller.is_closed(),
            Self::Several(write) => write.is_awaited(),
        }
    }

    /// Tells whoever waits the outcome; or why nothing came of it.
    pub(super) fn answer(self, failure: Option<DbErr>) {
        match self {
            Self::One(statement) => statement.answer(failure),
            Self::Several(write) => write.answer(failure),
        }
    }
}

/// A write of one statement.
pub(super) struct OneStatement {
    pub(super) statement: Statement,
    /// Once it has been executed.
    pub(super) outcome: Option<Rows>,
    caller: oneshot::Sender<Rows>,
}

impl OneStatement {
    pub(super) fn new(statement: Statement, caller: oneshot::Sender<Rows>) -> Self {
        Self {
            statement,
            outcome: None,
            caller,
        }
    }

    /// Executes it by itself, and tells whoever waits.
    pub(super) async fn execute(self, connection: &DatabaseConnection) {
        let rows = connection.query_all_raw(self.statement).await;
        // Who has gone away meanwhile is not told.
        let _ = self.caller.send(rows);
    }

    fn answer(self, failure: Option<DbErr>) {
        let outcome = match (self.outcome, failure) {
            // One that failed by itself did so whatever others in the transaction wrote.
            (Some(Ok(_)) | None, Some(failure)) => Err(failure),
            (Some(outcome), _) => outcome,
            (None, None) => Err(undone()),
        };
        let _ = self.caller.send(outcome);
    }
}

/// A write of several statements, whatever its outcome's type.
pub(super) trait Several: Send {
    /// Whether somebody still waits for its outcome.
    fn is_awaited(&self) -> bool;

    /// Executes it, and keeps the outcome for later; tells whether it succeeded.
    fn execute<'a>(&'a mut self, writer: &'a Writer<'a>) -> BoxFuture<'a, bool>;

    /// Tells whoever waits the outcome; or, whatever that was, why nothing came of it: it may have relied on what
    /// others in the transaction wrote.
    fn answer(self: Box<Self>, failure: Option<DbErr>);
}

/// A write of several statements, whose outcome is told to the caller.
pub(super) fn several<T, E>(write: Write<T, E>, caller: oneshot::Sender<Outcome<T, E>>) -> Waiting
where
    T: Send + 'static,
    E: From<DbErr> + Send + 'static,
{
    Waiting::Several(Box::new(Request {
        write: Some(write),
        outcome: None,
        caller,
    }))
}

struct Request<T, E> {
    write: Option<Write<T, E>>,
    outcome: Option<Outcome<T, E>>,
    caller: oneshot::Sender<Outcome<T, E>>,
}

impl<T, E> Several for Request<T, E>
where
    T: Send,
    E: From<DbErr> + Send,
{
    fn is_awaited(&self) -> bool {
        !self.caller.is_closed()
    }

    fn execute<'a>(&'a mut self, writer: &'a Writer<'a>) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            let Some(write) = self.write.take() else {
                return false;
            };
            let outcome = AssertUnwindSafe(async { write(writer).await });
            let outcome = outcome.catch_unwind().await;
            matches!(self.outcome.insert(outcome), Ok(Ok(_)))
        })
    }

    fn answer(self: Box<Self>, failure: Option<DbErr>) {
        let outcome = match (self.outcome, failure) {
            (Some(Err(panic)), _) => Err(panic),
            (_, Some(failure)) => Ok(Err(failure.into())),
            (Some(outcome), None) => outcome,
            (None, None) => Ok(Err(undone().into())),
        };
        let _ = self.caller.send(outcome);
    }
}

/// Why a write that did nothing wrong came to nothing. It is worth repeating.
pub(super) fn undone() -> DbErr {
    let why = "the transaction was undone for the sake of another write in it";
    DbErr::Conn(RuntimeErr::Internal(why.to_owned()))
}
