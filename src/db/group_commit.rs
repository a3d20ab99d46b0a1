//! Group commit: writes that wait while a transaction is being committed share the next one.
//!
//! SQLite has one writer, and a commit waits for the disk: one commit for each write would let no more
//! in than the disk has turns. So writes stand in a queue, and whoever puts the first one in has a
//! leader set to work, which takes them as they come, executes each, commits, and only then answers
//! them, until none is left. One that comes alone is committed at once: nobody waits for company.
//!
//! Each has its own outcome: all but the first of a transaction are executed in a savepoint, to which is
//! gone back when one fails. (When the first fails there is nothing else to keep.) SQLite undoes the
//! whole transaction by itself when it meets a full disk or an unreadable page; then the savepoint is
//! gone, by which that is noticed, and all that were in it are told.

use std::{
    any::Any,
    collections::VecDeque,
    fmt,
    panic::{AssertUnwindSafe, resume_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures_util::{FutureExt, future::BoxFuture};
use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, RuntimeErr};
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;
use tracing::debug;

use super::{begin, writer::Writer};

/// Writes that share a transaction, at most.
const MOST: usize = 256;
/// After so long no more are taken into a transaction, so that the first need not wait for the last.
const LONGEST: Duration = Duration::from_millis(20);

/// The writes that wait for their turn.
#[derive(Clone, Default)]
pub(super) struct GroupCommit {
    queue: Arc<Mutex<Queue>>,
    leaders: TaskTracker,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Box<dyn Waiting>>,
    /// Somebody executes what waits.
    is_led: bool,
}

/// What a write does, on the connection it is given.
pub(super) type Write<T, E> =
    Box<dyn for<'a> FnOnce(&'a Writer<'a>) -> BoxFuture<'a, Result<T, E>> + Send>;

/// What came of a write, or the panic it ended with.
type Outcome<T, E> = Result<Result<T, E>, Box<dyn Any + Send>>;

impl GroupCommit {
    /// Executes a write in a transaction that it may share; tells the outcome once that is committed.
    /// If nobody waits for it any more when its turn comes, it is left out.
    pub(super) async fn write<T, E>(
        &self,
        connection: &DatabaseConnection,
        write: Write<T, E>,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbErr> + Send + 'static,
    {
        let (caller, outcome) = oneshot::channel();
        self.put(
            connection,
            Box::new(Request {
                write: Some(write),
                outcome: None,
                caller,
            }),
        );
        match outcome.await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => Err(undone().into()),
        }
    }

    /// Waits until nothing waits any more.
    pub(super) async fn drain(&self) {
        self.leaders.close();
        self.leaders.wait().await;
    }

    fn put(&self, connection: &DatabaseConnection, write: Box<dyn Waiting>) {
        let mut queue = lock(&self.queue);
        queue.waiting.push_back(write);
        if !std::mem::replace(&mut queue.is_led, true) {
            let leader = Leader {
                queue: Arc::clone(&self.queue),
                has_ended: false,
            };
            self.leaders.spawn(leader.lead(connection.clone()));
        }
    }
}

impl fmt::Debug for GroupCommit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("GroupCommit")
            .finish_non_exhaustive()
    }
}

fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A write in the queue, whatever its outcome's type.
trait Waiting: Send {
    /// Whether somebody still waits for its outcome.
    fn is_awaited(&self) -> bool;

    /// Executes it, and keeps the outcome for later; tells whether it succeeded.
    fn execute<'a>(&'a mut self, writer: &'a Writer<'a>) -> BoxFuture<'a, bool>;

    /// Tells whoever waits the outcome; or, whatever that was, why nothing came of it.
    fn answer(self: Box<Self>, failure: Option<DbErr>);
}

struct Request<T, E> {
    write: Option<Write<T, E>>,
    outcome: Option<Outcome<T, E>>,
    caller: oneshot::Sender<Outcome<T, E>>,
}

impl<T, E> Waiting for Request<T, E>
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
        // Who has gone away meanwhile is not told.
        let _ = self.caller.send(outcome);
    }
}

/// Why a write that did nothing wrong came to nothing. It is worth repeating.
fn undone() -> DbErr {
    let why = "the transaction was undone for the sake of another write in it";
    DbErr::Conn(RuntimeErr::Internal(why.to_owned()))
}

/// Executes what waits.
struct Leader {
    queue: Arc<Mutex<Queue>>,
    /// It has left nothing behind.
    has_ended: bool,
}

/// However a leader ends, nobody waits for what will not come, and the next can be set to work.
impl Drop for Leader {
    fn drop(&mut self) {
        if !self.has_ended {
            let mut queue = lock(&self.queue);
            queue.is_led = false;
            queue.waiting.clear();
        }
    }
}

impl Leader {
    async fn lead(mut self, connection: DatabaseConnection) {
        while let Some(waiting) = self.waiting() {
            match begin(&connection).await {
                Ok(transaction) => self.write_together(transaction).await,
                // Those who came meanwhile have not waited as long as these.
                Err(error) => self.refuse(waiting, &error),
            }
        }
    }

    /// How many wait. If none does, whoever comes next sets another leader to work.
    fn waiting(&mut self) -> Option<usize> {
        let mut queue = lock(&self.queue);
        let waiting = queue.waiting.len();
        if waiting == 0 {
            queue.is_led = false;
            self.has_ended = true;
            return None;
        }
        Some(waiting)
    }

    /// Takes the next write for which somebody still waits.
    fn next(&self) -> Option<Box<dyn Waiting>> {
        let mut queue = lock(&self.queue);
        while let Some(write) = queue.waiting.pop_front() {
            if write.is_awaited() {
                return Some(write);
            }
        }
        None
    }

    fn refuse(&self, first: usize, why: &DbErr) {
        let refused: Vec<_> = lock(&self.queue).waiting.drain(..first).collect();
        for write in refused {
            write.answer(Some(why.clone()));
        }
    }

    /// Executes what waits, and what comes meanwhile, in one transaction.
    async fn write_together(&self, transaction: DatabaseTransaction) {
        let began = Instant::now();
        let mut written = Vec::new();
        let mut savepoint = Savepoint::None;
        while written.len() < MOST
            && began.elapsed() < LONGEST
            && let Some(mut write) = self.next()
        {
            let is_first = written.is_empty();
            let writer = Writer::after(&transaction, if is_first { "" } else { savepoint.sql() });
            let succeeded = write.execute(&writer).await;
            if is_first && !succeeded {
                // If that fails too, the pool replaces the connection.
                let _ = transaction.rollback().await;
                return write.answer(None);
            }
            if !is_first && writer.has_begun() {
                savepoint = Savepoint::Passed;
                if !succeeded && let Err(error) = go_back(&transaction).await {
                    debug!(%error, "a transaction was undone");
                    write.answer(None);
                    return answer(written, Some(&undone()));
                }
            }
            written.push(write);
        }
        let committed = transaction.commit().await;
        answer(written, committed.err().as_ref());
    }
}

fn answer(written: Vec<Box<dyn Waiting>>, failure: Option<&DbErr>) {
    for write in written {
        write.answer(failure.cloned());
    }
}

/// What all but the first write of a transaction go back to when they fail. The commit releases it.
#[derive(Clone, Copy)]
enum Savepoint {
    /// There is none yet.
    None,
    /// There is one, before what is to be kept.
    Passed,
}

impl Savepoint {
    /// Sets it behind what is to be kept.
    fn sql(self) -> &'static str {
        match self {
            Self::None => "SAVEPOINT one; ",
            Self::Passed => "RELEASE one; SAVEPOINT one; ",
        }
    }
}

/// Undoes what was written since the savepoint; fails if SQLite has undone all.
async fn go_back(transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    transaction.execute_unprepared("ROLLBACK TO one").await?;
    Ok(())
}
