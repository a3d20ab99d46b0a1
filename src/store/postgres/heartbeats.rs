//! Runs whose workers have stopped reporting, on PostgreSQL.

use entity::{RowReader, event, run};
use sea_orm::sea_query::{Expr, LockBehavior, LockType};
use sea_orm::{ConnectionTrait, DbErr};
use uuid::Uuid;

use super::{returning, write_runs};
use crate::{
    db::Postgres,
    store::{
        RunColumns,
        heartbeats::{self, ClosedRuns, DatabaseClock},
        read::query_all,
    },
};

/// The time now, in a statement that writes.
pub(in crate::store) fn now() -> Expr {
    Expr::cust("clock_timestamp()")
}

/// The time of the statement does not change while it runs, so that an index finds the reports after the deadline.
pub(in crate::store) fn clock() -> DatabaseClock {
    DatabaseClock {
        now: Expr::cust("statement_timestamp()"),
        deadline: Expr::cust(
            "statement_timestamp() - heartbeat_timeout_seconds * interval '1 second'",
        ),
    }
}

/// Closes those of these runs that are silent, except the `spared` ones, with the events that `event` returns.
///
/// A transaction that has added an event holds a lock on the run until it commits. The first statement leaves out the runs
/// that are locked, and locks the others. From then on nobody can report on them, and the second statement sees whatever was
/// committed before: a report that is committed first always prevents the closing, and nobody waits for an open
/// transaction.
pub(in crate::store) async fn close_silent_runs(
    database: &Postgres,
    ids: Vec<Uuid>,
    spared: Vec<Uuid>,
    event: impl Fn(&run::Model) -> event::Model + Send + 'static,
) -> Result<ClosedRuns, DbErr> {
    database
        .transaction(move |transaction| {
            Box::pin(async move {
                // Otherwise the second statement would see what the first one has seen.
                let isolation = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED";
                transaction.execute_unprepared(isolation).await?;
                let mut select = heartbeats::select_watched(&ids);
                select.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
                let rows = query_all(transaction, &select).await?;
                let own = rows.iter().map(|row| RowReader::new(row)?.uuid("id"));
                let mut own = own.collect::<Result<Vec<_>, DbErr>>()?;
                let is_locked = |id: &Uuid| !own.contains(id);
                let locked = ids.into_iter().filter(is_locked).collect();
                own.retain(|id| !spared.contains(id));
                let mut closed = Vec::new();
                if !own.is_empty() {
                    let columns = RunColumns::WithoutDetails;
                    let mut close = heartbeats::close_silent(clock(), &own);
                    close.returning(returning(columns));
                    closed = write_runs(transaction, &close, columns).await?;
                }
                if !closed.is_empty() {
                    heartbeats::insert_lost_events(transaction, &closed, event).await?;
                }
                Ok(ClosedRuns { closed, locked })
            })
        })
        .await
}
