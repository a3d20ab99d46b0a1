//! Where the feed's rows were written. Transaction ids mean something in the cluster that gave them;
//! a dump that is restored elsewhere brings its rows along, and their ids mean nothing there, or the
//! wrong thing. So the feed remembers where it is at home, and a server that finds it elsewhere lets go
//! of the changes, and counts the events as there before the feed.

use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use tracing::warn;
use uuid::Uuid;

use super::query::query_one;
use crate::db::Database;

/// What a feed is known by.
pub(super) struct FeedOrigin {
    /// Identity of the feed in this place: it differs for a dump restored elsewhere, where the
    /// transaction ids of a cursor mean nothing, and for a copy beside it.
    pub(super) feed: Uuid,
    /// Events up to this `seq` came along from elsewhere.
    pub(super) moved_seq: i64,
}

/// The cluster and database at hand, and what the feed remembers.
const POSTGRES: &str = "SELECT sync_feed.id, home, moved_seq,
        system_identifier::text || ' ' || pg_database.oid AS here
    FROM sync_feed, pg_control_system(), pg_database WHERE datname = current_database()";
const SQLITE: &str = "SELECT id, home, moved_seq, '' AS here FROM sync_feed";

/// Waits for writers that have begun, so that each event is either counted as from before or not.
const MOVE: &str = "SET LOCAL statement_timeout = 0;
    LOCK TABLE sync_event IN SHARE ROW EXCLUSIVE MODE;
    DELETE FROM sync_change;
    DELETE FROM sync_moment;
    UPDATE sync_feed SET pruned = NULL, moved_seq =
        coalesce(pg_sequence_last_value('sync_history.sync_event_seq_seq'), 0)";

/// Finds the feed's home, which is here from now on.
pub(super) async fn find(database: &Database) -> Result<FeedOrigin, DbErr> {
    let sql = match database.backend() {
        DbBackend::Postgres => POSTGRES,
        _ => SQLITE,
    };
    let row = query_one(database.read(), sql).await?;
    let here: String = row.try_get("", "here")?;
    let home: Option<String> = row.try_get("", "home")?;
    let id: Uuid = row.try_get("", "id")?;
    let moved_seq = if home.as_ref() == Some(&here) {
        row.try_get("", "moved_seq")?
    } else {
        settle(database, &here).await?
    };
    Ok(FeedOrigin {
        feed: Uuid::new_v5(&id, here.as_bytes()),
        moved_seq,
    })
}

/// Makes this place the feed's home, unless another server has done so meanwhile.
async fn settle(database: &Database, here: &str) -> Result<i64, DbErr> {
    let transaction = database.begin().await?;
    let lock = match database.backend() {
        DbBackend::Postgres => "SELECT home, moved_seq FROM sync_feed FOR UPDATE",
        _ => "SELECT home, moved_seq FROM sync_feed",
    };
    let row = query_one(&transaction, lock).await?;
    let home: Option<String> = row.try_get("", "home")?;
    let mut moved_seq = row.try_get("", "moved_seq")?;
    if home.as_deref().is_some_and(|home| home != here) {
        warn!("this database was moved here: the change feed begins anew");
        transaction.execute_unprepared(MOVE).await?;
        let row = query_one(&transaction, "SELECT moved_seq FROM sync_feed").await?;
        moved_seq = row.try_get("", "moved_seq")?;
    }
    // It consists of digits and a blank.
    let settle = format!("UPDATE sync_feed SET home = '{here}'");
    transaction.execute_unprepared(&settle).await?;
    transaction.commit().await?;
    Ok(moved_seq)
}
