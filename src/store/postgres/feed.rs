//! The change feed on PostgreSQL: transaction ids, snapshots, and `NOTIFY`.

use entity::{RowReader, change};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, Order, QueryOrder, QueryResult, Select, Statement, Value,
};
use sqlx::postgres::{PgListener, PgPoolOptions};

use crate::{
    db::Postgres,
    store::{FeedPosition, NewestChange, Snapshot},
};

/// The channel on which servers notify one another.
const CHANNEL: &str = "sync_history_change";

/// The id of the transaction that wrote a row. The entities lack this column, since SQLite's tables do.
const XID: &str = "xid";
/// The same as text, since no type of the driver reads it.
pub(in crate::store) const XID_TEXT: &str = "xid::text";

/// All in one statement, and so in one snapshot.
pub(in crate::store) async fn position(
    connection: &impl ConnectionTrait,
) -> Result<FeedPosition, DbErr> {
    let columns = NewestChange::COLUMNS;
    let sql = format!(
        "SELECT pg_current_snapshot()::text AS position, newest.* FROM (SELECT) AS one
        LEFT JOIN (SELECT {XID_TEXT}, {columns} FROM sync_change
            ORDER BY sync_change.xid DESC, seq DESC LIMIT 1) AS newest ON true"
    );
    let row = query_one(connection, &sql).await?;
    let mut columns = RowReader::new(&row)?;
    let commit = columns.text("position")?.parse();
    Ok(FeedPosition {
        commit: commit.map_err(|error| DbErr::Type(format!("{error}")))?,
        newest: NewestChange::read(&mut columns)?,
    })
}

/// The first condition lets the index skip all transactions that had ended by `base`; the second one holds
/// for those that were in progress.
pub(in crate::store) fn committed_between(base: &Snapshot, upto: &Snapshot) -> Expr {
    Expr::cust_with_values(
        "xid >= pg_snapshot_xmin($1::text::pg_snapshot) \
         AND NOT pg_visible_in_snapshot(xid, $1::text::pg_snapshot) \
         AND pg_visible_in_snapshot(xid, $2::text::pg_snapshot)",
        [base.to_string(), upto.to_string()],
    )
}

pub(in crate::store) fn committed_by(snapshot: &Snapshot) -> Expr {
    Expr::cust_with_values(
        "xid < pg_snapshot_xmax($1::text::pg_snapshot) \
         AND pg_visible_in_snapshot(xid, $1::text::pg_snapshot)",
        [snapshot.to_string()],
    )
}

/// Follows the index on `(xid, seq)`.
pub(in crate::store) fn oldest_first(select: Select<change::Entity>) -> Select<change::Entity> {
    select
        .order_by(Expr::col(XID), Order::Asc)
        .order_by(change::Column::Seq, Order::Asc)
}

/// Events from before the feed have no `seq`; the `xid` of those written elsewhere has no meaning here.
pub(in crate::store) fn is_adopted_event(moved_seq: i64) -> Expr {
    let seq = || Expr::col("seq");
    seq().is_null().or(seq().lte(moved_seq))
}

pub(in crate::store) async fn clock(connection: &impl ConnectionTrait) -> Result<f64, DbErr> {
    let sql = "SELECT extract(epoch FROM clock_timestamp())::double precision AS now";
    query_one(connection, sql).await?.try_get("", "now")
}

/// Transaction ids have a meaning only in the cluster that assigned them; the database name distinguishes two copies in one
/// cluster.
pub(in crate::store) async fn origin(
    connection: &impl ConnectionTrait,
) -> Result<Option<String>, DbErr> {
    let may_read = "SELECT has_function_privilege('pg_control_system()', 'EXECUTE') AS may_read";
    let may_read: bool = query_one(connection, may_read)
        .await?
        .try_get("", "may_read")?;
    if !may_read {
        return Ok(None);
    }
    let sql = "SELECT system_identifier::text || ' ' || pg_database.oid AS origin
        FROM pg_control_system(), pg_database WHERE datname = current_database()";
    query_one(connection, sql)
        .await?
        .try_get("", "origin")
        .map(Some)
}

pub(in crate::store) async fn lock_events(
    transaction: &impl ConnectionTrait,
) -> Result<i64, DbErr> {
    transaction
        .execute_unprepared("SET LOCAL statement_timeout = 0")
        .await?;
    transaction
        .execute_unprepared("LOCK TABLE sync_event IN SHARE ROW EXCLUSIVE MODE")
        .await?;
    let sql =
        "SELECT coalesce(pg_sequence_last_value('sync_history.sync_event_seq_seq'), 0) AS seq";
    query_one(transaction, sql).await?.try_get("", "seq")
}

async fn query_one(connection: &impl ConnectionTrait, sql: &str) -> Result<QueryResult, DbErr> {
    let statement = Statement::from_string(DbBackend::Postgres, sql);
    let row = connection.query_one_raw(statement).await?;
    row.ok_or_else(|| DbErr::RecordNotFound(sql.to_owned()))
}

/// Notifies other servers on the database, and receives their notifications.
#[derive(Clone, Debug)]
pub(crate) struct Notifier(Postgres);

impl Notifier {
    pub(in crate::store) fn new(database: Postgres) -> Self {
        Self(database)
    }

    /// Notifies all servers. The transaction stores nothing, so its commit does not wait for the disk.
    ///
    /// # Errors
    /// Returns an error if the database is unavailable.
    pub(crate) async fn notify(&self, payload: &str) -> Result<(), DbErr> {
        let sql = "SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, $2)";
        let values: [Value; 2] = [CHANNEL.into(), payload.into()];
        let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
        self.0.read().query_one_raw(statement).await.map(drop)
    }

    /// Listens to notifications, on a connection outside of the pool.
    ///
    /// # Errors
    /// Returns an error if the database is unavailable.
    pub(crate) async fn listen(&self) -> Result<Notifications, DbErr> {
        let options = self.0.read().pool().get_postgres_connection_pool();
        // The listener never gives its connection back.
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .connect_lazy_with(options.connect_options().as_ref().clone());
        let mut listener = PgListener::connect_with(&pool)
            .await
            .map_err(|e| error(&e))?;
        listener.listen(CHANNEL).await.map_err(|e| error(&e))?;
        Ok(Notifications(listener))
    }
}

/// Notifications of all servers on the database, this one's included.
pub(crate) struct Notifications(PgListener);

impl Notifications {
    /// Returns the payload of the next notification; `None` after a reconnection, since notifications may
    /// have been lost.
    ///
    /// # Errors
    /// Returns an error if the database is unavailable.
    pub(crate) async fn next(&mut self) -> Result<Option<String>, DbErr> {
        let notification = self.0.try_recv().await.map_err(|e| error(&e))?;
        Ok(notification.map(|notification| notification.payload().to_owned()))
    }
}

fn error(error: &sqlx::Error) -> DbErr {
    DbErr::Custom(error.to_string())
}
