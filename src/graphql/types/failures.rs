//! Failed runs grouped by their error message.

use async_graphql::{Context, Result, SimpleObject};

use super::{
    run::{SyncEntityType, SyncRun, SyncRunFilter, SyncSource, from_stored},
    scalars::DateTime,
};
use crate::{
    graphql::{context::ContextExt, fast_path::Fast},
    runs::{
        RunSelection,
        failures::{FailureGroup, check_first},
    },
};

/// Failed runs, grouped by their normalised error message.
#[derive(Debug, SimpleObject)]
pub(crate) struct SyncFailureGroups {
    /// The groups, most runs first; of groups with as many runs, the one that failed last comes first.
    groups: Vec<SyncFailureGroup>,
    /// The number of failed runs that were read, newest first: at most 10,000.
    runs_read: i32,
    /// False if more failed runs match than were read.
    is_complete: bool,
}

/// Failed runs whose error messages are the same once they are normalised.
#[derive(Debug, SimpleObject)]
pub(crate) struct SyncFailureGroup {
    /// Identifies the normalised message, in every database and release: 16 hexadecimal digits. Pass it to
    /// `SyncRunFilter.errorFingerprint` to list the runs.
    fingerprint: String,
    /// The normalised message, with placeholders such as `<number>`; empty for failed runs without a message.
    message: String,
    /// The number of runs that were read.
    runs: i32,
    /// When the first of them failed.
    first_failed_at: DateTime,
    /// When the last of them failed.
    last_failed_at: DateTime,
    /// The entity types and sources of the runs, each pair once.
    pairs: Vec<SyncPair>,
    /// The run that started last.
    sample_run: Fast<SyncRun>,
}

/// An entity type and the source that it is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, SimpleObject)]
pub(crate) struct SyncPair {
    /// The entity type.
    entity_type: SyncEntityType,
    /// The source.
    source: SyncSource,
}

impl SyncFailureGroup {
    fn new(group: FailureGroup, selection: &RunSelection) -> Self {
        let mut pairs = Vec::with_capacity(group.pairs.len());
        for (entity_type, source) in &group.pairs {
            let pair = SyncPair {
                entity_type: from_stored(entity_type),
                source: from_stored(source),
            };
            // Several stored texts may be unknown.
            if !pairs.contains(&pair) {
                pairs.push(pair);
            }
        }
        Self {
            fingerprint: group.fingerprint.to_string(),
            message: group.message,
            runs: count(group.runs),
            first_failed_at: DateTime(group.first_failed_at),
            last_failed_at: DateTime(group.last_failed_at),
            pairs,
            sample_run: Fast(SyncRun::from_loaded(group.sample, selection)),
        }
    }
}

/// Groups the failed runs that the arguments of `syncFailureGroups` select.
pub(crate) async fn failure_groups(
    ctx: &Context<'_>,
    filter: Option<SyncRunFilter>,
    first: i32,
) -> Result<SyncFailureGroups> {
    let first = check_first(first)?;
    let filter = filter.unwrap_or_default().parse(ctx.lossy_numbers())?;
    let sample = ctx.look_ahead().field("groups").field("sampleRun");
    let selection = SyncRun::selection(ctx, &[sample]);
    let (runs, budget) = (ctx.runs(), ctx.scan_budget());
    let found = runs
        .failure_groups(&filter, first, &selection, budget)
        .await?;
    let groups = found.groups.into_iter();
    Ok(SyncFailureGroups {
        groups: groups
            .map(|group| SyncFailureGroup::new(group, &selection))
            .collect(),
        runs_read: count(found.runs_read),
        is_complete: found.is_complete,
    })
}

fn count(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
