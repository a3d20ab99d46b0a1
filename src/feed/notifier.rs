//! Notification of the other servers on one PostgreSQL database, so that their subscribers do not wait for
//! the next poll.
//!
//! `NOTIFY` is expensive for writers, since it serialises their commits. So it is not part of a write: a
//! server that has committed notifies afterwards, in a transaction that need not be durable, and once for
//! all commits since its last notification. Measured: about 60 µs of PostgreSQL's CPU a notification, at
//! most a hundred a second, so less than a hundredth of a core whatever the write rate. A lost notification
//! delays changes until the next poll, and so do the writes of other applications, which do not notify.

use std::{convert::Infallible, time::Duration};

use sea_orm::DbErr;
use tokio::{task::JoinSet, time};
use tracing::debug;
use uuid::Uuid;

use crate::{
    db::Database,
    outage::Outage,
    runs::{ChangeSignal, ChangeSubscriber},
    store::feed::{self as store, Notifier},
};

/// The minimum time between two notifications.
const MIN_INTERVAL: Duration = Duration::from_millis(10);
/// Time between two attempts to listen.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Spawns the tasks that notify the other servers of this server's commits, and that call `on_notification`
/// when another server has notified, or may have while the connection was lost. Spawns none on SQLite.
/// `server_id` identifies this server, which ignores its own notifications.
pub(super) fn spawn(
    database: &Database,
    server_id: Uuid,
    signal: &ChangeSignal,
    tasks: &mut JoinSet<()>,
    on_notification: impl Fn() + Send + Sync + 'static,
) {
    if let Some(notifier) = store::notifier(database) {
        let server_id = server_id.to_string();
        tasks.spawn(notify_loop(
            notifier.clone(),
            server_id.clone(),
            signal.subscribe(),
        ));
        tasks.spawn(listen_loop(notifier, server_id, on_notification));
    }
}

async fn notify_loop(notifier: Notifier, server_id: String, mut commits: ChangeSubscriber) {
    loop {
        commits.notified().await;
        if let Err(error) = notifier.notify(&server_id).await {
            debug!(%error, "cannot notify the other servers");
        }
        time::sleep(MIN_INTERVAL).await;
    }
}

async fn listen_loop(notifier: Notifier, server_id: String, on_notification: impl Fn() + Sync) {
    let outage =
        Outage::new("changes by other servers are found by polling only; trying to listen again");
    loop {
        let Err(error) = listen(&notifier, &server_id, &on_notification, &outage).await;
        outage.failed(&error);
        time::sleep(RETRY_INTERVAL).await;
    }
}

/// Listens until the connection fails.
async fn listen(
    notifier: &Notifier,
    server_id: &str,
    on_notification: &(impl Fn() + Sync),
    outage: &Outage,
) -> Result<Infallible, DbErr> {
    let mut notifications = notifier.listen().await?;
    outage.ended();
    loop {
        let sender = notifications.next().await?;
        if sender.as_deref() != Some(server_id) {
            on_notification();
        }
    }
}
