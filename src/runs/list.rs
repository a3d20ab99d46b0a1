//! Pages and counts of runs.

use entity::run::{self, Column};
use sea_orm::sea_query::{Expr, IntoTableRef, SelectStatement};
use strum::VariantArray;
use uuid::Uuid;

use super::{
    LoadedRun, Result, Run, RunColumns, RunSelection, Runs, duration_micros, ended_at,
    filter::RunFilter, index_support::union_all,
};
use crate::{
    db::{
        ScanBudget,
        keyset::{KeysetOrder, PageRequest, PageRows, Position, PositionValue, Tie},
    },
    store::{count, instant, select_runs},
};

/// The field that a list of runs is ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
pub enum RunOrderField {
    /// The start time.
    StartedAt,
    /// The end time; runs without one come last.
    CompletedAt,
    /// The time from start to end; runs that have not ended come last.
    Duration,
    /// The number of records processed.
    RecordsProcessed,
    /// The number of records that failed.
    RecordsFailed,
}

/// The order of a list of runs.
#[derive(Clone, Copy, Debug)]
pub struct RunOrder {
    /// The field to order by; the ID breaks ties.
    pub field: RunOrderField,
    /// Whether the largest value comes first.
    pub descending: bool,
}

impl RunOrderField {
    /// Returns the position of `run` in a list ordered by this field.
    #[must_use]
    pub fn position(self, run: &Run) -> Position {
        let value = match self.value(run) {
            Some(_) if self.unreadable(run).is_some() => PositionValue::Stored,
            value => value.into(),
        };
        Position {
            value,
            seq: 0,
            id: run.id,
        }
    }

    /// Returns the stored value of `run` that this field orders by, if it cannot be represented.
    fn unreadable(self, run: &Run) -> Option<&str> {
        match self {
            Self::StartedAt => run.unreadable(Column::StartedAt),
            Self::CompletedAt => run.unreadable(Column::CompletedAt),
            Self::Duration => run
                .unreadable(Column::StartedAt)
                .or_else(|| run.unreadable(Column::CompletedAt)),
            Self::RecordsProcessed => run.unreadable(Column::RecordsProcessed),
            Self::RecordsFailed => run.unreadable(Column::RecordsFailed),
        }
    }

    /// Returns what lists that are ordered by this field are sorted by.
    fn sort_key(self, run: &Run) -> (Option<i64>, Option<&str>, Uuid) {
        let value = self.value(run);
        // All texts that are no instants have one value; SQLite sorts them as texts.
        let text = match self {
            Self::StartedAt => run.unreadable(Column::StartedAt),
            _ => None,
        };
        (value, text, run.id)
    }

    /// Returns the value of `run` that this field orders by.
    fn value(self, run: &Run) -> Option<i64> {
        match self {
            Self::StartedAt => Some(run.started_at.timestamp_micros()),
            Self::CompletedAt => ended_at(run).map(|at| at.timestamp_micros()),
            Self::Duration => duration_micros(run),
            Self::RecordsProcessed => Some(run.records_processed.into()),
            Self::RecordsFailed => Some(run.records_failed.into()),
        }
    }
}

impl Runs {
    /// Returns a page of the runs that match, with their selected parts.
    ///
    /// # Errors
    /// Returns [`Error::TooMuchToRead`](super::Error::TooMuchToRead) if no index supports the list and `budget` is
    /// spent, and an error if the database is unavailable.
    pub async fn list(
        &self,
        filter: &RunFilter,
        order: RunOrder,
        page: &PageRequest,
        selection: &RunSelection,
        budget: &ScanBudget,
    ) -> Result<PageRows<LoadedRun>> {
        let is_indexed = filter.is_indexed(order.field);
        let relations = selection.relations(&self.store);
        let select = |filter: &RunFilter| self.matching(filter, selection.columns);
        let keyset = self.keyset(order);
        let query = self.store.query(is_indexed, budget, async |pool| {
            let read = async |runs| {
                let mut runs = self
                    .store
                    .read_runs(pool, runs, selection.columns, &relations)
                    .await?;
                if !self.store.keeps_order(&relations) {
                    sort(&mut runs, order, page);
                }
                Ok(runs)
            };
            match filter.split_by_value() {
                Some(filters) if is_indexed => {
                    let lists = filters
                        .iter()
                        .map(|filter| keyset.select(select(filter), page));
                    let mut runs = match union_all(lists) {
                        Some(runs) => read(runs).await?,
                        None => Vec::new(),
                    };
                    sort(&mut runs, order, page);
                    Ok(PageRows::from_read(runs, page))
                }
                _ => keyset.read(select(filter), page, read).await,
            }
        });
        Ok(query.await?)
    }

    /// Counts the runs that match, up to `limit`.
    ///
    /// # Errors
    /// Returns [`Error::TooMuchToRead`](super::Error::TooMuchToRead) if no index supports the filter and `budget` is
    /// spent, and an error if the database is unavailable.
    pub async fn count(&self, filter: &RunFilter, limit: u32, budget: &ScanBudget) -> Result<u32> {
        let is_indexed = filter.is_indexed_for_count();
        let query = self.store.query(is_indexed, budget, async |pool| {
            let condition = filter.condition(&self.store);
            count::<run::Entity>(pool, condition, limit).await
        });
        Ok(query.await?)
    }

    fn matching(&self, filter: &RunFilter, columns: RunColumns) -> SelectStatement {
        select_runs(columns)
            .cond_where(filter.condition(&self.store))
            .take()
    }

    fn keyset(&self, order: RunOrder) -> KeysetOrder {
        let (by, nullable, operand): (Expr, bool, fn(i64) -> Expr) = match order.field {
            RunOrderField::StartedAt => (Expr::col(Column::StartedAt), false, instant),
            RunOrderField::CompletedAt => (self.store.ended_at(), true, instant),
            RunOrderField::Duration => (self.store.duration(), true, self.store.duration_operand()),
            RunOrderField::RecordsProcessed => {
                (Expr::col(Column::RecordsProcessed), false, Expr::val)
            }
            RunOrderField::RecordsFailed => (Expr::col(Column::RecordsFailed), false, Expr::val),
        };
        KeysetOrder {
            table: run::Entity.into_table_ref(),
            by,
            ties: vec![Tie {
                by: Expr::col(Column::Id),
                value: |position| Expr::val(position.id),
            }],
            id: Expr::col(Column::Id),
            nullable,
            descending: order.descending,
            operand,
        }
    }
}

/// Sorts the runs of a page in the direction in which the page is read.
fn sort(runs: &mut [LoadedRun], order: RunOrder, page: &PageRequest) {
    runs.sort_unstable_by(|LoadedRun { run: one, .. }, LoadedRun { run: other, .. }| {
        let ordering = order.field.sort_key(one).cmp(&order.field.sort_key(other));
        if order.descending == page.from_end {
            ordering
        } else {
            ordering.reverse()
        }
    });
}
