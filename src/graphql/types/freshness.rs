//! The freshness of pairs of an entity type and a source.

use async_graphql::{Context, Enum, Object, Result, ServerResult, Value};
use chrono::{TimeDelta, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::{
    run::{SyncEntityType, SyncRun, SyncSource, from_stored, parse_enum},
    scalars::DateTime,
};
use crate::{
    graphql::{
        context::ContextExt,
        fast_path::{BatchField, Fast, FastFields, Field, FieldCost, ROW},
    },
    runs::freshness::{self, Freshness, PairSelection},
};

/// Whether the data of an entity type and a source is up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize)]
#[serde(rename_all = "UPPERCASE")]
#[graphql(remote = "freshness::FreshnessState")]
pub(crate) enum FreshnessState {
    /// The last success is not older than usual, or what is usual is not known.
    Fresh,
    /// The last success is older than usual.
    Late,
    /// The last success is much older than usual: at twice the age at which it is LATE.
    Stale,
    /// No run ever completed.
    Never,
}

/// The freshness of a pair at an instant.
#[derive(Clone, Debug)]
pub(crate) struct SyncFreshness {
    freshness: Freshness,
    now: chrono::DateTime<Utc>,
}

impl SyncFreshness {
    pub(crate) fn new(freshness: Freshness, now: chrono::DateTime<Utc>) -> Self {
        Self { freshness, now }
    }

    fn last_success_id(&self) -> Option<Uuid> {
        self.freshness.last_success.map(|(id, _)| id)
    }

    fn type_value(&self) -> SyncEntityType {
        from_stored(self.freshness.pair.entity_type.as_ref())
    }

    fn source_value(&self) -> SyncSource {
        from_stored(self.freshness.pair.source.as_ref())
    }

    fn state_value(&self) -> FreshnessState {
        self.freshness.state(self.now).into()
    }

    fn age_seconds(&self) -> Option<f64> {
        self.freshness.age(self.now).map(seconds)
    }

    fn interval_seconds(&self) -> Option<f64> {
        self.freshness.expected_interval.map(seconds)
    }

    fn failures(&self) -> i32 {
        i32::try_from(self.freshness.consecutive_failures).unwrap_or(i32::MAX)
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "exact for 285 years of microseconds"
)]
fn seconds(delta: TimeDelta) -> f64 {
    delta.num_microseconds().unwrap_or(i64::MAX) as f64 / 1e6
}

impl FastFields for SyncFreshness {
    type Columns = ();

    const ALL_COLUMNS: () = ();

    const FIELDS: &'static [Field<Self>] = &[
        Field::type_name(()),
        Field::scalar("entityType", (), |freshness, json| {
            json.scalar(freshness.type_value());
        }),
        Field::scalar("source", (), |freshness, json| {
            json.scalar(freshness.source_value());
        }),
        Field::scalar("state", (), |freshness, json| {
            json.scalar(freshness.state_value());
        }),
        Field::batch("lastRun", (), FieldCost::page(1 + ROW), |all, field| {
            Box::pin(runs(all, field, |one| one.freshness.last_run))
        }),
        Field::batch("lastSuccess", (), FieldCost::page(1 + ROW), |all, field| {
            Box::pin(runs(all, field, Self::last_success_id))
        }),
        Field::scalar("secondsSinceLastSuccess", (), |freshness, json| {
            json.scalar(freshness.age_seconds());
        }),
        Field::scalar("expectedIntervalSeconds", (), |freshness, json| {
            json.scalar(freshness.interval_seconds());
        }),
        Field::scalar("consecutiveFailures", (), |freshness, json| {
            json.scalar(freshness.failures());
        }),
        Field::scalar("lateAt", (), |freshness, json| {
            json.scalar(freshness.freshness.late_at.map(DateTime));
        }),
    ];
}

/// Resolves a run of each pair.
async fn runs(
    all: &[SyncFreshness],
    field: &BatchField<'_>,
    id: fn(&SyncFreshness) -> Option<Uuid>,
) -> ServerResult<Vec<Value>> {
    let ctx = field.context();
    let found = ctx.loaders().runs(all.iter().filter_map(id)).await;
    let found =
        found.map_err(|error| async_graphql::Error::from(error).into_server_error(ctx.item.pos))?;
    let mut found = found.into_iter();
    let runs = all.iter().map(|one| {
        id(one)?;
        found.next()?.map(SyncRun::from)
    });
    field.resolve(runs.collect()).await
}

/// How fresh the data of an entity type and a source is.
#[Object]
impl SyncFreshness {
    /// The entity type.
    async fn entity_type(&self) -> SyncEntityType {
        self.type_value()
    }

    /// The source.
    async fn source(&self) -> SyncSource {
        self.source_value()
    }

    /// Whether the last success is older than usual.
    async fn state(&self) -> FreshnessState {
        self.state_value()
    }

    /// The run that started last; null if there is none.
    async fn last_run(&self, ctx: &Context<'_>) -> Result<Option<Fast<SyncRun>>> {
        find_run(ctx, self.freshness.last_run).await
    }

    /// Of the runs that completed, the one that started last; null if there is none.
    async fn last_success(&self, ctx: &Context<'_>) -> Result<Option<Fast<SyncRun>>> {
        find_run(ctx, self.last_success_id()).await
    }

    /// Seconds since the last success ended; null if there is none.
    async fn seconds_since_last_success(&self) -> Option<f64> {
        self.age_seconds()
    }

    /// The usual time from one success to the next: configured, or learned from the successes so far; null if it is not
    /// known, because there are fewer than five.
    async fn expected_interval_seconds(&self) -> Option<f64> {
        self.interval_seconds()
    }

    /// The number of runs that failed and started after the last success, at most 1,000. Cancelled runs do not count.
    async fn consecutive_failures(&self) -> i32 {
        self.failures()
    }

    /// When the pair becomes LATE if nothing succeeds, or became so: after the configured interval, or after the learned
    /// one with a tolerance. Null if nothing ever succeeded, or no interval is known.
    async fn late_at(&self) -> Option<DateTime> {
        self.freshness.late_at.map(DateTime)
    }
}

async fn find_run(ctx: &Context<'_>, id: Option<Uuid>) -> Result<Option<Fast<SyncRun>>> {
    let Some(id) = id else {
        return Ok(None);
    };
    let run = ctx.loaders().run(id).await?;
    Ok(run.map(|run| Fast(run.into())))
}

/// Parses the arguments that select pairs.
///
/// # Errors
/// Returns an error if one of the values is UNKNOWN.
pub(crate) fn parse_pairs(
    entity_type: Option<Vec<SyncEntityType>>,
    source: Option<Vec<SyncSource>>,
) -> Result<PairSelection> {
    let entity_types = entity_type.map(|values| {
        let values = values.into_iter();
        values
            .map(|value| parse_enum("entityType", value))
            .collect()
    });
    let sources = source.map(|values| {
        let values = values.into_iter();
        values.map(|value| parse_enum("source", value)).collect()
    });
    Ok(PairSelection {
        entity_types: entity_types.transpose()?,
        sources: sources.transpose()?,
    })
}

/// Returns the freshness of the pairs that the arguments of `syncFreshness` select.
pub(crate) async fn list_freshness(
    ctx: &Context<'_>,
    entity_type: Option<Vec<SyncEntityType>>,
    source: Option<Vec<SyncSource>>,
) -> Result<Vec<SyncFreshness>> {
    let selection = parse_pairs(entity_type, source)?;
    let all = ctx.runs().freshness(&selection).await?;
    let now = ctx.runs().clock.now();
    let all = all
        .into_iter()
        .map(|freshness| SyncFreshness::new(freshness, now));
    Ok(all.collect())
}
