//! The statements of statistics over runs.

use chrono::{DateTime, Utc};
use entity::{SyncStatus, run::Column};
use sea_orm::sea_query::{Condition, Expr, Query, SelectStatement};
use sea_orm::{ColumnTrait, DbErr, IdenStatic, QueryResult};
use strum::VariantArray;

use super::{Store, known_texts, postgres, read::query_all, sqlite};
use crate::db::{Database, ScanBudget, SlowQueryError};

/// A range of instants that are in one bucket. A bucket may have several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BucketRange {
    /// The start of the bucket, by which it is identified.
    pub(crate) start: DateTime<Utc>,
    /// The range begins with this instant.
    pub(crate) from: DateTime<Utc>,
    /// The range ends before this instant.
    pub(crate) to: DateTime<Utc>,
}

/// What to compute.
#[derive(Clone, Debug)]
pub(crate) struct StatsSelect {
    /// Only over the runs that match.
    pub(crate) condition: Condition,
    /// The columns of enums to group by.
    pub(crate) group_by: Vec<Column>,
    /// The buckets of start times to group by, in order.
    pub(crate) ranges: Option<Vec<BucketRange>>,
    /// Maximum number of rows.
    pub(crate) limit: u64,
}

impl StatsSelect {
    fn has_column(&self, column: Column) -> bool {
        let mut columns = self.group_by.iter();
        columns.any(|grouped| grouped.as_str() == column.as_str())
    }
}

/// A row of statistics.
#[derive(Clone, Debug, Default)]
pub(crate) struct StatsRow {
    pub(crate) status: Option<String>,
    pub(crate) source: Option<String>,
    pub(crate) entity_type: Option<String>,
    pub(crate) bucket_start: Option<DateTime<Utc>>,
    pub(crate) runs: i64,
    /// In the order of the enum.
    pub(crate) by_status: [i64; SyncStatus::VARIANTS.len()],
    /// The number of runs with a duration.
    pub(crate) ended: i64,
    pub(crate) total_micros: Option<f64>,
    pub(crate) max_micros: Option<i64>,
    /// The durations between which a percentile is interpolated.
    pub(crate) p50_micros: [Option<i64>; 2],
    pub(crate) p95_micros: [Option<i64>; 2],
    /// Processed, created, updated, failed.
    pub(crate) records: [i64; 4],
}

/// The rows of a select, one for each run.
pub(super) const RUNS: &str = "run";
/// The index of the bucket that a run is in.
pub(super) const BUCKET: &str = "bucket";

/// Columns of records, in the order of [`StatsRow::records`].
const RECORDS: [Column; 4] = [
    Column::RecordsProcessed,
    Column::RecordsCreated,
    Column::RecordsUpdated,
    Column::RecordsFailed,
];

/// The durations between which the median and the 95th percentile are interpolated.
pub(super) type Percentiles = [[Option<i64>; 2]; 2];

/// The distinct starts of the buckets that ranges are part of, in order.
fn bucket_starts(ranges: &[BucketRange]) -> Vec<DateTime<Utc>> {
    let mut starts: Vec<_> = ranges.iter().map(|range| range.start).collect();
    starts.sort_unstable();
    starts.dedup();
    starts
}

impl Store {
    /// Returns the periods of this many seconds since 1970 in which matching runs started, `limit` at most.
    pub(crate) async fn occupied_periods(
        &self,
        condition: &Condition,
        seconds: i64,
        limit: u64,
        budget: &ScanBudget,
    ) -> Result<Vec<i64>, SlowQueryError> {
        let period = match &self.database {
            Database::Postgres(_) => postgres::period(seconds),
            Database::Sqlite(_) => sqlite::period(seconds),
        };
        let select = Query::select()
            .distinct()
            .expr_as(period, "period")
            .from(entity::run::Entity)
            .cond_where(condition.clone())
            .limit(limit)
            .take();
        let query = self
            .database
            .statistics(budget, async move |pool| query_all(pool, &select).await);
        let rows = query.await?;
        let periods = rows.iter().map(|row| row.try_get("", "period"));
        // NULL where a time cannot be represented.
        let periods: Result<Vec<Option<i64>>, DbErr> = periods.collect();
        let periods = periods.map_err(SlowQueryError::Database)?;
        Ok(periods.into_iter().flatten().collect())
    }

    /// Returns the rows of statistics, in no particular order.
    pub(crate) async fn stats(
        &self,
        select: &StatsSelect,
        budget: &ScanBudget,
    ) -> Result<Vec<StatsRow>, SlowQueryError> {
        let starts = bucket_starts(select.ranges.as_deref().unwrap_or_default());
        let statement = self.aggregate(select, &starts);
        let query = self
            .database
            .statistics(budget, async move |pool| query_all(pool, &statement).await);
        let rows = query.await?;
        let percentiles = match &self.database {
            Database::Postgres(_) => postgres::read_percentiles,
            Database::Sqlite(_) => sqlite::read_percentiles,
        };
        let rows = rows.iter().map(|row| {
            let mut read = StatsRow::read(row, select, &starts)?;
            [read.p50_micros, read.p95_micros] = percentiles(row)?;
            Ok(read)
        });
        let rows: Result<Vec<_>, DbErr> = rows.collect();
        rows.map_err(SlowQueryError::Database)
    }

    fn aggregate(&self, select: &StatsSelect, starts: &[DateTime<Utc>]) -> SelectStatement {
        let group: Vec<&str> = select.group_by.iter().map(IdenStatic::as_str).collect();
        let group = group
            .into_iter()
            .chain(select.ranges.as_ref().map(|_| BUCKET));
        let group: Vec<&str> = group.collect();
        let mut rows = Query::select();
        for column in &group {
            rows.expr(Expr::col(*column)).group_by_col(*column);
        }
        rows.expr_as(Expr::cust("count(*)"), "runs");
        for status in SyncStatus::VARIANTS {
            let count = format!("count(*) FILTER (WHERE run_status = '{status}')");
            rows.expr_as(Expr::cust(count), status.to_string());
        }
        rows.expr_as(Expr::cust("count(micros)"), "ended_runs")
            .expr_as(Expr::cust("CAST(sum(micros) AS double precision)"), "total")
            .expr_as(Expr::cust("max(micros)"), "longest");
        for column in RECORDS {
            let sum = format!("sum({})", column.as_str());
            rows.expr_as(Expr::cust(sum), column.as_str());
        }
        let runs = self.runs(select, starts);
        match &self.database {
            Database::Postgres(_) => postgres::select_percentiles(&mut rows, runs, &group),
            Database::Sqlite(_) => sqlite::select_percentiles(&mut rows, runs),
        }
        rows.limit(select.limit).take()
    }

    /// Selects what is aggregated of each run.
    fn runs(&self, select: &StatsSelect, starts: &[DateTime<Utc>]) -> SelectStatement {
        let mut runs = Query::select();
        for column in &select.group_by {
            // Texts that no enum knows are one group.
            let known = column.is_in(known_texts(*column));
            let value = Expr::case(known, Expr::col(*column));
            runs.expr_as(value, column.as_str());
        }
        let micros = match &self.database {
            Database::Postgres(_) => postgres::duration_micros(),
            Database::Sqlite(_) => sqlite::duration(),
        };
        runs.expr_as(Column::Status.into_expr(), "run_status")
            .expr_as(micros, "micros")
            .exprs(RECORDS.map(Column::into_expr))
            .cond_where(select.condition.clone());
        match (&self.database, &select.ranges) {
            (_, None) => {
                runs.from(entity::run::Entity);
            }
            (Database::Postgres(_), Some(ranges)) => {
                postgres::bucket_runs(&mut runs, ranges, starts);
            }
            (Database::Sqlite(_), Some(ranges)) => sqlite::bucket_runs(&mut runs, ranges, starts),
        }
        runs
    }
}

impl StatsRow {
    /// Reads all but the percentiles.
    fn read(
        row: &QueryResult,
        select: &StatsSelect,
        starts: &[DateTime<Utc>],
    ) -> Result<Self, DbErr> {
        let text = |column: Column| {
            if select.has_column(column) {
                row.try_get("", column.as_str())
            } else {
                Ok(None)
            }
        };
        let long = |name: &str| row.try_get::<Option<i64>>("", name);
        let count = |name: &str| long(name).map(Option::unwrap_or_default);
        let bucket: Option<i32> = match select.ranges {
            Some(_) => row.try_get("", BUCKET)?,
            None => None,
        };
        let bucket = bucket.and_then(|index| usize::try_from(index).ok());
        let mut by_status = [0; SyncStatus::VARIANTS.len()];
        for (count_of, status) in by_status.iter_mut().zip(SyncStatus::VARIANTS) {
            *count_of = count(status.as_ref())?;
        }
        let mut records = [0; RECORDS.len()];
        for (sum, column) in records.iter_mut().zip(RECORDS) {
            *sum = count(column.as_str())?;
        }
        Ok(Self {
            status: text(Column::Status)?,
            source: text(Column::Source)?,
            entity_type: text(Column::EntityType)?,
            bucket_start: bucket.and_then(|index| starts.get(index).copied()),
            runs: count("runs")?,
            by_status,
            ended: count("ended_runs")?,
            total_micros: row.try_get("", "total")?,
            max_micros: long("longest")?,
            records,
            ..Self::default()
        })
    }
}
