//! Statements that read far more rows than they answer, because no index leads to what is asked for.
//!
//! They are kept apart: on connections of their own, so that nobody waits behind them who asks for what
//! an index finds, and for a short time, so that nobody takes the machine from all others by asking.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use sea_orm::DbErr;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{Mutex, Semaphore};

use super::{
    StatementPool,
    error::{Failure, classify},
};

/// SlowQueryPool under way at once.
pub(super) const MAX_CONCURRENT: u32 = 2;
/// Instructions of SQLite between two looks at the clock: some 0.1 ms.
const INSTRUCTIONS: i32 = 1000;

/// Where scans are executed.
#[derive(Clone, Debug)]
pub(super) struct SlowQueryPool {
    connection: StatementPool,
    turns: Arc<Semaphore>,
    longest: Duration,
}

/// What the scans of one operation have taken so far. They take turns.
#[derive(Debug, Default)]
pub struct ScanBudget(Mutex<Duration>);

/// Why a scan has no result.
#[derive(Debug)]
pub enum SlowQueryError {
    /// It was given up after so long, or not begun because those before it took so long.
    BudgetExceeded(Duration),
    /// The database does not answer.
    Database(DbErr),
}

impl SlowQueryPool {
    /// On connections whose statements end by themselves after `longest`.
    pub(super) fn new(connection: StatementPool, longest: Duration) -> Self {
        Self {
            connection,
            turns: Arc::new(Semaphore::new(MAX_CONCURRENT as usize)),
            longest,
        }
    }

    pub(super) fn connection(&self) -> &StatementPool {
        &self.connection
    }

    pub(super) fn connection_mut(&mut self) -> &mut StatementPool {
        &mut self.connection
    }

    /// Reads; `time` is that of the operation it is read for.
    pub(super) async fn read<T>(
        &self,
        time: &ScanBudget,
        read: impl AsyncFnOnce(&StatementPool) -> Result<T, DbErr>,
    ) -> Result<T, SlowQueryError> {
        let mut taken = time.0.lock().await;
        if *taken >= self.longest {
            return Err(SlowQueryError::BudgetExceeded(self.longest));
        }
        // It is closed at no time.
        let _turn = self.turns.acquire().await;
        let began = Instant::now();
        let found = read(&self.connection).await;
        *taken += began.elapsed();
        found.map_err(|error| match classify(&error) {
            Failure::Interrupted => SlowQueryError::BudgetExceeded(self.longest),
            _ => SlowQueryError::Database(error),
        })
    }
}

/// Lets what is executed on a connection from now on take no longer than this; SQLite has no such
/// setting of its own.
pub(super) fn limit(
    connection: &mut SqliteConnection,
    longest: Duration,
) -> BoxFuture<'_, Result<(), sqlx::Error>> {
    Box::pin(async move {
        let mut handle = connection.lock_handle().await?;
        let end = Instant::now() + longest;
        handle.set_progress_handler(INSTRUCTIONS, move || Instant::now() < end);
        Ok(())
    })
}
