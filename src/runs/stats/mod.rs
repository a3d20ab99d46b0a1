//! Statistics over runs: counts, durations and sums, by group and bucket of time.

mod calendar;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use entity::{SyncEntityType, SyncSource, SyncStatus, run::Column};
use sea_orm::{
    ColumnTrait,
    sea_query::{Condition, IntoCondition},
};

pub use calendar::TimeBucket;

use super::{Error, Result, Runs, filter::RunFilter};
use crate::{
    db::{ScanBudget, SlowQueryError},
    store::{StatsRow, StatsSelect},
};

/// Rows that one call returns.
pub const MAX_ROWS: usize = 10_000;
/// Periods with runs that one call reads: an occupied period is part of one bucket or of two.
const MAX_PERIODS: usize = 2 * MAX_ROWS;

/// A property by which runs are grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatsDimension {
    /// By status.
    Status,
    /// By source.
    Source,
    /// By entity type.
    EntityType,
}

/// Which statistics to compute.
#[derive(Clone, Debug)]
pub struct StatsQuery {
    /// Only over the runs that match.
    pub filter: RunFilter,
    /// One row for each combination of values.
    pub group_by: Vec<StatsDimension>,
    /// One row for each bucket of start times.
    pub bucket: Option<(TimeBucket, Tz)>,
}

/// The statistics of one group and bucket.
#[derive(Clone, Debug, PartialEq)]
pub struct RunStats {
    /// The status; `None` if runs are not grouped by it, the inner one if the stored text is unknown.
    pub status: Option<Option<SyncStatus>>,
    /// The source.
    pub source: Option<Option<SyncSource>>,
    /// The entity type.
    pub entity_type: Option<Option<SyncEntityType>>,
    /// The first instant of the bucket.
    pub bucket_start: Option<DateTime<Utc>>,
    /// The number of runs.
    pub runs: i64,
    /// The number of runs of each status, in the order of [`SyncStatus`].
    pub by_status: [i64; 5],
    /// Durations of ended runs; `None` if there is none.
    pub durations: Option<Durations>,
    /// The sum of the records processed, created, updated and failed.
    pub records: [i64; 4],
}

/// Durations in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Durations {
    /// The average.
    pub average: f64,
    /// The median: a continuous percentile, interpolated between two runs.
    pub p50: f64,
    /// The 95th percentile.
    pub p95: f64,
    /// The longest.
    pub max: f64,
}

impl Runs {
    /// Returns statistics over the runs that match, ordered by bucket, then by status, source and entity type.
    ///
    /// # Errors
    /// Returns [`Error::TooManyRows`] if there are more than [`MAX_ROWS`], [`Error::TooMuchToRead`] if `budget` is spent,
    /// and an error if the database is unavailable.
    pub async fn stats(&self, query: &StatsQuery, budget: &ScanBudget) -> Result<Vec<RunStats>> {
        let mut select = StatsSelect {
            condition: self.stats_condition(&query.filter, budget).await?,
            group_by: query.columns(),
            ranges: None,
            limit: MAX_ROWS as u64 + 1,
        };
        if let Some((bucket, time_zone)) = query.bucket {
            let seconds = bucket.period_seconds();
            let limit = MAX_PERIODS as u64 + 1;
            let periods = self
                .store
                .occupied_periods(&select.condition, seconds, limit, budget);
            let periods = periods.await.map_err(stats_error)?;
            if periods.len() > MAX_PERIODS {
                return Err(Error::TooManyRows(MAX_ROWS));
            }
            select.ranges = Some(bucket.ranges(time_zone, &periods));
        }
        let rows = self
            .store
            .stats(&select, budget)
            .await
            .map_err(stats_error)?;
        if rows.len() > MAX_ROWS {
            return Err(Error::TooManyRows(MAX_ROWS));
        }
        let mut stats: Vec<_> = rows.iter().map(|row| query.stats(row)).collect();
        stats.sort_by_key(RunStats::key);
        Ok(stats)
    }
}

impl Runs {
    /// Returns the condition that selects the runs that match. If the database does not evaluate
    /// the filter, they are found first.
    async fn stats_condition(&self, filter: &RunFilter, budget: &ScanBudget) -> Result<Condition> {
        let filter = &*self.with_fingerprints(filter).await?;
        let filter = &*self.with_preselection(filter);
        if !filter.is_evaluated_in_memory() {
            return Ok(filter.candidates(&self.store));
        }
        let ids = self.scan_ids(filter, MAX_ROWS + 1, budget).await?;
        if ids.len() > MAX_ROWS {
            return Err(Error::TooManyRuns(MAX_ROWS));
        }
        Ok(Column::Id.is_in(ids).into_condition())
    }
}

pub(super) fn stats_error(error: SlowQueryError) -> Error {
    match error {
        SlowQueryError::BudgetExceeded(limit) => Error::StatsTooSlow(limit),
        error => error.into(),
    }
}

impl RunStats {
    /// Returns the share of completed runs among those that were completed or failed.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts are below 2^53")]
    pub fn success_rate(&self) -> Option<f64> {
        let count = |status: SyncStatus| self.by_status[status as usize];
        let completed = count(SyncStatus::Completed);
        let finished = completed + count(SyncStatus::Failed);
        (finished > 0).then(|| completed as f64 / finished as f64)
    }

    /// Returns what rows are ordered by: unknown values come last.
    fn key(&self) -> impl Ord + use<> {
        (
            self.bucket_start,
            self.status
                .map(|value| value.map_or(usize::MAX, |value| value as usize)),
            self.source
                .map(|value| value.map_or(usize::MAX, |value| value as usize)),
            self.entity_type
                .map(|value| value.map_or(usize::MAX, |value| value as usize)),
        )
    }
}

impl Durations {
    #[expect(
        clippy::cast_precision_loss,
        reason = "exact for 285 years of microseconds"
    )]
    fn of(row: &StatsRow) -> Option<Self> {
        let seconds = |micros: f64| micros / 1e6;
        let percentile = |percent: i64, [low, high]: [Option<i64>; 2]| {
            let (low, high) = (low? as f64, high? as f64);
            let fraction = (percent * (row.ended - 1) % 100) as f64 / 100.0;
            Some(seconds(low + (high - low) * fraction))
        };
        Some(Self {
            average: seconds(row.total_micros? / row.ended as f64),
            p50: percentile(50, row.p50_micros)?,
            p95: percentile(95, row.p95_micros)?,
            max: seconds(row.max_micros? as f64),
        })
    }
}

impl StatsQuery {
    /// Returns the columns to group by, each once.
    fn columns(&self) -> Vec<Column> {
        let columns = [
            (StatsDimension::Status, Column::Status),
            (StatsDimension::Source, Column::Source),
            (StatsDimension::EntityType, Column::EntityType),
        ];
        let columns = columns.into_iter();
        let grouped = columns.filter(|(dimension, _)| self.group_by.contains(dimension));
        grouped.map(|(_, column)| column).collect()
    }

    fn stats(&self, row: &StatsRow) -> RunStats {
        let is_grouped = |dimension| self.group_by.contains(&dimension);
        RunStats {
            status: is_grouped(StatsDimension::Status).then(|| parse(row.status.as_deref())),
            source: is_grouped(StatsDimension::Source).then(|| parse(row.source.as_deref())),
            entity_type: is_grouped(StatsDimension::EntityType)
                .then(|| parse(row.entity_type.as_deref())),
            bucket_start: row.bucket_start,
            runs: row.runs,
            by_status: row.by_status,
            durations: Durations::of(row),
            records: row.records,
        }
    }
}

fn parse<E: std::str::FromStr>(text: Option<&str>) -> Option<E> {
    text?.parse().ok()
}
