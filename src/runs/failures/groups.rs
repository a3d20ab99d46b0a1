//! Failed runs grouped by their normalised error message.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap},
    ops::ControlFlow,
};

use chrono::{DateTime, Utc};
use entity::SyncStatus;
use uuid::Uuid;

use super::{Fingerprint, normalize::normalize};
use crate::{
    db::{ScanBudget, keyset::PageRequest},
    runs::{
        Error, LoadedRun, Result, RunSelection, Runs, ended_at,
        filter::{EnumFilter, RunFilter},
        scan::NEWEST_FIRST,
        stats::stats_error,
    },
    store::{FailedRun, UnindexedFailure},
};

/// Failed runs that one call reads.
pub const MAX_RUNS: usize = 10_000;
/// Groups that one call returns.
pub const MAX_GROUPS: usize = 100;
/// Messages read in one statement, which may be long.
const MESSAGES_PER_STATEMENT: usize = 500;
/// Attempts to load a run of each group: another writer may change or delete it meanwhile.
const MAX_ATTEMPTS: usize = 3;

/// Failed runs by their normalised error message.
#[derive(Clone, Debug)]
pub struct FailureGroups {
    /// The groups, most runs first.
    pub groups: Vec<FailureGroup>,
    /// The number of runs that were read, newest first.
    pub runs_read: usize,
    /// Whether all runs that match were read.
    pub is_complete: bool,
}

/// Failed runs with one fingerprint.
#[derive(Clone, Debug)]
pub struct FailureGroup {
    /// The fingerprint.
    pub fingerprint: Fingerprint,
    /// The normalised message.
    pub message: String,
    /// The number of runs.
    pub runs: usize,
    /// The earliest end of a run.
    pub first_failed_at: DateTime<Utc>,
    /// The latest end of a run.
    pub last_failed_at: DateTime<Utc>,
    /// The entity types and sources of the runs as they are stored, each pair once.
    pub pairs: Vec<(String, String)>,
    /// The run that started last.
    pub sample: LoadedRun,
}

/// A group that is being counted.
struct Count {
    fingerprint: Fingerprint,
    first_failed_at: DateTime<Utc>,
    last_failed_at: DateTime<Utc>,
    pairs: BTreeSet<(String, String)>,
    /// The newest first.
    ids: Vec<Uuid>,
}

impl Runs {
    /// Groups the newest [`MAX_RUNS`] failed runs that match. Returns the `first` groups with the most runs, each with the
    /// selected parts of its newest run.
    ///
    /// # Errors
    /// Returns [`Error::StatsTooSlow`] or [`Error::TooMuchToRead`] if `budget` is spent, and an error if the database is
    /// unavailable.
    pub async fn failure_groups(
        &self,
        filter: &RunFilter,
        first: usize,
        selection: &RunSelection,
        budget: &ScanBudget,
    ) -> Result<FailureGroups> {
        let mut failed = self.failed_runs(filter, budget).await?;
        let is_complete = failed.len() <= MAX_RUNS;
        failed.truncate(MAX_RUNS);
        self.complete_fingerprints(&mut failed, budget).await?;
        let runs_read = failed.len();
        let mut counts = count(failed);
        counts.truncate(first);
        let groups = self.with_samples(counts, selection).await?;
        Ok(FailureGroups {
            groups,
            runs_read,
            is_complete,
        })
    }

    /// Returns the newest failed runs that match: one more than are grouped, if there are more.
    async fn failed_runs(&self, filter: &RunFilter, budget: &ScanBudget) -> Result<Vec<FailedRun>> {
        let failed = RunFilter {
            status: Some(EnumFilter {
                known: vec![SyncStatus::Failed],
                unknown: false,
            }),
            ..RunFilter::default()
        };
        let filter = self.with_fingerprints(filter).await?;
        let filter = self.with_preselection(&filter);
        let limit = MAX_RUNS + 1;
        if !filter.is_evaluated_in_memory() {
            let condition = failed
                .candidates(&self.store)
                .add(filter.candidates(&self.store));
            let runs = self
                .store
                .failed_runs(condition, limit as u64, budget)
                .await;
            return runs.map_err(stats_error);
        }
        let both = RunFilter {
            any_of: Some(vec![filter.into_owned()]),
            ..failed
        };
        let (page, mut runs) = (PageRequest::default(), Vec::new());
        let newest = self.scan(&both, NEWEST_FIRST, &page, budget, |loaded| {
            runs.push(failed_run(loaded));
            if runs.len() < limit {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        newest.await?;
        Ok(runs)
    }

    /// Computes the fingerprints that are not stored.
    async fn complete_fingerprints(
        &self,
        runs: &mut [FailedRun],
        budget: &ScanBudget,
    ) -> Result<()> {
        let missing = runs.iter().filter(|run| run.fingerprint.is_none());
        let missing: Vec<_> = missing.map(|run| run.id).collect();
        let mut found = HashMap::new();
        for ids in missing.chunks(MESSAGES_PER_STATEMENT) {
            let messages = self.store.messages(ids, budget).await;
            for UnindexedFailure { run_id, message } in messages.map_err(stats_error)? {
                found.insert(run_id, Fingerprint::of(message.as_deref()));
            }
        }
        for run in runs {
            let computed = || found.get(&run.id).map(ToString::to_string);
            run.fingerprint = run.fingerprint.take().or_else(computed);
        }
        Ok(())
    }

    /// Loads a run of each group, the newest that still belongs to it.
    async fn with_samples(
        &self,
        counts: Vec<Count>,
        selection: &RunSelection,
    ) -> Result<Vec<FailureGroup>> {
        let mut samples: HashMap<Fingerprint, LoadedRun> = HashMap::new();
        for attempt in 0..MAX_ATTEMPTS {
            let missing = counts
                .iter()
                .filter(|count| !samples.contains_key(&count.fingerprint));
            let ids = missing.filter_map(|count| count.ids.get(attempt).copied());
            let ids: Vec<_> = ids.collect();
            if ids.is_empty() {
                break;
            }
            for loaded in self.load_runs(ids, selection).await? {
                if let Some(fingerprint) = Fingerprint::of_run(&loaded.run) {
                    samples.insert(fingerprint, loaded);
                }
            }
        }
        let groups = counts.into_iter().filter_map(|count| {
            let sample = samples.remove(&count.fingerprint)?;
            Some(FailureGroup {
                fingerprint: count.fingerprint,
                message: normalize(sample.run.error_message.as_deref().unwrap_or_default()),
                runs: count.ids.len(),
                first_failed_at: count.first_failed_at,
                last_failed_at: count.last_failed_at,
                pairs: count.pairs.into_iter().collect(),
                sample,
            })
        });
        Ok(groups.collect())
    }
}

fn failed_run(LoadedRun { run, .. }: LoadedRun) -> FailedRun {
    FailedRun {
        id: run.id,
        failed_at: ended_at(&run).unwrap_or(run.started_at),
        fingerprint: Fingerprint::of_run(&run).map(|fingerprint| fingerprint.to_string()),
        entity_type: run.entity_type,
        source: run.source,
    }
}

/// Groups runs, which are in order, newest first. Of groups with as many runs, the one that failed last comes first.
fn count(runs: Vec<FailedRun>) -> Vec<Count> {
    let mut groups: HashMap<Fingerprint, Count> = HashMap::new();
    for run in runs {
        // Deleted meanwhile, or another program has stored what is no fingerprint.
        let fingerprint = run.fingerprint.as_deref().map(Fingerprint::parse);
        let Some(Ok(fingerprint)) = fingerprint else {
            continue;
        };
        let group = groups.entry(fingerprint).or_insert_with(|| Count {
            fingerprint,
            first_failed_at: run.failed_at,
            last_failed_at: run.failed_at,
            pairs: BTreeSet::new(),
            ids: Vec::new(),
        });
        group.first_failed_at = group.first_failed_at.min(run.failed_at);
        group.last_failed_at = group.last_failed_at.max(run.failed_at);
        group.pairs.insert((run.entity_type, run.source));
        group.ids.push(run.id);
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by_key(|group| {
        (
            Reverse(group.ids.len()),
            Reverse(group.last_failed_at),
            group.fingerprint,
        )
    });
    groups
}

/// Checks the number of groups that a call may return.
///
/// # Errors
/// Returns [`Error::BadInput`] if it is not between 1 and [`MAX_GROUPS`].
pub fn check_first(first: i32) -> Result<usize> {
    let checked = usize::try_from(first).ok();
    let checked = checked.filter(|first| (1..=MAX_GROUPS).contains(first));
    checked.ok_or_else(|| Error::BadInput(format!("first is {first}; it may be 1 to {MAX_GROUPS}")))
}
