//! Telling the other servers on one PostgreSQL database that there is something to read, so that their
//! subscribers need not wait for a poll.
//!
//! NOTIFY is dear to writers, since it makes commits queue. So it is not part of a write: a server that
//! has written rings afterwards, in a transaction of its own that need not be durable, and once for all
//! it has written since it rang last. Measured: some 60 µs of PostgreSQL's CPU a ring, at most a hundred
//! a second, so less than a hundredth of a core however much is written. A ring that is lost delays what it would have told until the next
//! poll, and so do writes of those who do not ring.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement, Value};
use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::{task::JoinSet, time};
use tracing::{debug, warn};
use uuid::Uuid;

use crate::{
    db::Database,
    runs::{ChangeSignal, ChangeSubscriber},
};

const CHANNEL: &str = "sync_history_change";
/// The least time between two rings.
const PACE: Duration = Duration::from_millis(10);
/// Between two attempts to listen.
const RETRY: Duration = Duration::from_secs(1);

/// Notifies the other servers of this one's commits, and calls `heard` when another server notifies, or may
/// have unheard; does nothing on SQLite, which has no way to tell. `own` is this server's name.
pub(super) fn spawn(
    database: &Database,
    own: Uuid,
    signal: &ChangeSignal,
    tasks: &mut JoinSet<()>,
    heard: impl Fn() + Send + Sync + 'static,
) {
    if database.backend() == DbBackend::Postgres {
        tasks.spawn(notify(
            database.clone(),
            own.to_string(),
            signal.subscribe(),
        ));
        tasks.spawn(listen(database.clone(), own.to_string(), heard));
    }
}

async fn notify(database: Database, own: String, mut committed: ChangeSubscriber) {
    // Nothing is lost with it, so its commit waits for no disk.
    let sql = "SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, $2)";
    loop {
        committed.notified().await;
        let values: [Value; 2] = [CHANNEL.into(), own.clone().into()];
        let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
        if let Err(error) = database.read().query_one_raw(statement).await {
            debug!(%error, "the other servers are not told");
        }
        time::sleep(PACE).await;
    }
}

async fn listen(database: Database, own: String, heard: impl Fn() + Sync) {
    loop {
        let outcome = listen_once(&database, &own, &heard).await;
        let Err(error) = outcome;
        warn!(%error, "other servers' changes are noticed by polling alone; trying to listen again");
        time::sleep(RETRY).await;
    }
}

/// Listens until that fails.
async fn listen_once(
    database: &Database,
    own: &str,
    heard: &(impl Fn() + Sync),
) -> Result<std::convert::Infallible, DbErr> {
    let error = |error: sqlx::Error| DbErr::Custom(error.to_string());
    let options = database
        .read()
        .pool()
        .get_postgres_connection_pool()
        .connect_options();
    // A connection of its own: it is never given back.
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .connect_lazy_with(options.as_ref().clone());
    let mut listener = PgListener::connect_with(&pool).await.map_err(error)?;
    listener.listen(CHANNEL).await.map_err(error)?;
    loop {
        match listener.try_recv().await.map_err(error)? {
            Some(ring) if ring.payload() == own => {}
            // Without a ring the connection was lost for a while.
            _ => heard(),
        }
    }
}
