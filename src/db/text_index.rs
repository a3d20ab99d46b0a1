//! The index for `errorContains` on PostgreSQL, which needs the extension `pg_trgm`.
//!
//! The extension is optional, and may be installed at any time. So the index is not part of a migration: whoever opens the
//! database with the privilege to change it creates the index if it is missing. Building it takes a while in a large
//! database, and waits for the open transactions of others: it happens in the background. Lists are scans until it is there.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, QueryResult, Statement};
use tokio::{sync::watch, task::JoinSet, time};
use tracing::{debug, info, warn};

use super::{Tables, connect_error::OpenError, migrate};

/// The indexed text of a run: its error message, with the case of its ASCII letters folded, and of the two others that fold
/// to such a letter. `pg_trgm` folds case, and recognises letters, by the locale of the database; these are the characters
/// that it treats alike in every locale.
pub(crate) const SEARCH_KEY: &str =
    r#"translate(lower(error_message COLLATE "C"), E'\u212A\u017F', 'ks')"#;

/// A change of [`SEARCH_KEY`] needs another name.
const INDEX: &str = "ix_sync_history_error_trigrams";
/// Key of the advisory lock of the server that creates the index: the bytes of `synctext`.
const LOCK_KEY: i64 = 0x7379_6e63_7465_7874;
/// How long a start waits for the index, which takes less in a small database.
const START_WAIT: Duration = Duration::from_secs(1);
/// Interval between two checks while another server creates the index.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The index, which may still be under construction.
#[derive(Clone, Debug)]
pub(super) struct TextIndex {
    state: watch::Receiver<State>,
    /// Ends with the last clone.
    _task: Arc<JoinSet<State>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Missing,
    Ready,
    /// It cannot be created.
    Unavailable,
}

impl TextIndex {
    /// Finds the index, or begins to create it if tables may be changed.
    pub(super) async fn open(server: &PgConnectOptions, tables: Tables) -> Self {
        let (sender, mut state) = watch::channel(State::Missing);
        let mut task = JoinSet::new();
        if tables == Tables::Migrate {
            let server = server.clone();
            task.spawn(async move { sender.send_replace(provide(&server).await) });
            let is_known = state.wait_for(|state| *state != State::Missing);
            if time::timeout(START_WAIT, is_known).await.is_err() {
                info!("creating the index for errorContains in the background");
            }
        }
        Self {
            state,
            _task: Arc::new(task),
        }
    }

    /// Returns whether queries can use it.
    pub(super) fn is_ready(&self) -> bool {
        *self.state.borrow() == State::Ready
    }

    /// Waits until it is ready, or known to be unavailable.
    pub(super) async fn created(&self) {
        let mut state = self.state.clone();
        // Fails if nobody creates it.
        let _ = state.wait_for(|state| *state != State::Missing).await;
    }
}

/// Finds or creates the index. Logs why it is not available.
async fn provide(server: &PgConnectOptions) -> State {
    let begin = Instant::now();
    let provided = async {
        let connection = migrate::open_session(server).await?;
        let provided = find_or_create(&connection).await;
        // Releases the lock.
        let closed = connection.close().await;
        Ok::<_, OpenError>(provided.and_then(|reason| closed.map(|()| reason))?)
    };
    match provided.await {
        Ok(None) => {
            if begin.elapsed() >= START_WAIT {
                info!("the index for errorContains is ready");
            }
            State::Ready
        }
        Ok(Some(reason)) => {
            info!(reason, "errorContains is not indexed");
            State::Unavailable
        }
        Err(error) => {
            warn!(%error, "errorContains is not indexed: its index cannot be created");
            State::Unavailable
        }
    }
}

/// Returns the reason if the index is not available.
async fn find_or_create(connection: &DatabaseConnection) -> Result<Option<&'static str>, DbErr> {
    let lock = format!("SELECT pg_try_advisory_lock({LOCK_KEY})");
    loop {
        if is_valid(connection).await? == Some(true) {
            return Ok(None);
        }
        let row = query(connection, &lock).await?;
        if row.map_or(Ok(false), |row| row.try_get_by_index(0))? {
            break;
        }
        time::sleep(POLL_INTERVAL).await;
    }
    create(connection).await
}

/// Returns whether the index is complete; `None` if there is none.
async fn is_valid(connection: &DatabaseConnection) -> Result<Option<bool>, DbErr> {
    let select = format!(
        "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('sync_history.{INDEX}')"
    );
    let row = query(connection, &select).await?;
    row.map(|row| row.try_get_by_index(0)).transpose()
}

/// Creates the index without blocking writers. Returns the reason if that is not possible.
async fn create(connection: &DatabaseConnection) -> Result<Option<&'static str>, DbErr> {
    let valid = is_valid(connection).await?;
    if valid == Some(true) {
        return Ok(None);
    }
    let operators = match find_operators(connection).await? {
        Some(operators) => operators,
        None => match create_extension(connection).await? {
            Some(operators) => operators,
            None => {
                return Ok(Some(
                    "the extension pg_trgm is not installed: create it, and restart the server",
                ));
            }
        },
    };
    // A concurrent build waits for open transactions, but blocks nobody meanwhile.
    let execute = async |sql: String| connection.execute_unprepared(&sql).await.map(drop);
    execute("SET statement_timeout = 0; SET lock_timeout = 0".to_owned()).await?;
    if valid == Some(false) {
        // Its build was interrupted.
        execute(format!("DROP INDEX CONCURRENTLY sync_history.{INDEX}")).await?;
    }
    // Searches read the list of pending entries as a whole.
    execute(format!(
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS {INDEX} ON sync_history.sync_history \
         USING gin (({SEARCH_KEY}) {operators}) WITH (gin_pending_list_limit = 256) \
         WHERE error_message IS NOT NULL"
    ))
    .await?;
    debug!("created the index for errorContains");
    Ok(None)
}

/// Returns the qualified name of the operator class of trigrams. The extension may be in any schema.
async fn find_operators(connection: &DatabaseConnection) -> Result<Option<String>, DbErr> {
    let select = "SELECT quote_ident(n.nspname) || '.gin_trgm_ops' FROM pg_opclass AS c \
        JOIN pg_namespace AS n ON n.oid = c.opcnamespace JOIN pg_am AS a ON a.oid = c.opcmethod \
        WHERE c.opcname = 'gin_trgm_ops' AND a.amname = 'gin'";
    let row = query(connection, select).await?;
    row.map(|row| row.try_get_by_index(0)).transpose()
}

/// Creates the extension if it is available to the role, and returns its operator class.
async fn create_extension(connection: &DatabaseConnection) -> Result<Option<String>, DbErr> {
    let select = "SELECT quote_ident(n.nspname) FROM pg_available_extensions AS e, pg_namespace AS n \
        WHERE e.name = 'pg_trgm' AND n.nspname IN ('public', 'sync_history') \
        AND has_schema_privilege(n.oid, 'CREATE') \
        AND has_database_privilege(current_database(), 'CREATE') ORDER BY n.nspname LIMIT 1";
    let Some(row) = query(connection, select).await? else {
        return Ok(None);
    };
    let schema: String = row.try_get_by_index(0)?;
    let create = format!("CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA {schema}");
    connection.execute_unprepared(&create).await?;
    debug!(schema, "created the extension pg_trgm");
    find_operators(connection).await
}

async fn query(connection: &DatabaseConnection, sql: &str) -> Result<Option<QueryResult>, DbErr> {
    let statement = Statement::from_string(DbBackend::Postgres, sql);
    connection.query_one_raw(statement).await
}
