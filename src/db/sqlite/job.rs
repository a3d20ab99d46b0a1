//! What waits for its turn to be written.

use std::{any::Any, panic::AssertUnwindSafe};

use futures_util::{FutureExt, future::BoxFuture};
use sea_orm::{DatabaseConnection, DbErr, RuntimeErr, Statement};
use tokio::sync::oneshot;

use super::{
    batch::{Together, send_alone},
    batch_insert::Insert,
    savepoint::Writer,
};

/// What a write does, on the connection it is given.
pub(in crate::db) type Write<T, E> =
    Box<dyn for<'a> FnOnce(&'a Writer<'a>) -> BoxFuture<'a, Result<T, E>> + Send>;

/// What came of a write, or the panic it ended with.
type Outcome<T, E> = Result<Result<T, E>, Box<dyn Any + Send>>;

/// What waits for its turn.
pub(super) enum Waiting {
    One(One),
    Several(Box<dyn Several>),
}

/// A write of one statement.
pub(in crate::db) enum One {
    Insert(Asked<Insert>),
    Statement(Asked<Statement>),
}

/// A write, and who asks for it.
pub(in crate::db) struct Asked<W: Together> {
    pub(super) write: W,
    /// Once it has been executed.
    pub(super) outcome: Option<Result<W::Outcome, DbErr>>,
    caller: oneshot::Sender<Result<W::Outcome, DbErr>>,
}

impl Waiting {
    pub(super) fn is_one(&self) -> bool {
        matches!(self, Self::One(_))
    }

    /// Whether somebody still waits for its outcome.
    pub(super) fn is_awaited(&self) -> bool {
        match self {
            Self::One(One::Insert(asked)) => !asked.caller.is_closed(),
            Self::One(One::Statement(asked)) => !asked.caller.is_closed(),
            Self::Several(write) => write.is_awaited(),
        }
    }

    /// Tells whoever waits the outcome; or why nothing came of it.
    pub(super) fn answer(self, failure: Option<DbErr>) {
        match self {
            Self::One(One::Insert(asked)) => asked.answer(failure),
            Self::One(One::Statement(asked)) => asked.answer(failure),
            Self::Several(write) => write.answer(failure),
        }
    }
}

impl One {
    /// Executes it by itself, and tells whoever waits.
    pub(super) async fn execute(self, connection: &DatabaseConnection) {
        match self {
            Self::Insert(asked) => asked.execute(connection).await,
            Self::Statement(asked) => asked.execute(connection).await,
        }
    }
}

impl<W: Together> Asked<W> {
    pub(super) fn new(write: W, caller: oneshot::Sender<Result<W::Outcome, DbErr>>) -> Self {
        Self {
            write,
            outcome: None,
            caller,
        }
    }

    async fn execute(mut self, connection: &DatabaseConnection) {
        let executed = send_alone(connection, &mut self).await;
        self.answer(executed.err());
    }

    fn answer(self, failure: Option<DbErr>) {
        let outcome = match (self.outcome, failure) {
            // One that failed by itself did so whatever others in the transaction wrote.
            (Some(Ok(_)) | None, Some(failure)) => Err(failure),
            (Some(outcome), _) => outcome,
            (None, None) => Err(undone()),
        };
        // Who has gone away meanwhile is not told.
        let _ = self.caller.send(outcome);
    }
}

impl From<Asked<Insert>> for One {
    fn from(asked: Asked<Insert>) -> Self {
        Self::Insert(asked)
    }
}

impl From<Asked<Statement>> for One {
    fn from(asked: Asked<Statement>) -> Self {
        Self::Statement(asked)
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
