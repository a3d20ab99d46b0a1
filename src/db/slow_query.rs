//! Queries that no index supports, and which may read far more rows than they return.
//!
//! They run on connections of their own, so that they do not delay other queries, and only for a short time, so
//! that a client cannot occupy the database with them.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use sea_orm::{DbErr, metric};
use tokio::sync::{Mutex, Semaphore};

use super::{
    StatementPool,
    error::{Failure, classify},
};

/// Slow queries that run concurrently.
pub(super) const MAX_CONCURRENT: u32 = 2;

/// Connections for slow queries.
#[derive(Clone, Debug)]
pub(super) struct SlowQueryPool {
    pool: StatementPool,
    permits: Arc<Semaphore>,
    timeout: Duration,
}

/// The time that the slow queries of one operation have taken so far. The lock makes them run one at a time.
#[derive(Debug, Default)]
pub struct ScanBudget(Mutex<Duration>);

/// Why a slow query has no result.
#[derive(Debug)]
pub enum SlowQueryError {
    /// The query was cancelled, or did not start, because the slow queries of its operation took this long.
    BudgetExceeded(Duration),
    /// The database failed.
    Database(DbErr),
}

impl SlowQueryPool {
    /// `pool` must have [`MAX_CONCURRENT`] connections that cancel each statement after `timeout`.
    pub(super) fn new(pool: StatementPool, timeout: Duration) -> Self {
        Self {
            pool,
            permits: Arc::new(Semaphore::new(MAX_CONCURRENT as usize)),
            timeout,
        }
    }

    /// Runs `query` and charges its time to `budget`. Waiting for a connection is free.
    pub(super) async fn run<T>(
        &self,
        budget: &ScanBudget,
        query: impl AsyncFnOnce(&StatementPool) -> Result<T, DbErr>,
    ) -> Result<T, SlowQueryError> {
        let mut spent = budget.0.lock().await;
        if *spent >= self.timeout {
            return Err(SlowQueryError::BudgetExceeded(self.timeout));
        }
        // The semaphore is never closed.
        let _permit = self.permits.acquire().await;
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
