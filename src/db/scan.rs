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
    Single,
    error::{Failure, classify},
};

/// Scans under way at once.
pub(super) const AT_ONCE: u32 = 2;
/// Instructions of SQLite between two looks at the clock: some 0.1 ms.
const INSTRUCTIONS: i32 = 1000;

/// Where scans are executed.
#[derive(Clone, Debug)]
pub(super) struct Scans {
    connection: Single,
    turns: Arc<Semaphore>,
    longest: Duration,
}

/// What the scans of one operation have taken so far. They take turns.
#[derive(Debug, Default)]
pub struct ScanTime(Mutex<Duration>);

/// Why a scan has no result.
#[derive(Debug)]
pub enum ScanError {
    /// It was given up after so long, or not begun because those before it took so long.
    TooLong(Duration),
    /// The database does not answer.
    Database(DbErr),
}

impl Scans {
    /// On connections whose statements end by themselves after `longest`.
    pub(super) fn new(connection: Single, longest: Duration) -> Self {
        Self {
            connection,
            turns: Arc::new(Semaphore::new(AT_ONCE as usize)),
            longest,
        }
    }

    pub(super) fn connection(&self) -> &Single {
        &self.connection
    }

    pub(super) fn connection_mut(&mut self) -> &mut Single {
        &mut self.connection
    }

    /// Reads; `time` is that of the operation it is read for.
    pub(super) async fn read<T>(
        &self,
        time: &ScanTime,
        read: impl AsyncFnOnce(&Single) -> Result<T, DbErr>,
    ) -> Result<T, ScanError> {
        let mut taken = time.0.lock().await;
        if *taken >= self.longest {
            return Err(ScanError::TooLong(self.longest));
        }
        // It is closed at no time.
        let _turn = self.turns.acquire().await;
        let began = Instant::now();
        let found = read(&self.connection).await;
        *taken += began.elapsed();
        found.map_err(|error| match classify(&error) {
            Failure::Interrupted => ScanError::TooLong(self.longest),
            _ => ScanError::Database(error),
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
