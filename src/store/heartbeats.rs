//! Reports of workers, and runs whose workers have stopped reporting: what both databases share.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use entity::{RowReader, SyncStatus, event, run, run::Column};
use sea_orm::sea_query::{
    Expr, ExprTrait, Func, Order, Query, SelectStatement, SubQueryStatement, UpdateStatement,
};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, IdenStatic};
use uuid::Uuid;

use super::{Store, postgres, read, sqlite};
use crate::db::Database;

/// The condition on open runs that have a heartbeat timeout, exactly as the index on them has it.
const IS_WATCHED: &str = "heartbeat_timeout_seconds > 0 AND status IN ('pending', 'running')";
/// When the worker reported last as of an event. The entity lacks this column, since pages of events do not need it.
pub(super) const REPORTED_AT: &str = "reported_at";

/// An open run whose worker has not reported for longer than the run's timeout.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SilentRun {
    pub(crate) id: Uuid,
    pub(crate) timeout_seconds: i32,
}

/// The result of closing silent runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClosedRuns {
    /// The runs that were closed, without their details.
    pub(crate) closed: Vec<run::Model>,
    /// Those that other transactions have locked.
    pub(crate) locked: Vec<Uuid>,
}

/// The clock of the database, in expressions.
pub(super) struct DatabaseClock {
    /// The time of the statement.
    pub(super) now: Expr,
    /// That time less the timeout of a run: the run is silent unless there is a later report.
    pub(super) deadline: Expr,
}

impl Store {
    /// Returns the time of the database in a statement that writes.
    pub(crate) fn now(&self) -> Expr {
        match &self.database {
            Database::Postgres(_) => postgres::heartbeats::now(),
            Database::Sqlite(_) => sqlite::heartbeats::now(),
        }
    }

    /// Finds the first runs after an ID, in the order of their IDs, whose workers have not reported in time.
    pub(crate) async fn find_silent_runs(
        &self,
        after: Option<Uuid>,
        limit: u64,
    ) -> Result<Vec<SilentRun>, DbErr> {
        let (clock, is_watched) = match &self.database {
            Database::Postgres(_) => (postgres::heartbeats::clock(), IS_WATCHED),
            Database::Sqlite(_) => (sqlite::heartbeats::clock(), sqlite::heartbeats::IS_WATCHED),
        };
        let select = select_silent(clock, is_watched, after, limit);
        let rows = read::query_all(self.read(), &select).await?;
        let runs = rows.iter().map(|row| {
            let mut columns = RowReader::new(row)?;
            Ok(SilentRun {
                id: columns.uuid("id")?,
                timeout_seconds: columns.integer("heartbeat_timeout_seconds")?,
            })
        });
        runs.collect()
    }

    /// Closes as lost those of these runs that are silent, except the `spared` ones and those that other transactions have
    /// locked, and adds the event that `event` returns to each.
    pub(crate) async fn close_silent_runs(
        &self,
        ids: Vec<Uuid>,
        spared: Vec<Uuid>,
        event: impl Fn(&run::Model) -> event::Model + Send + 'static,
    ) -> Result<ClosedRuns, DbErr> {
        match &self.database {
            Database::Postgres(database) => {
                postgres::heartbeats::close_silent_runs(database, ids, spared, event).await
            }
            // There is one writer: no run is locked, and none is spared.
            Database::Sqlite(database) => {
                sqlite::heartbeats::close_silent_runs(database, ids, event).await
            }
        }
    }

    /// Returns the time of the latest report among the events of each of these runs that has any.
    pub(crate) async fn last_reports(
        &self,
        run_ids: &[Uuid],
    ) -> Result<HashMap<Uuid, DateTime<Utc>>, DbErr> {
        let connection = self.read();
        let rows = match &self.database {
            Database::Postgres(_) => postgres::read_last_reports(connection, run_ids).await?,
            Database::Sqlite(_) => sqlite::read_last_reports(connection, run_ids).await?,
        };
        let reports = rows.iter().map(|row| {
            let mut columns = RowReader::new(row)?;
            let position = usize::try_from(columns.long(read::POSITION)?).ok();
            let run_id = position.and_then(|position| run_ids.get(position).copied());
            Ok(run_id.zip(columns.optional_instant(REPORTED_AT)?))
        });
        let reports = reports.collect::<Result<Vec<_>, DbErr>>()?;
        Ok(reports.into_iter().flatten().collect())
    }
}

/// Returns the time of the latest report that the row of an open run knows of. Each change is one, unless the statement that
/// made it has ended the run.
pub(crate) fn last_report_in_row() -> Expr {
    let column = |column: Column| Expr::col((run::Entity, column));
    let times = [
        Func::greatest([column(Column::LastHeartbeatAt), column(Column::UpdatedAt)]).into(),
        // SQLite's function is NULL if one of them is.
        column(Column::LastHeartbeatAt),
        column(Column::UpdatedAt),
        column(Column::StartedAt),
    ];
    Func::coalesce::<_, Expr>(times).into()
}

/// Returns the select of the first silent runs after an ID.
fn select_silent(
    clock: DatabaseClock,
    is_watched: &'static str,
    after: Option<Uuid>,
    limit: u64,
) -> SelectStatement {
    Query::select()
        .columns([Column::Id, Column::HeartbeatTimeoutSeconds])
        .from(run::Entity)
        .and_where(Expr::cust(is_watched))
        .and_where(is_silent(clock.deadline))
        .and_where_option(after.map(|after| Column::Id.gt(after)))
        .order_by(Column::Id, Order::Asc)
        .limit(limit)
        .take()
}

/// Returns the select of those of these runs that may be closed, whatever has been reported.
pub(super) fn select_watched(ids: &[Uuid]) -> SelectStatement {
    Query::select()
        .column(Column::Id)
        .from(run::Entity)
        .and_where(Column::Id.is_in(ids.iter().copied()))
        .and_where(Expr::cust(IS_WATCHED))
        .order_by(Column::Id, Order::Asc)
        .take()
}

/// Returns the update that closes those of these runs that are silent.
pub(super) fn close_silent(clock: DatabaseClock, ids: &[Uuid]) -> UpdateStatement {
    let DatabaseClock { now, deadline } = clock;
    let end = Func::greatest([now.clone(), Expr::col(Column::StartedAt)]);
    let last = Func::greatest([last_report_in_row(), last_report_in_events()]);
    let last = Func::coalesce::<_, Expr>([last.into(), last_report_in_row()]);
    let message =
        "'No report for ' || heartbeat_timeout_seconds || ' s: the run was closed as lost'";
    Query::update()
        .table(run::Entity)
        .value(Column::Status, SyncStatus::Failed.as_ref())
        .value(Column::CompletedAt, end)
        .value(Column::ErrorMessage, Expr::cust(message))
        .value(Column::LastHeartbeatAt, last)
        .value(Column::LostAt, now)
        .value(Column::RecoveredAt, None::<DateTime<Utc>>)
        .and_where(Column::Id.is_in(ids.iter().copied()))
        .and_where(Expr::cust(IS_WATCHED))
        .and_where(is_silent(deadline))
        .take()
}

/// Inserts the events that say why these runs were closed. They are no reports of the worker.
pub(super) async fn insert_lost_events(
    transaction: &impl ConnectionTrait,
    runs: &[run::Model],
    event: impl Fn(&run::Model) -> event::Model,
) -> Result<(), DbErr> {
    use event::Column;
    let columns = [
        Column::Id,
        Column::SyncId,
        Column::EventType,
        Column::Timestamp,
        Column::Message,
    ];
    let columns = columns.map(|column| column.as_str());
    let mut insert = Query::insert();
    insert
        .into_table(event::Entity)
        .columns(columns.into_iter().chain([REPORTED_AT]));
    for run in runs {
        let event = event(run);
        insert.values_panic([
            event.id.into(),
            event.sync_id.into(),
            event.event_type.into(),
            event.timestamp.into(),
            event.message.into(),
            run.last_heartbeat_at.into(),
        ]);
    }
    transaction.execute(&insert).await.map(drop)
}

/// Returns the time of the latest report among the events of a run, `run_id`. Events from before reports were recorded have
/// the time of the worker's clock only.
pub(super) fn select_last_report(run_id: &Expr) -> SelectStatement {
    let reported = latest(REPORTED_AT, run_id).take();
    let happened = latest(event::Column::Timestamp.as_str(), run_id).take();
    Query::select()
        .expr_as(
            Func::coalesce([subquery(reported), subquery(happened)]),
            REPORTED_AT,
        )
        .take()
}

fn last_report_in_events() -> Expr {
    let run_id = Expr::col((run::Entity, Column::Id));
    subquery(latest(REPORTED_AT, &run_id))
}

/// Returns the select of the latest of the times in a column of the events of a run, by the index on it.
fn latest(column: &'static str, run_id: &Expr) -> SelectStatement {
    let time = || Expr::col((event::Entity, column));
    Query::select()
        .expr(time())
        .from(event::Entity)
        .and_where(Expr::col((event::Entity, event::Column::SyncId)).eq(run_id.clone()))
        .and_where(time().is_not_null())
        .order_by_expr(time(), Order::Desc)
        .limit(1)
        .take()
}

/// Returns the condition that nothing has been reported of an open run since a time.
fn is_silent(deadline: Expr) -> Expr {
    let events = Query::select()
        .expr(Expr::val(1))
        .from(event::Entity)
        .and_where(
            Expr::col((event::Entity, event::Column::SyncId)).equals((run::Entity, Column::Id)),
        )
        .and_where(Expr::col((event::Entity, REPORTED_AT)).gt(deadline.clone()))
        .take();
    last_report_in_row()
        .lte(deadline)
        .and(Expr::exists(events).not())
}

fn subquery(select: SelectStatement) -> Expr {
    let select = SubQueryStatement::SelectStatement(select);
    Expr::SubQuery(None, Box::new(select))
}
