//! A database whose write queue the tests use directly.

use std::path::Path;

use futures_util::future::BoxFuture;
use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr};
use sync_history::db::{self, Database};
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// A database to which the tests add users by name.
pub(super) struct Store {
    pub(super) database: Database,
    pub(super) url: String,
    _folder: TempDir,
}

impl Store {
    pub(super) async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!(
            "sqlite://{}/sync-history.db?mode=rwc",
            folder.path().display()
        );
        let database = db::connect(&url).await.unwrap();
        Self {
            database,
            url,
            _folder: folder,
        }
    }

    /// Locks the database, so that writes wait in the queue.
    pub(super) async fn lock(&self) -> DatabaseConnection {
        let mut options = sea_orm::ConnectOptions::new(&self.url);
        options.max_connections(1).sqlx_logging(false);
        let lock = sea_orm::Database::connect(options).await.unwrap();
        lock.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();
        lock
    }

    pub(super) fn write<F>(&self, write: F) -> JoinHandle<Result<(), DbErr>>
    where
        F: for<'a> FnOnce(&'a DatabaseTransaction) -> BoxFuture<'a, Result<(), DbErr>>
            + Send
            + 'static,
    {
        let database = self.database.clone();
        tokio::spawn(async move { database.transaction(write).await })
    }

    pub(super) fn insert(&self, name: &'static str) -> JoinHandle<Result<(), DbErr>> {
        self.write(|connection| Box::pin(insert(connection, name)))
    }

    /// The names of all users, in order.
    pub(super) async fn names(&self) -> Vec<String> {
        use sea_orm::{EntityTrait, QueryOrder};
        let users = entity::user::Entity::find()
            .order_by_asc(entity::user::Column::FullName)
            .all(self.database.read());
        let users = users.await.unwrap();
        users.into_iter().map(|user| user.full_name).collect()
    }
}

pub(super) async fn insert(connection: &DatabaseTransaction, name: &str) -> Result<(), DbErr> {
    let sql = format!(
        "INSERT INTO \"user\" VALUES (randomblob(16), hex(randomblob(16)) || '@example.test', '{name}')"
    );
    connection.execute_unprepared(&sql).await?;
    Ok(())
}

/// Executes two statements, of which the second fails.
pub(super) async fn insert_twice_and_fail(connection: &DatabaseTransaction) -> Result<(), DbErr> {
    insert(connection, "undone").await?;
    connection
        .execute_unprepared("INSERT INTO \"user\" VALUES (NULL, NULL, NULL)")
        .await?;
    Ok(())
}

/// Counts the transactions in the write-ahead log. The log has a header of 32 bytes, and frames with a
/// header of 24 bytes and a page. In the last frame of a transaction, the second number of the header is
/// not zero. (<https://www.sqlite.org/fileformat2.html#walformat>)
pub(super) fn commits(url: &str) -> usize {
    let file = url
        .trim_start_matches("sqlite://")
        .split('?')
        .next()
        .unwrap();
    let log = std::fs::read(Path::new(&format!("{file}-wal"))).unwrap_or_default();
    if log.is_empty() {
        return 0;
    }
    let number = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap());
    let page = number(&log[8..12]) as usize;
    log[32..]
        .chunks_exact(24 + page)
        .filter(|frame| number(&frame[4..8]) > 0)
        .count()
}
