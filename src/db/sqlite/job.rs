//! A write in the queue, and the caller who waits for its result.

use std::{any::Any, panic::AssertUnwindSafe};

use futures_util::{FutureExt, future::BoxFuture};
use sea_orm::{DatabaseTransaction, DbErr};
use tokio::sync::oneshot;

/// The result of a write, or the panic that it ended with.
type Reply<T, E> = Result<Result<T, E>, Box<dyn Any + Send>>;

/// A [`Write`] of any result type.
pub(super) trait Job: Send {
    /// Returns whether the caller has stopped waiting.
    fn is_cancelled(&self) -> bool;

    /// Executes the write and keeps its result.
    fn execute<'a>(&'a mut self, transaction: &'a DatabaseTransaction) -> BoxFuture<'a, ()>;

    /// Returns whether the write ended with an error or a panic.
    fn has_failed(&self) -> bool;

    /// Sends the result to the caller; or `failure`, if the transaction failed. That replaces an error of the write
    /// too, which may be due to rows that other jobs of the transaction wrote.
    fn reply(self: Box<Self>, failure: Option<DbErr>);
}

pub(super) struct Write<F, T, E> {
    run: Option<F>,
    result: Option<Reply<T, E>>,
    caller: oneshot::Sender<Reply<T, E>>,
}

impl<F, T, E> Write<F, T, E> {
    pub(super) fn new(write: F, caller: oneshot::Sender<Reply<T, E>>) -> Self {
        Self {
            run: Some(write),
            result: None,
            caller,
        }
    }
}

impl<F, T, E> Job for Write<F, T, E>
where
    F: for<'a> FnOnce(&'a DatabaseTransaction) -> BoxFuture<'a, Result<T, E>> + Send,
    T: Send,
    E: From<DbErr> + Send,
{
    fn is_cancelled(&self) -> bool {
        self.caller.is_closed()
    }

    fn execute<'a>(&'a mut self, transaction: &'a DatabaseTransaction) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            if let Some(write) = self.run.take() {
                // The closure itself may panic too, before it returns a future.
                let result = AssertUnwindSafe(async { write(transaction).await });
                self.result = Some(result.catch_unwind().await);
            }
        })
    }

    fn has_failed(&self) -> bool {
        matches!(self.result, Some(Err(_) | Ok(Err(_))))
    }

    fn reply(self: Box<Self>, failure: Option<DbErr>) {
        let reply = match (self.result, failure) {
            (Some(Err(panic)), _) => Err(panic),
            (_, Some(failure)) => Ok(Err(failure.into())),
            (Some(result), None) => result,
            // Never executed: dropping the channel reports it.
            (None, None) => return,
        };
        // The caller may have stopped waiting.
        let _ = self.caller.send(reply);
    }
}
