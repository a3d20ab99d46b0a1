//! Runs whose workers have stopped reporting, on SQLite.

use entity::{RowReader, event, run};
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr};
use uuid::Uuid;

use crate::{
    db::Sqlite,
    store::{
        RunColumns,
        heartbeats::{self, ClosedRuns, DatabaseClock},
        read::{query_all, select_runs},
    },
};

/// The condition on open runs that have a heartbeat timeout. SQLite would otherwise prefer an index on the status, and read
/// the runs without a timeout, too.
pub(in crate::store) const IS_WATCHED: &str = "id IN (SELECT id FROM sync_history \
    INDEXED BY ix_sync_history_with_timeout \
    WHERE heartbeat_timeout_seconds > 0 AND status IN ('pending', 'running'))";

/// Returns a time as it is stored: without a fraction, or with three digits.
fn time(modifiers: &str) -> Expr {
    Expr::cust(format!(
        "replace(strftime('%Y-%m-%dT%H:%M:%f', 'now'{modifiers}), '.000', '') || '+00:00'"
    ))
}

/// The time now.
pub(in crate::store) fn now() -> Expr {
    time("")
}

/// The time does not change while a statement runs.
pub(in crate::store) fn clock() -> DatabaseClock {
    DatabaseClock {
        now: now(),
        deadline: time(", '-' || heartbeat_timeout_seconds || ' seconds'"),
    }
}

/// Closes those of these runs that are silent, with the events that `event` returns. There is one writer, so nobody reports
/// meanwhile.
pub(in crate::store) async fn close_silent_runs(
    database: &Sqlite,
    ids: Vec<Uuid>,
    event: impl Fn(&run::Model) -> event::Model + Send + 'static,
) -> Result<ClosedRuns, DbErr> {
    database
        .transaction(move |transaction| {
            Box::pin(async move {
                let mut close = heartbeats::close_silent(clock(), &ids);
                close.returning(Query::returning().column(run::Column::Id));
                let rows = transaction.query_all(&close).await?;
                if rows.is_empty() {
                    return Ok(ClosedRuns::default());
                }
                let ids = rows.iter().map(|row| RowReader::new(row)?.uuid("id"));
                let ids = ids.collect::<Result<Vec<_>, DbErr>>()?;
                let columns = RunColumns::WithoutDetails;
                let select = select_runs(columns)
                    .and_where(run::Column::Id.is_in(ids))
                    .take();
                let rows = query_all(transaction, &select).await?;
                let closed = rows.iter().map(|row| columns.decode(row));
                let closed = closed.collect::<Result<Vec<_>, _>>()?;
                heartbeats::insert_lost_events(transaction, &closed, event).await?;
                Ok(ClosedRuns {
                    closed,
                    locked: Vec::new(),
                })
            })
        })
        .await
}
