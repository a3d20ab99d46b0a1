//! Statistics over runs.

use std::str::FromStr;

use async_graphql::{Context, Enum, Result, SimpleObject};
use chrono_tz::Tz;

use super::{
    run::{SyncEntityType, SyncRunFilter, SyncSource, SyncStatus, from_stored},
    scalars::{DateTime, Long},
};
use crate::{
    graphql::{
        context::ContextExt,
        fast_path::{FastFields, Field},
    },
    runs::{
        self, Error,
        stats::{Durations, RunStats, StatsDimension, StatsQuery},
    },
};

/// Characters of an unknown time zone that an error message quotes.
const MAX_QUOTED_CHARS: usize = 50;

/// A property by which statistics are grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "StatsDimension")]
pub(crate) enum SyncRunDimension {
    /// By status.
    Status,
    /// By source.
    Source,
    /// By entity type.
    EntityType,
}

/// The length of the buckets of time by which statistics are grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "runs::stats::TimeBucket")]
pub(crate) enum TimeBucket {
    /// Hours. The hour that is repeated when clocks are set back is two buckets.
    Hour,
    /// Days, of 23 to 25 hours.
    Day,
    /// ISO weeks, which begin on Monday.
    Week,
    /// Months.
    Month,
}

/// Statistics over the runs of one group and one bucket of time.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct SyncRunStats {
    /// The status of the runs; null if they are not grouped by it.
    status: Option<SyncStatus>,
    /// The source of the runs; null if they are not grouped by it.
    source: Option<SyncSource>,
    /// The entity type of the runs; null if they are not grouped by it.
    entity_type: Option<SyncEntityType>,
    /// The first instant of the bucket, in UTC; null without `bucket`. Runs belong to the bucket of their
    /// `startedAt`.
    bucket_start: Option<DateTime>,
    /// The number of runs, those of an unknown status included.
    runs: i32,
    /// The number of runs that are PENDING.
    pending: i32,
    /// The number of runs that are RUNNING.
    running: i32,
    /// The number of runs that are COMPLETED.
    completed: i32,
    /// The number of runs that are FAILED.
    failed: i32,
    /// The number of runs that are CANCELLED.
    cancelled: i32,
    /// `completed` divided by `completed + failed`, from 0 to 1; null if both are 0.
    success_rate: Option<f64>,
    /// The average `durationSeconds` of runs that have ended; null if there is none.
    average_duration_seconds: Option<f64>,
    /// The median `durationSeconds` of runs that have ended, a continuous percentile; null if there is none.
    #[graphql(name = "p50DurationSeconds")]
    p50_duration_seconds: Option<f64>,
    /// The 95th percentile of the `durationSeconds` of runs that have ended; null if there is none.
    #[graphql(name = "p95DurationSeconds")]
    p95_duration_seconds: Option<f64>,
    /// The longest `durationSeconds` of runs that have ended; null if there is none.
    max_duration_seconds: Option<f64>,
    /// The sum of `recordsProcessed`.
    records_processed: Long,
    /// The sum of `recordsCreated`.
    records_created: Long,
    /// The sum of `recordsUpdated`.
    records_updated: Long,
    /// The sum of `recordsFailed`.
    records_failed: Long,
}

impl FastFields for SyncRunStats {
    type Columns = ();

    const ALL_COLUMNS: () = ();

    const FIELDS: &'static [Field<Self>] = &[
        Field::type_name(()),
        Field::scalar("status", (), |stats, json| {
            json.scalar(stats.status);
        }),
        Field::scalar("source", (), |stats, json| {
            json.scalar(stats.source);
        }),
        Field::scalar("entityType", (), |stats, json| {
            json.scalar(stats.entity_type);
        }),
        Field::scalar("bucketStart", (), |stats, json| {
            json.scalar(stats.bucket_start);
        }),
        Field::scalar("runs", (), |stats, json| {
            json.scalar(stats.runs);
        }),
        Field::scalar("pending", (), |stats, json| {
            json.scalar(stats.pending);
        }),
        Field::scalar("running", (), |stats, json| {
            json.scalar(stats.running);
        }),
        Field::scalar("completed", (), |stats, json| {
            json.scalar(stats.completed);
        }),
        Field::scalar("failed", (), |stats, json| {
            json.scalar(stats.failed);
        }),
        Field::scalar("cancelled", (), |stats, json| {
            json.scalar(stats.cancelled);
        }),
        Field::scalar("successRate", (), |stats, json| {
            json.scalar(stats.success_rate);
        }),
        Field::scalar("averageDurationSeconds", (), |stats, json| {
            json.scalar(stats.average_duration_seconds);
        }),
        Field::scalar("p50DurationSeconds", (), |stats, json| {
            json.scalar(stats.p50_duration_seconds);
        }),
        Field::scalar("p95DurationSeconds", (), |stats, json| {
            json.scalar(stats.p95_duration_seconds);
        }),
        Field::scalar("maxDurationSeconds", (), |stats, json| {
            json.scalar(stats.max_duration_seconds);
        }),
        Field::scalar("recordsProcessed", (), |stats, json| {
            json.scalar(stats.records_processed);
        }),
        Field::scalar("recordsCreated", (), |stats, json| {
            json.scalar(stats.records_created);
        }),
        Field::scalar("recordsUpdated", (), |stats, json| {
            json.scalar(stats.records_updated);
        }),
        Field::scalar("recordsFailed", (), |stats, json| {
            json.scalar(stats.records_failed);
        }),
    ];
}

impl From<RunStats> for SyncRunStats {
    fn from(stats: RunStats) -> Self {
        let count = |count: i64| i32::try_from(count).unwrap_or(i32::MAX);
        let [pending, running, completed, failed, cancelled] = stats.by_status.map(count);
        let [processed, created, updated, records_failed] = stats.records.map(Long);
        let duration = |of: fn(Durations) -> f64| stats.durations.map(of);
        Self {
            status: stats.status.map(known),
            source: stats.source.map(known),
            entity_type: stats.entity_type.map(known),
            bucket_start: stats.bucket_start.map(DateTime),
            runs: count(stats.runs),
            pending,
            running,
            completed,
            failed,
            cancelled,
            success_rate: stats.success_rate(),
            average_duration_seconds: duration(|durations| durations.average),
            p50_duration_seconds: duration(|durations| durations.p50),
            p95_duration_seconds: duration(|durations| durations.p95),
            max_duration_seconds: duration(|durations| durations.max),
            records_processed: processed,
            records_created: created,
            records_updated: updated,
            records_failed,
        }
    }
}

/// Returns the value of an enum; UNKNOWN if the stored text is none of its values.
fn known<E: FromStr + Default>(value: Option<impl AsRef<str>>) -> E {
    value.map_or_else(E::default, |value| from_stored(value.as_ref()))
}

/// Computes the statistics that the arguments of `syncRunStats` select.
pub(crate) async fn run_stats(
    ctx: &Context<'_>,
    filter: Option<SyncRunFilter>,
    group_by: Vec<SyncRunDimension>,
    bucket: Option<TimeBucket>,
    time_zone: &str,
) -> Result<Vec<SyncRunStats>> {
    let time_zone: Tz = time_zone.parse().map_err(|_| {
        let zone: String = time_zone.chars().take(MAX_QUOTED_CHARS).collect();
        Error::BadInput(format!(
            "timeZone is `{zone}`, which is no time zone of the IANA database, such as Europe/Zurich or UTC"
        ))
    })?;
    let query = StatsQuery {
        filter: filter.unwrap_or_default().parse(ctx.lossy_numbers())?,
        group_by: group_by.into_iter().map(StatsDimension::from).collect(),
        bucket: bucket.map(|bucket| (bucket.into(), time_zone)),
    };
    let stats = ctx.runs().stats(&query, ctx.scan_budget()).await?;
    Ok(stats.into_iter().map(SyncRunStats::from).collect())
}
