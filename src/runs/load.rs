//! What is read of runs: so much of each, and along with it the user who started it and a page of its
//! events, in the statement that reads the runs.
//!
//! First comes the page of runs, then what belongs to its runs: so the database looks up nothing of what
//! it leaves out again, whatever its plan.

use std::sync::Arc;

use entity::{Columns, FromColumns, user};
use sea_orm::sea_query::{Expr, JoinType, Query, SelectStatement, SubQueryStatement};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult};
use uuid::Uuid;

use super::{Run, RunColumns, RunOrderField, User};
use crate::{
    db::{keyset::PageRows, query::with_limit},
    events::{Event, EventPageSpec, EventQuery},
};

/// What is read of runs.
#[derive(Clone, Debug)]
pub struct RunSelection {
    /// How much of each.
    pub columns: RunColumns,
    /// Whether the user who started it is read along.
    pub user: bool,
    /// The page of its events that is read along.
    pub events: Option<Arc<EventQuery<EventPageSpec>>>,
}

/// A run as it was read.
#[derive(Clone, Debug)]
pub struct LoadedRun {
    /// So much of it as was to be read.
    pub run: Run,
    /// The user who started it, if there is one that was to be read.
    pub user: Option<User>,
    /// A page of its events, if one was to be read.
    pub events: Option<PageRows<Event>>,
}

impl From<RunColumns> for RunSelection {
    fn from(extent: RunColumns) -> Self {
        Self {
            columns: extent,
            user: false,
            events: None,
        }
    }
}

impl RunSelection {
    /// Reads the runs that a select finds, which has the columns of the extent.
    pub(super) async fn read_all(
        &self,
        connection: &impl ConnectionTrait,
        runs: SelectStatement,
    ) -> Result<Vec<LoadedRun>, DbErr> {
        let backend = connection.get_database_backend();
        let statement = with_limit(&self.with_relations(backend, runs), backend);
        let rows = connection.query_all_raw(statement).await?;
        rows.iter().map(|row| self.read(backend, row)).collect()
    }

    /// The same in the order of this field: within a list's section, which alone is ordered by it.
    pub(super) async fn read_in_order(
        &self,
        connection: &impl ConnectionTrait,
        runs: SelectStatement,
        field: RunOrderField,
        upwards: bool,
    ) -> Result<Vec<LoadedRun>, DbErr> {
        let mut runs = self.read_all(connection, runs).await?;
        runs.sort_unstable_by_key(|read| {
            let place = field.position(&read.run);
            (place.value, place.id)
        });
        if !upwards {
            runs.reverse();
        }
        Ok(runs)
    }

    /// The select with what is read along, in no order.
    fn with_relations(&self, backend: DbBackend, runs: SelectStatement) -> SelectStatement {
        if !self.user && self.events.is_none() {
            return runs;
        }
        let mut select = Query::select();
        select.from_subquery(runs, "run");
        if self.user {
            let started_it = Expr::cust("started_by.id = run.triggered_by_id");
            select
                .exprs(columns_of_user().map(|column| Expr::col(("started_by", column))))
                .join_as(JoinType::LeftJoin, user::Entity, "started_by", started_it);
        }
        if let Some(events) = &self.events {
            let answer = events.page_subquery(backend, "run.id");
            if backend == DbBackend::Postgres {
                let always = Expr::cust("TRUE");
                select.expr(Expr::cust("events.*")).join_lateral(
                    JoinType::InnerJoin,
                    answer,
                    "events",
                    always,
                );
            } else {
                let answer = SubQueryStatement::SelectStatement(answer);
                select.expr(Expr::SubQuery(None, Box::new(answer)));
            }
        }
        select.expr(Expr::cust("run.*")).take()
    }

    fn read(&self, backend: DbBackend, row: &QueryResult) -> Result<LoadedRun, DbErr> {
        let of_user = if self.user {
            columns_of_user().count()
        } else {
            0
        };
        let page = self.events.as_ref().map(|events| events.what);
        let of_events = page.map_or(0, |page| page.columns(backend));
        let run = Run::from_next(&mut Columns::behind(row, of_user + of_events))?;
        let events = page.map(|page| page.read(row, of_user, run.id));
        Ok(LoadedRun {
            user: if self.user { read_user(row)? } else { None },
            events: events.transpose()?,
            run,
        })
    }
}

fn columns_of_user() -> impl Iterator<Item = &'static str> {
    User::COLUMNS.split(", ")
}

/// The user that a row begins with, unless all is NULL.
fn read_user(row: &QueryResult) -> Result<Option<User>, DbErr> {
    let id: Option<Uuid> = Columns::behind(row, 0).read()?;
    id.map(|_| User::from_columns(row)).transpose()
}
