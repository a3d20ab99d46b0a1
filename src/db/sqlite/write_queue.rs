//! Group commit.
//!
//! SQLite has a single writer, and each commit waits for the disk. One task therefore executes all writes: it
//! takes the jobs that are waiting, those of the users in turn, runs each in a savepoint of one transaction, commits, and
//! only then replies. Jobs that arrive meanwhile share the next transaction. A job that arrives alone is committed
//! immediately.
//!
//! A job that fails or panics is rolled back to its savepoint and affects no other. If SQLite rolls back the whole
//! transaction, on a full disk for example, the savepoint is gone, and all jobs of the transaction fail.

use std::{
    fmt, iter,
    panic::{AssertUnwindSafe, resume_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures_util::{FutureExt, future::BoxFuture};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, RuntimeErr,
    Statement,
};
use tokio::sync::{mpsc, oneshot};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, error};

use super::{
    begin_immediate,
    job::{Job, Write},
};
use crate::{
    db::{user, write_monitor::WriteMonitor},
    fair_queue::Turns,
};

/// Jobs in one transaction, at most.
const MAX_BATCH: usize = 256;
/// Time after which no more jobs start in a transaction, so that the first does not wait long for the last.
const MAX_BATCH_TIME: Duration = Duration::from_millis(20);

// The driver can set savepoints too, but it takes two more round trips to SQLite's thread for each job.
const SAVEPOINT: &str = "SAVEPOINT job";
const NEXT_SAVEPOINT: &str = "RELEASE job; SAVEPOINT job";
const ROLLBACK: &str = "ROLLBACK TO job";

/// The sender's side of the queue. The task ends when the queue is closed or all clones are dropped, and finishes
/// the waiting jobs first.
#[derive(Clone)]
pub(super) struct WriteQueue {
    waiting: Waiting,
    /// Announces each waiting job. Unbounded: each request in flight adds at most a few jobs.
    jobs: mpsc::UnboundedSender<()>,
    closing: CancellationToken,
    task: TaskTracker,
}

impl WriteQueue {
    pub(super) fn spawn(writer: DatabaseConnection, monitor: WriteMonitor) -> Self {
        let (jobs, receiver) = mpsc::unbounded_channel();
        let waiting = Waiting::default();
        let queue = Self {
            waiting: waiting.clone(),
            jobs,
            closing: CancellationToken::new(),
            task: TaskTracker::new(),
        };
        let closing = queue.closing.clone();
        let executor = Executor {
            writer,
            monitor,
            waiting,
        };
        queue.task.spawn(executor.run(receiver, closing));
        queue
    }

    /// Executes `write` and returns its result once the transaction is committed. If the caller stops waiting
    /// before the job's turn, the job is skipped.
    pub(super) async fn execute<T, E, F>(&self, write: F) -> Result<T, E>
    where
        F: for<'a> FnOnce(&'a DatabaseTransaction) -> BoxFuture<'a, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<DbErr> + Send + 'static,
    {
        let (caller, reply) = oneshot::channel();
        self.push(Box::new(Write::new(write, caller)));
        match reply.await {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => Err(unavailable("the write queue is closed").into()),
        }
    }

    /// Adds a job to those that wait. A closed queue drops the job and, with it, the caller's channel.
    fn push(&self, job: Box<dyn Job>) {
        let mut waiting = self.waiting.lock();
        // The task takes the job no earlier than the lock is released.
        if self.jobs.send(()).is_ok() {
            waiting.push(&user::current(), job);
        }
    }

    /// Refuses new jobs and waits until those in the queue are done.
    pub(super) async fn close(&self) {
        self.closing.cancel();
        self.task.close();
        self.task.wait().await;
    }
}

impl fmt::Debug for WriteQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteQueue").finish_non_exhaustive()
    }
}

/// The jobs that wait, by user.
#[derive(Clone, Default)]
struct Waiting(Arc<Mutex<Turns<Box<dyn Job>>>>);

impl Waiting {
    fn next(&self) -> Option<Box<dyn Job>> {
        self.lock().pop()
    }

    fn lock(&self) -> MutexGuard<'_, Turns<Box<dyn Job>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Executes the jobs.
struct Executor {
    writer: DatabaseConnection,
    monitor: WriteMonitor,
    waiting: Waiting,
}

impl Executor {
    async fn run(self, mut jobs: mpsc::UnboundedReceiver<()>, closing: CancellationToken) {
        let mut announced = Vec::with_capacity(MAX_BATCH);
        loop {
            tokio::select! {
                count = jobs.recv_many(&mut announced, MAX_BATCH) => {
                    if count == 0 {
                        return;
                    }
                }
                () = closing.cancelled(), if !jobs.is_closed() => jobs.close(),
            }
            let mut count = announced.len();
            announced.clear();
            while count > 0 {
                // Jobs catch their own panics; should anything else panic, the next jobs are still executed.
                let batch = AssertUnwindSafe(self.execute_batch(&mut count));
                if batch.catch_unwind().await.is_err() {
                    error!("a batch of writes panicked");
                }
            }
        }
    }

    /// Executes the next of `count` waiting jobs in one transaction, and replies to them. One that is announced meanwhile
    /// may have its turn among them.
    async fn execute_batch(&self, count: &mut usize) {
        let transaction = match self.begin().await {
            Ok(transaction) => transaction,
            Err(error) => {
                self.monitor.record(&error);
                return reply(iter::from_fn(|| self.take(count)), Some(&error));
            }
        };
        let started = Instant::now();
        let mut executed = Vec::with_capacity(*count);
        let mut savepoint = SAVEPOINT;
        while started.elapsed() < MAX_BATCH_TIME
            && let Some(mut job) = self.take(count)
        {
            if job.is_cancelled() {
                continue;
            }
            match execute_in_savepoint(&transaction, savepoint, &mut *job).await {
                Ok(()) => executed.push(job),
                Err(error) => {
                    debug!(%error, "SQLite rolled back a transaction");
                    let rolled_back = unavailable("the transaction was rolled back");
                    self.monitor.record(&rolled_back);
                    // If the job failed, its own error is the reason.
                    let failure = (!job.has_failed()).then(|| rolled_back.clone());
                    job.reply(failure);
                    return reply(executed, Some(&rolled_back));
                }
            }
            savepoint = NEXT_SAVEPOINT;
        }
        // Includes the last job's savepoint.
        let committed = transaction.commit().await;
        let failure = if executed.iter().all(|job| job.has_failed()) {
            // Nothing was written.
            committed.err()
        } else {
            self.monitor.confirm(committed).err()
        };
        reply(executed, failure.as_ref());
    }

    /// Takes the next of `count` waiting jobs.
    fn take(&self, count: &mut usize) -> Option<Box<dyn Job>> {
        *count = count.checked_sub(1)?;
        self.waiting.next()
    }

    async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        self.monitor.check_files()?;
        begin_immediate(&self.writer).await
    }
}

/// Fails if the savepoint is gone, and with it all that was executed in the transaction.
async fn execute_in_savepoint(
    transaction: &DatabaseTransaction,
    savepoint: &str,
    job: &mut dyn Job,
) -> Result<(), DbErr> {
    execute(transaction, savepoint).await?;
    job.execute(transaction).await;
    if job.has_failed() {
        execute(transaction, ROLLBACK).await?;
    }
    Ok(())
}

/// Executes a statement that SQLite keeps prepared.
async fn execute(transaction: &DatabaseTransaction, sql: &str) -> Result<(), DbErr> {
    let statement = Statement::from_string(DbBackend::Sqlite, sql);
    transaction.execute_raw(statement).await.map(drop)
}

fn reply(jobs: impl IntoIterator<Item = Box<dyn Job>>, failure: Option<&DbErr>) {
    for job in jobs {
        job.reply(failure.cloned());
    }
}

/// An error that is worth a retry: nothing was stored, and nothing is wrong with the job.
fn unavailable(reason: &str) -> DbErr {
    DbErr::Conn(RuntimeErr::Internal(reason.to_owned()))
}
