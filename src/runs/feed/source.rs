//! Reading the change table: what each database can say about moments and what lies between them.

use std::{collections::HashMap, sync::Arc};

use entity::sync_change;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, FromQueryResult, QueryFilter,
    QueryOrder, QuerySelect, Statement,
};
use uuid::Uuid;

use super::{
    Change,
    cursor::{Cursor, Head},
};
use crate::{
    db::Database,
    runs::{Run, lifecycle, reads},
};

/// The change table of one database.
#[derive(Debug)]
pub(super) struct Source {
    database: Database,
    feed: Uuid,
}

impl Source {
    pub(super) async fn open(database: Database) -> Result<Self, DbErr> {
        // A feed's own id alone would also be that of a dump restored elsewhere, where the
        // transaction ids of a cursor mean nothing.
        let sql = match database.backend() {
            DbBackend::Postgres => {
                "SELECT id, system_identifier::text AS cluster FROM sync_feed, pg_control_system()"
            }
            _ => "SELECT id, '' AS cluster FROM sync_feed",
        };
        let statement = Statement::from_string(database.backend(), sql);
        let row = database.read().query_one_raw(statement).await?;
        let row = row.ok_or_else(|| DbErr::RecordNotFound("sync_feed is empty".into()))?;
        let id: Uuid = row.try_get("", "id")?;
        let cluster: String = row.try_get("", "cluster")?;
        let feed = Uuid::new_v5(&id, cluster.as_bytes());
        Ok(Self { database, feed })
    }

    pub(super) fn feed(&self) -> Uuid {
        self.feed
    }

    /// This moment.
    pub(super) async fn head(&self) -> Result<Head, DbErr> {
        // sqlite_sequence remembers the highest seq ever given, also when its row is pruned.
        let sql = match self.database.backend() {
            DbBackend::Postgres => "SELECT pg_current_snapshot()::text AS head",
            _ => {
                "SELECT coalesce(max(seq), 0) AS head FROM sqlite_sequence \
                 WHERE name = 'sync_change'"
            }
        };
        let statement = Statement::from_string(self.database.backend(), sql);
        let row = self.database.read().query_one_raw(statement).await?;
        let row = row.ok_or_else(|| DbErr::RecordNotFound("no current moment".into()))?;
        Ok(match self.database.backend() {
            DbBackend::Postgres => {
                let snapshot: String = row.try_get("", "head")?;
                let snapshot = snapshot
                    .parse()
                    .map_err(|error| DbErr::Type(format!("{error}")))?;
                Head::Snapshot(snapshot)
            }
            _ => Head::Sequence(row.try_get("", "head")?),
        })
    }

    /// The changes behind `cursor` in its interval, at most `limit`, and where to read on if that
    /// many were found.
    pub(super) async fn read(
        &self,
        cursor: &Cursor,
        limit: u64,
    ) -> Result<(Vec<Arc<Change>>, Option<Cursor>), DbErr> {
        let rows = self.rows(cursor, limit).await?;
        let full = rows.len() as u64 == limit;
        let last = rows
            .last()
            .map(|row| cursor.behind(row.seq))
            .filter(|_| full);
        let mut ids: Vec<Uuid> = rows.iter().map(|row| row.run_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let runs = if ids.is_empty() {
            Vec::new()
        } else {
            reads::find_runs(self.database.read(), &ids).await?
        };
        Ok((changes(cursor, rows, runs), last))
    }

    async fn rows(&self, cursor: &Cursor, limit: u64) -> Result<Vec<sync_change::Model>, DbErr> {
        match (&cursor.base, &cursor.upto) {
            (Head::Snapshot(base), Head::Snapshot(upto)) => {
                // The first condition lets the index skip what had ended before; the second holds
                // for transactions that were open then.
                let statement = Statement::from_sql_and_values(
                    DbBackend::Postgres,
                    "SELECT * FROM sync_change \
                     WHERE xid >= pg_snapshot_xmin($1::text::pg_snapshot) \
                     AND NOT pg_visible_in_snapshot(xid, $1::text::pg_snapshot) \
                     AND pg_visible_in_snapshot(xid, $2::text::pg_snapshot) \
                     AND seq > $3 ORDER BY seq LIMIT $4",
                    [
                        base.to_string().into(),
                        upto.to_string().into(),
                        cursor.seq.into(),
                        limit.into(),
                    ],
                );
                let rows = self.database.read().query_all_raw(statement).await?;
                rows.iter()
                    .map(|row| sync_change::Model::from_query_result(row, ""))
                    .collect()
            }
            (Head::Sequence(base), Head::Sequence(upto)) => {
                use sync_change::Column::Seq;
                sync_change::Entity::find()
                    .filter(Seq.gt(cursor.seq.max(*base)))
                    .filter(Seq.lte(*upto))
                    .order_by_asc(Seq)
                    .limit(limit)
                    .all(self.database.read())
                    .await
            }
            _ => Ok(Vec::new()),
        }
    }
}

/// The changes of `rows`, each with its run now, before and after. Read backwards, since what a
/// change left is what the next change of its run found.
fn changes(cursor: &Cursor, rows: Vec<sync_change::Model>, runs: Vec<Run>) -> Vec<Arc<Change>> {
    let now: HashMap<Uuid, Arc<Run>> = runs
        .into_iter()
        .map(|run| (run.id, Arc::new(run)))
        .collect();
    let mut found_by_next: HashMap<Uuid, Arc<Run>> = HashMap::new();
    let mut changes = Vec::with_capacity(rows.len());
    for row in rows.into_iter().rev() {
        // A run that another writer has deleted since has no changes any more.
        let Some(run) = now.get(&row.run_id) else {
            continue;
        };
        let after = found_by_next.remove(&row.run_id);
        let after = after.unwrap_or_else(|| left_by(&row, run));
        let before = found_by(&row, &after).map(Arc::new);
        if let Some(before) = &before {
            found_by_next.insert(row.run_id, Arc::clone(before));
        }
        let cursor = cursor.behind(row.seq);
        let run = Arc::clone(run);
        changes.push(Arc::new(Change {
            cursor,
            row,
            run,
            before,
            after,
        }));
    }
    changes.reverse();
    changes
}

/// The run as its latest change that was read left it. If it has moved on since, in a change that is
/// yet to be read, its status is known of it and the rest is as it is now.
fn left_by(row: &sync_change::Model, run: &Arc<Run>) -> Arc<Run> {
    if run.version == row.version {
        return Arc::clone(run);
    }
    let mut after = Run::clone(run);
    after.status.clone_from(&row.status);
    if row
        .status()
        .is_ok_and(|status| !lifecycle::has_ended(status))
    {
        after.completed_at = None;
    }
    Arc::new(after)
}

/// The run as a change found it; none if it made it.
fn found_by(row: &sync_change::Model, after: &Run) -> Option<Run> {
    let mut before = after.clone();
    before.status = row.previous_status.clone()?;
    before.completed_at = row.previous_completed_at;
    before.records_processed = row.previous_records_processed?;
    before.records_failed = row.previous_records_failed?;
    before.error_message.clone_from(&row.previous_error_message);
    Some(before)
}
