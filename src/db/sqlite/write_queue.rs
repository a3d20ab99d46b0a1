//! Group commit: writes that wait while a transaction is being committed share the next one.
//!
//! SQLite has one writer, and a commit waits for the disk: one commit for each write would let no more
//! in than the disk has turns. So writes stand in a queue, and whoever puts the first one in has a
//! leader set to work, which takes them as they come, executes each, commits, and only then answers
//! them, until none is left. One that comes alone is committed at once: nobody waits for company.
//!
//! Most are one statement, a row to insert above all, and those that wait are sent to SQLite together (see
//! `together`). Each has its own outcome: what is executed in one step is in a savepoint, to which is gone back
//! when it fails. SQLite undoes the whole transaction by itself when it meets a full disk or an unreadable page;
//! then the savepoint is gone, by which that is noticed, and all that were in it are told.

use std::{
    collections::VecDeque,
    fmt,
    panic::resume_unwind,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, Statement};
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;
use tracing::debug;

use super::{
    batch::{self, Together},
    batch_insert::Insert,
    job::{self, Asked, One, Several, Waiting, Write, undone},
    savepoint::Writer,
};
use crate::db::begin;

/// Writes that share a transaction, at most.
const MAX_BATCH: usize = 256;
/// After so long no more are taken into a transaction, so that the first need not wait for the last.
const MAX_BATCH_TIME: Duration = Duration::from_millis(20);
/// What precedes the first statement of several. When they have succeeded it is left in place: the one that was
/// set last counts, and the commit releases all.
pub(super) const SAVEPOINT: &str = "SAVEPOINT one; ";

/// The writes that wait for their turn.
#[derive(Clone, Default)]
pub(in crate::db) struct WriteQueue {
    queue: Arc<Mutex<Queue>>,
    leaders: TaskTracker,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    /// Somebody executes what waits.
    is_led: bool,
}

impl WriteQueue {
    /// Executes a write of one statement in a transaction that it may share; tells what came of it once that is
    /// committed. If nobody waits for it any more when its turn comes, it is left out.
    pub(in crate::db) async fn execute<W: Together>(
        &self,
        connection: &DatabaseConnection,
        write: W,
    ) -> Result<W::Outcome, DbErr>
    where
        One: From<Asked<W>>,
    {
        let (caller, outcome) = oneshot::channel();
        self.put(connection, Waiting::One(Asked::new(write, caller).into()));
        outcome.await.unwrap_or_else(|_| Err(undone()))
    }

    /// The same of a write that takes several statements.
    pub(in crate::db) async fn write<T, E>(
        &self,
        connection: &DatabaseConnection,
        write: Write<T, E>,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbErr> + Send + 'static,
    {
        let (caller, outcome) = oneshot::channel();
        self.put(connection, job::several(write, caller));
        match outcome.await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => Err(undone().into()),
        }
    }

    /// Waits until nothing waits any more.
    pub(in crate::db) async fn drain(&self) {
        self.leaders.close();
        self.leaders.wait().await;
    }

    fn put(&self, connection: &DatabaseConnection, waiting: Waiting) {
        let is_led = {
            let mut queue = lock(&self.queue);
            queue.waiting.push_back(waiting);
            std::mem::replace(&mut queue.is_led, true)
        };
        // Not while the queue is locked: a runtime that shuts down drops the leader at once.
        if !is_led {
            let leader = Leader {
                queue: Arc::clone(&self.queue),
                has_ended: false,
            };
            self.leaders.spawn(leader.lead(connection.clone()));
        }
    }
}

impl fmt::Debug for WriteQueue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("WriteQueue").finish_non_exhaustive()
    }
}

fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
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

/// What is executed next.
enum Step {
    Together {
        inserts: Vec<Asked<Insert>>,
        statements: Vec<Asked<Statement>>,
    },
    Several(Box<dyn Several>),
}

impl Leader {
    async fn lead(mut self, connection: DatabaseConnection) {
        while let Some(waiting) = self.waiting() {
            if let Some(alone) = self.take_alone() {
                // It is a transaction by itself.
                alone.execute(&connection).await;
                continue;
            }
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

    /// Takes a write of one statement that waits alone.
    fn take_alone(&self) -> Option<One> {
        let mut queue = lock(&self.queue);
        let is_alone = queue.waiting.len() == 1;
        match queue
            .waiting
            .pop_front_if(|next| is_alone && next.is_one() && next.is_awaited())?
        {
            Waiting::One(one) => Some(one),
            Waiting::Several(_) => None,
        }
    }

    /// Takes what is next for which somebody still waits: so many writes at most.
    fn next(&self, most: usize) -> Option<Step> {
        let (mut inserts, mut statements) = (Vec::new(), Vec::new());
        let mut queue = lock(&self.queue);
        while inserts.len() + statements.len() < most
            && let Some(next) = queue
                .waiting
                .pop_front_if(|next| next.is_one() || inserts.is_empty() && statements.is_empty())
        {
            if !next.is_awaited() {
                continue;
            }
            match next {
                Waiting::One(One::Insert(insert)) => inserts.push(insert),
                Waiting::One(One::Statement(statement)) => statements.push(statement),
                Waiting::Several(write) => return Some(Step::Several(write)),
            }
        }
        let is_any = !(inserts.is_empty() && statements.is_empty());
        is_any.then_some(Step::Together {
            inserts,
            statements,
        })
    }

    fn refuse(&self, first: usize, why: &DbErr) {
        let refused: Vec<_> = lock(&self.queue).waiting.drain(..first).collect();
        answer(refused, Some(why));
    }

    /// Executes what waits, and what comes meanwhile, in one transaction.
    async fn write_together(&self, transaction: DatabaseTransaction) {
        let began = Instant::now();
        let mut written = Vec::new();
        while written.len() < MAX_BATCH
            && began.elapsed() < MAX_BATCH_TIME
            && let Some(step) = self.next(MAX_BATCH - written.len())
        {
            if let Err(error) = step.execute(&transaction, &mut written).await {
                debug!(%error, "a transaction was undone");
                return answer(written, Some(&undone()));
            }
        }
        let committed = transaction.commit().await;
        answer(written, committed.err().as_ref());
    }
}

impl Step {
    /// Executes it, and keeps the outcomes for later; fails if SQLite has undone all that was written.
    async fn execute(
        self,
        transaction: &DatabaseTransaction,
        written: &mut Vec<Waiting>,
    ) -> Result<(), DbErr> {
        match self {
            Self::Together {
                mut inserts,
                mut statements,
            } => {
                let mut executed = batch::execute(transaction, &mut inserts).await;
                if executed.is_ok() {
                    executed = batch::execute(transaction, &mut statements).await;
                }
                let inserts = inserts.into_iter().map(One::Insert);
                let all = inserts.chain(statements.into_iter().map(One::Statement));
                written.extend(all.map(Waiting::One));
                executed
            }
            Self::Several(mut write) => {
                let writer = Writer::after(transaction, SAVEPOINT);
                let succeeded = write.execute(&writer).await;
                let gone_back = if succeeded || !writer.has_begun() {
                    Ok(())
                } else {
                    go_back(transaction).await
                };
                match &gone_back {
                    Ok(()) => written.push(Waiting::Several(write)),
                    // It knows better than the others why.
                    Err(_) => write.answer(None),
                }
                gone_back
            }
        }
    }
}

fn answer(written: Vec<Waiting>, failure: Option<&DbErr>) {
    for waiting in written {
        waiting.answer(failure.cloned());
    }
}

/// Undoes what was written since the savepoint; fails if SQLite has undone all.
pub(super) async fn go_back(transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    transaction
        .execute_unprepared("ROLLBACK TO one; RELEASE one")
        .await?;
    Ok(())
}
