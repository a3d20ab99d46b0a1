//! The change feed on SQLite, where writers run one after the other, so that `seq` is the order of commits.

use entity::{RowReader, change};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, QueryOrder, QueryResult, Select, Statement,
};

use crate::store::{CommitPosition, FeedPosition, NewestChange};

/// Changes have no transaction id.
pub(in crate::store) const XID_TEXT: &str = "NULL AS xid";
/// `sqlite_sequence` remembers the highest `seq` ever given, also after its row has been pruned.
const LAST_SEQS: &str =
    "SELECT coalesce(max(seq) FILTER (WHERE name = 'sync_change'), 0) AS changes,
        coalesce(max(seq) FILTER (WHERE name = 'sync_event'), 0) AS events
    FROM sqlite_sequence";

/// All in one statement, and so in one snapshot.
pub(in crate::store) async fn position(
    connection: &impl ConnectionTrait,
) -> Result<FeedPosition, DbErr> {
    let columns = NewestChange::COLUMNS;
    let sql = format!(
        "SELECT changes, events, {XID_TEXT}, newest.* FROM ({LAST_SEQS})
        LEFT JOIN (SELECT {columns} FROM sync_change ORDER BY seq DESC LIMIT 1) AS newest"
    );
    let row = query_one(connection, &sql).await?;
    let mut columns = RowReader::new(&row)?;
    let commit = CommitPosition::Sequence {
        changes: columns.long("changes")?,
        events: columns.long("events")?,
    };
    Ok(FeedPosition {
        commit,
        newest: NewestChange::read(&mut columns)?,
    })
}

pub(in crate::store) async fn last_event(connection: &impl ConnectionTrait) -> Result<i64, DbErr> {
    let sql = "SELECT coalesce(max(seq), 0) AS seq FROM sqlite_sequence WHERE name = 'sync_event'";
    query_one(connection, sql).await?.try_get("", "seq")
}

pub(in crate::store) fn committed_between(base: i64, upto: i64) -> Expr {
    let seq = || Expr::col("seq");
    seq().gt(base).and(seq().lte(upto))
}

pub(in crate::store) fn committed_by(changes: i64) -> Expr {
    change::Column::Seq.lte(changes)
}

pub(in crate::store) fn oldest_first(select: Select<change::Entity>) -> Select<change::Entity> {
    select.order_by_asc(change::Column::Seq)
}

pub(in crate::store) async fn clock(connection: &impl ConnectionTrait) -> Result<f64, DbErr> {
    let row = query_one(connection, "SELECT unixepoch('subsec') AS now").await?;
    row.try_get("", "now")
}

async fn query_one(connection: &impl ConnectionTrait, sql: &str) -> Result<QueryResult, DbErr> {
    let statement = Statement::from_string(DbBackend::Sqlite, sql);
    let row = connection.query_one_raw(statement).await?;
    row.ok_or_else(|| DbErr::RecordNotFound(sql.to_owned()))
}
