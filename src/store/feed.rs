//! The change feed's statements, dispatched to the database at hand.

use entity::change;
use sea_orm::{
    ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect, Select, Statement,
    sea_query::Expr,
};

use super::{CommitPosition, FeedPosition, NewestChange, postgres, sqlite};
use crate::db::Database;

pub(crate) use postgres::feed::Notifier;

/// A table that the feed reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FeedTable {
    /// `sync_change`.
    Changes,
    /// `sync_event`.
    Events,
}

/// Returns the current position of the feed, as seen by `connection`.
pub(crate) async fn position(
    database: &Database,
    connection: &impl ConnectionTrait,
) -> Result<FeedPosition, DbErr> {
    match database {
        Database::Postgres(_) => postgres::feed::position(connection).await,
        Database::Sqlite(_) => sqlite::feed::position(connection).await,
    }
}

/// Returns the change with this `seq`; `None` if there is none.
pub(crate) async fn find_change(
    database: &Database,
    seq: i64,
) -> Result<Option<NewestChange>, DbErr> {
    let xid = match database {
        Database::Postgres(_) => postgres::feed::XID_TEXT,
        Database::Sqlite(_) => sqlite::feed::XID_TEXT,
    };
    let columns = NewestChange::COLUMNS;
    let sql = format!("SELECT {xid}, {columns} FROM sync_change WHERE seq = $1");
    let connection = database.read();
    let backend = connection.get_database_backend();
    let statement = Statement::from_sql_and_values(backend, sql, [seq.into()]);
    let row = connection.query_one_raw(statement).await?;
    row.map_or(Ok(None), |row| NewestChange::from_row(&row))
}

/// Returns the condition on rows of `table` that were committed after `base` and by `upto`; no row meets it
/// if the positions are not both of this kind of database.
pub(crate) fn committed_between(
    table: FeedTable,
    base: &FeedPosition,
    upto: &FeedPosition,
) -> Expr {
    match (&base.commit, &upto.commit) {
        (CommitPosition::Snapshot(base_snapshot), CommitPosition::Snapshot(upto_snapshot)) => {
            match table {
                FeedTable::Changes => postgres::feed::committed_between(
                    &base_snapshot.until(base.newest),
                    &upto_snapshot.until(upto.newest),
                ),
                FeedTable::Events => {
                    postgres::feed::committed_between(base_snapshot, upto_snapshot)
                }
            }
        }
        (
            CommitPosition::Sequence { changes, events },
            CommitPosition::Sequence {
                changes: upto_changes,
                events: upto_events,
            },
        ) => match table {
            FeedTable::Changes => sqlite::feed::committed_between(*changes, *upto_changes),
            FeedTable::Events => sqlite::feed::committed_between(*events, *upto_events),
        },
        _ => Expr::val(false),
    }
}

/// Selects the `seq` of the `limit` oldest changes committed by `position`.
pub(crate) fn oldest_changes(position: &CommitPosition, limit: u64) -> Select<change::Entity> {
    let select = change::Entity::find()
        .select_only()
        .column(change::Column::Seq)
        .limit(limit);
    match position {
        CommitPosition::Snapshot(snapshot) => {
            postgres::feed::oldest_first(select.filter(postgres::feed::committed_by(snapshot)))
        }
        CommitPosition::Sequence { changes, .. } => {
            sqlite::feed::oldest_first(select.filter(sqlite::feed::committed_by(*changes)))
        }
    }
}

/// Returns the condition on events from before the feed, which have no usable commit position; `None` where
/// there cannot be any. `moved_seq` is the highest `seq` of an event that was written elsewhere.
pub(crate) fn is_adopted_event(database: &Database, moved_seq: i64) -> Option<Expr> {
    match database {
        Database::Postgres(_) => Some(postgres::feed::is_adopted_event(moved_seq)),
        // The server creates every SQLite database itself.
        Database::Sqlite(_) => None,
    }
}

/// Returns the time by the database's clock, in seconds since 1970.
pub(crate) async fn clock(
    database: &Database,
    connection: &impl ConnectionTrait,
) -> Result<f64, DbErr> {
    match database {
        Database::Postgres(_) => postgres::feed::clock(connection).await,
        Database::Sqlite(_) => sqlite::feed::clock(connection).await,
    }
}

/// Returns a text that identifies where this database is, so that a copy of it elsewhere has another one; `None` if the
/// server's role may not know.
pub(crate) async fn origin(database: &Database) -> Result<Option<String>, DbErr> {
    match database {
        Database::Postgres(_) => postgres::feed::origin(database.read()).await,
        // Positions on SQLite keep their meaning in a copy of the file.
        Database::Sqlite(_) => Ok(Some(String::new())),
    }
}

/// Locks `sync_event` until the end of the transaction, and returns the highest `seq` given to an event.
/// Waits for open transactions, so that each event has either this `seq` or a lower one, or is written
/// later.
pub(crate) async fn lock_events(
    database: &Database,
    transaction: &impl ConnectionTrait,
) -> Result<i64, DbErr> {
    match database {
        Database::Postgres(_) => postgres::feed::lock_events(transaction).await,
        // A writing transaction holds the lock already.
        Database::Sqlite(_) => sqlite::feed::last_event(transaction).await,
    }
}

/// Returns what notifies the other servers on this database; `None` on SQLite, which cannot notify other
/// processes.
pub(crate) fn notifier(database: &Database) -> Option<Notifier> {
    match database {
        Database::Postgres(postgres) => Some(Notifier::new(postgres.clone())),
        Database::Sqlite(_) => None,
    }
}
