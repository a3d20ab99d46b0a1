//! Reading the tables behind the feed: what each database can say about moments, and what lies
//! between them.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use entity::{Details, change, event, run};
use sea_orm::sea_query::{Expr, ExprTrait, Order, Query, SelectStatement};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, FromQueryResult, QueryResult,
    QuerySelect,
};
use tracing::warn;
use uuid::Uuid;

use super::{
    change::{AddedEvent, Change},
    origin::{self, FeedOrigin},
    position::{CommitPosition, FeedCursor, Table},
    query::query_one,
};
use crate::{
    db::{
        Database,
        keyset::{PageRequest, Position},
    },
    events::Event,
    runs::{self, Error, Run},
    store::{event_order, read_all, select_events},
};

/// What lies between two moments, in order; and where to read on, if there may be more.
pub(super) type Part<T> = (Vec<Arc<T>>, Option<FeedCursor>);

/// The tables of one database.
#[derive(Debug)]
pub struct ChangeLog {
    database: Database,
    feed: Uuid,
    /// Events up to this `seq` came with a database that has moved.
    moved_seq: i64,
}

impl ChangeLog {
    pub(super) async fn open(database: Database) -> Result<Self, DbErr> {
        let FeedOrigin { feed, moved_seq } = origin::find(&database).await?;
        Ok(Self {
            database,
            feed,
            moved_seq,
        })
    }

    pub(super) fn feed(&self) -> Uuid {
        self.feed
    }

    /// This moment.
    pub(super) async fn head(&self) -> Result<CommitPosition, DbErr> {
        head(self.database.read()).await
    }

    /// Makes sure that `cursor` is of this feed as it is at `head`.
    pub(super) fn check(&self, cursor: &FeedCursor, head: &CommitPosition) -> runs::Result<()> {
        if cursor.feed() != self.feed || cursor.is_ahead_of(head) {
            return Err(Error::CursorExpired);
        }
        Ok(())
    }

    /// Makes sure that nothing behind `cursor` had been pruned when it was read just now.
    pub(super) async fn check_kept(&self, cursor: &FeedCursor) -> runs::Result<()> {
        let sql = "SELECT pruned, pruned_seq FROM sync_feed";
        let row = query_one(self.database.read(), sql).await?;
        let pruned: Option<String> = row.try_get("", "pruned")?;
        let pruned_seq: i64 = row.try_get("", "pruned_seq")?;
        // Nothing is gone that was committed behind the base of its interval; or what is gone lies
        // before its place in there.
        let is_kept = pruned
            .and_then(|head| head.parse().ok())
            .is_none_or(|head| {
                cursor.base.includes(&head)
                    || cursor.upto.includes(&head) && cursor.seq >= pruned_seq
            });
        is_kept.then_some(()).ok_or(Error::CursorExpired)
    }

    /// The changes behind `cursor` in its interval, at most `limit`.
    pub(super) async fn changes(
        &self,
        cursor: &FeedCursor,
        limit: u32,
    ) -> Result<Part<Change>, DbErr> {
        let select = Query::select().from(change::Entity).take();
        let (rows, last) = self.between(Table::Changes, select, cursor, limit).await?;
        let rows: Vec<change::Model> = rows.iter().filter_map(read).collect();
        let mut ids: Vec<Uuid> = rows.iter().map(|row| row.run_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let runs = if ids.is_empty() {
            Vec::new()
        } else {
            self.runs(ids).await?
        };
        Ok((changes(cursor, rows, runs), last))
    }

    /// The events behind `cursor` in its interval, at most `limit`; of all runs, or of one.
    pub(super) async fn events(
        &self,
        cursor: &FeedCursor,
        run_id: Option<Uuid>,
        limit: u32,
    ) -> Result<Part<AddedEvent>, DbErr> {
        let mut select = Query::select().from(event::Entity).take();
        if let Some(run_id) = run_id {
            select.and_where(Expr::col(event::Column::SyncId).eq(run_id));
        }
        let (rows, last) = self.between(Table::Events, select, cursor, limit).await?;
        let events = rows.iter().filter_map(|row| {
            let cursor = cursor.behind(row.try_get("", "seq").ok()?);
            let event = read(row)?;
            Some(Arc::new(AddedEvent { cursor, event }))
        });
        Ok((events.collect(), last))
    }

    async fn runs(&self, ids: Vec<Uuid>) -> Result<Vec<Run>, DbErr> {
        let select = Query::select()
            .expr(Expr::cust("*"))
            .from(run::Entity)
            .and_where(Expr::col(run::Column::Id).is_in(ids))
            .take();
        let rows = self.database.read().query_all(&select).await?;
        Ok(rows.iter().filter_map(read).collect())
    }

    /// Events of a run that were there before this server, oldest first, behind a place.
    pub(super) async fn adopted_events(
        &self,
        run_id: Uuid,
        after: Option<Position>,
        limit: u32,
    ) -> Result<Vec<Event>, DbErr> {
        if self.database.backend() != DbBackend::Postgres {
            return Ok(Vec::new());
        }
        let mut select = select_events();
        select
            .and_where(event::Column::SyncId.eq(run_id))
            .and_where(
                Expr::col("seq")
                    .is_null()
                    .or(Expr::col("seq").lte(self.moved_seq)),
            );
        let page = PageRequest {
            limit,
            after,
            before: None,
            from_end: false,
            fetch_extra: false,
        };
        let select = event_order(false).select(select, &page);
        read_all(self.database.read(), &select).await
    }

    /// The status of a run; none if it does not exist.
    pub(super) async fn status(&self, run_id: Uuid) -> Result<Option<String>, DbErr> {
        run::Entity::find_by_id(run_id)
            .select_only()
            .column(run::Column::Status)
            .into_tuple()
            .one(self.database.read())
            .await
    }

    /// The rows of `select`, which is of `table`, behind `cursor` in its interval.
    async fn between(
        &self,
        table: Table,
        mut select: SelectStatement,
        cursor: &FeedCursor,
        limit: u32,
    ) -> Result<(Vec<QueryResult>, Option<FeedCursor>), DbErr> {
        let seq = || Expr::col("seq");
        let after = match table {
            Table::Changes => cursor.seq,
            Table::Events => Ord::max(cursor.seq, self.moved_seq),
        };
        let interval = match (&cursor.base, &cursor.upto) {
            // The first condition lets the index skip what had ended before; the second holds for
            // transactions that were open then.
            (CommitPosition::Snapshot(base), CommitPosition::Snapshot(upto)) => {
                Expr::cust_with_values(
                    "xid >= pg_snapshot_xmin($1::text::pg_snapshot) \
                 AND NOT pg_visible_in_snapshot(xid, $1::text::pg_snapshot) \
                 AND pg_visible_in_snapshot(xid, $2::text::pg_snapshot)",
                    [base.to_string(), upto.to_string()],
                )
            }
            (base, upto) => seq().gt(base.seq(table)).and(seq().lte(upto.seq(table))),
        };
        select
            .expr(Expr::cust("*"))
            .and_where(interval)
            .and_where(seq().gt(after))
            .order_by("seq", Order::Asc)
            .limit(u64::from(limit));
        let rows = self.database.read().query_all(&select).await?;
        let last = match rows.last() {
            Some(row) if rows.len() == limit as usize => {
                Some(cursor.behind(row.try_get("", "seq")?))
            }
            _ => None,
        };
        Ok((rows, last))
    }
}

/// Reads a row; none, with a line in the log, if it holds what this server cannot read. What one row
/// holds must not keep the feed from all that comes behind it.
fn read<M: FromQueryResult>(row: &QueryResult) -> Option<M> {
    // An instant beyond what can be counted is a panic of the driver's.
    let read = catch_unwind(AssertUnwindSafe(|| M::from_query_result(row, "")));
    match read {
        Ok(Ok(model)) => Some(model),
        Ok(Err(error)) => {
            warn!(%error, "the feed leaves out a row that cannot be read");
            None
        }
        Err(_) => {
            warn!("the feed leaves out a row that cannot be read");
            None
        }
    }
}

/// This moment, as seen by `connection`.
pub(super) async fn head(connection: &impl ConnectionTrait) -> Result<CommitPosition, DbErr> {
    let sql = match connection.get_database_backend() {
        DbBackend::Postgres => "SELECT pg_current_snapshot()::text AS head",
        // sqlite_sequence remembers the highest seq ever given, also when its row is pruned.
        _ => {
            "SELECT coalesce(max(seq) FILTER (WHERE name = 'sync_change'), 0) || ':' || \
             coalesce(max(seq) FILTER (WHERE name = 'sync_event'), 0) AS head FROM sqlite_sequence"
        }
    };
    let head: String = query_one(connection, sql).await?.try_get("", "head")?;
    head.parse()
        .map_err(|error| DbErr::Type(format!("{error}")))
}

/// The changes of `rows`, each with its run now, before and after. A run that another writer has
/// deleted since has no changes any more.
fn changes(cursor: &FeedCursor, rows: Vec<change::Model>, runs: Vec<Run>) -> Vec<Arc<Change>> {
    let runs: HashMap<Uuid, Arc<Run>> = runs
        .into_iter()
        .map(|run| (run.id, Arc::new(run)))
        .collect();
    let changes = rows.into_iter().filter_map(|row| {
        let run = Arc::clone(runs.get(&row.run_id)?);
        Some(Arc::new(Change {
            cursor: cursor.behind(row.seq),
            before: found_by(&row, &run),
            after: left_by(&row, &run),
            run,
            row,
        }))
    });
    changes.collect()
}

/// The run as a change left it.
fn left_by(row: &change::Model, run: &Arc<Run>) -> Arc<Run> {
    if run.version == row.version {
        return Arc::clone(run);
    }
    let mut after = without_details(run);
    after.status.clone_from(&row.status);
    after.completed_at = row.completed_at;
    after.records_processed = row.records_processed;
    after.records_failed = row.records_failed;
    after.error_message.clone_from(&row.error_message);
    Arc::new(after)
}

/// The run as a change found it; none if it made it.
fn found_by(row: &change::Model, run: &Run) -> Option<Arc<Run>> {
    let mut before = without_details(run);
    before.status = row.previous_status.clone()?;
    before.completed_at = row.previous_completed_at;
    before.records_processed = row.previous_records_processed?;
    before.records_failed = row.previous_records_failed?;
    before.error_message.clone_from(&row.previous_error_message);
    Some(Arc::new(before))
}

/// What filters look at; details may be large, and a batch has many changes.
fn without_details(run: &Run) -> Run {
    let mut run = run.clone();
    run.details = Details::NotLoaded;
    run
}
