//! Queries that no index supports, and statistics: they may read far more rows than they return.
//!
//! They run on connections of their own, so that they do not delay other queries, and only for a short time, so
//! that a client cannot occupy the database with them.

use std::time::{Duration, Instant};

use sea_orm::{DbErr, metric};
use tokio::sync::Mutex;

use super::{
    StatementPool,
    error::{Failure, classify},
    user,
};
use crate::fair_queue::FairQueue;

/// Slow queries that run concurrently.
pub(super) const MAX_CONCURRENT: u32 = 2;
/// Slow queries of one user that wait.
const MAX_WAITING: usize = 100;

/// Connections for slow queries.
#[derive(Clone, Debug)]
pub(super) struct SlowQueryPool {
    pool: StatementPool,
    queue: FairQueue,
    timeout: Duration,
}

/// The time that the slow queries and the statistics of one operation have taken so far.
#[derive(Debug, Default)]
pub struct ScanBudget {
    /// The lock makes the queries of the operation run one at a time.
    pub(super) scans: Mutex<Duration>,
    pub(super) statistics: Mutex<Duration>,
}

/// Why a slow query has no result.
#[derive(Debug)]
pub enum SlowQueryError {
    /// The query was cancelled, or did not start, because the slow queries of its operation took this long.
    BudgetExceeded(Duration),
    /// Too many slow queries of the user are waiting.
    QueueFull,
    /// The database failed.
    Database(DbErr),
}

impl SlowQueryPool {
    /// `pool` must have [`MAX_CONCURRENT`] connections that cancel each statement after `timeout`.
    pub(super) fn new(pool: StatementPool, timeout: Duration) -> Self {
        Self {
            pool,
            queue: FairQueue::new(MAX_CONCURRENT, MAX_WAITING),
            timeout,
        }
    }

    /// Runs `query` and charges its time to `spent`, a part of a [`ScanBudget`]. Waiting for a turn is free.
    pub(super) async fn run<T>(
        &self,
        spent: &Mutex<Duration>,
        query: impl AsyncFnOnce(&StatementPool) -> Result<T, DbErr>,
    ) -> Result<T, SlowQueryError> {
        let mut spent = spent.lock().await;
        if *spent >= self.timeout {
            return Err(SlowQueryError::BudgetExceeded(self.timeout));
        }
        let permit = self.queue.acquire(&user::current()).await;
        let _permit = permit.map_err(|_| SlowQueryError::QueueFull)?;
        let started = Instant::now();
        let result = query(&self.pool).await;
        *spent += started.elapsed();
        result.map_err(|error| match classify(&error) {
            Failure::Interrupted => SlowQueryError::BudgetExceeded(self.timeout),
            _ => SlowQueryError::Database(error),
        })
    }

    pub(super) fn observe<F>(&mut self, observe: F)
    where
        F: Fn(&metric::Info<'_>) + Clone + Send + Sync + 'static,
    {
        self.pool.observe(observe);
    }

    pub(super) async fn close(self) -> Result<(), DbErr> {
        self.pool.close().await
    }
}
