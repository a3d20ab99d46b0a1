//! Freshness: how long ago each pair of an entity type and a source last succeeded, and whether that is late.
//!
//! `interval` learns the usual interval from history, `expected` holds those that are configured instead. [`Freshness`]
//! says from both when a pair becomes late; its state follows from the time.

mod expected;
pub mod interval;
mod selection;

use chrono::{DateTime, TimeDelta, Utc};
use entity::instant::is_infinite;
use uuid::Uuid;

pub use expected::{ExpectedInterval, ExpectedIntervals, InvalidExpectation};
pub use selection::PairSelection;

pub use crate::store::Pair;

use super::{Result, Runs};
use crate::store::{EndedRun, HistoryLimits, PairHistory};
use interval::{Learned, Success};

/// Failures since the last success that are counted.
pub const MAX_FAILURES: u32 = 1000;
const HISTORY_LIMITS: HistoryLimits = HistoryLimits {
    successes: interval::RECENT,
    failures: MAX_FAILURES,
};
/// A pair is stale at this many times the age at which it is late.
const STALE_FACTOR: i32 = 2;

/// Whether a pair is up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreshnessState {
    /// Its last success is not older than usual, or nothing is known about what is usual.
    Fresh,
    /// Its last success is older than usual.
    Late,
    /// Its last success is much older than usual.
    Stale,
    /// It never succeeded.
    Never,
}

/// The freshness of a pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// The pair.
    pub pair: Pair,
    /// The newest run; `None` if there is none.
    pub last_run: Option<Uuid>,
    /// The newest run that completed, and when it did; `None` if there is none.
    pub last_success: Option<(Uuid, DateTime<Utc>)>,
    /// The number of runs that have failed since the last success, at most [`MAX_FAILURES`].
    pub consecutive_failures: u32,
    /// The usual interval between successes, configured or learned; `None` if it is not known.
    pub expected_interval: Option<TimeDelta>,
    /// When the pair becomes late unless it succeeds; `None` if it never succeeded or no interval is known.
    pub late_at: Option<DateTime<Utc>>,
    /// When the pair becomes stale unless it succeeds.
    pub stale_at: Option<DateTime<Utc>>,
}

impl Freshness {
    /// Computes the freshness of a pair from the end of its last success, and from its interval: the configured one, or
    /// else the learned one. `runs` are the last run and the last success.
    fn new(
        pair: Pair,
        last_run: Option<Uuid>,
        last_success: Option<(Uuid, DateTime<Utc>)>,
        configured: Option<TimeDelta>,
        learned: Option<Learned>,
    ) -> Self {
        let configured = configured.map(|interval| Learned {
            interval,
            tolerance: TimeDelta::zero(),
        });
        let known = configured.or(learned);
        let age = known.map(|known| known.interval + known.tolerance);
        let deadline = |factor| {
            let (_, succeeded_at) = last_success?;
            succeeded_at.checked_add_signed(age?.checked_mul(factor)?)
        };
        Self {
            pair,
            last_run,
            last_success,
            consecutive_failures: 0,
            expected_interval: known.map(|known| known.interval),
            late_at: deadline(1),
            stale_at: deadline(STALE_FACTOR),
        }
    }

    /// Returns the state at an instant.
    #[must_use]
    pub fn state(&self, now: DateTime<Utc>) -> FreshnessState {
        let is_past = |deadline: Option<DateTime<Utc>>| deadline.is_some_and(|at| at <= now);
        match self.last_success {
            None => FreshnessState::Never,
            Some(_) if is_past(self.stale_at) => FreshnessState::Stale,
            Some(_) if is_past(self.late_at) => FreshnessState::Late,
            Some(_) => FreshnessState::Fresh,
        }
    }

    /// Returns the time since the last success, at least 0; `None` if there is none.
    #[must_use]
    pub fn age(&self, now: DateTime<Utc>) -> Option<TimeDelta> {
        let (_, succeeded_at) = self.last_success?;
        Some((now - succeeded_at).max(TimeDelta::zero()))
    }
}

impl Runs {
    /// Returns the freshness of the selected pairs, ordered by entity type and source: of those that ever ran, that the
    /// selection names, or that have a configured interval.
    ///
    /// # Errors
    /// Returns an error if the database is unavailable.
    pub async fn freshness(&self, selection: &PairSelection) -> Result<Vec<Freshness>> {
        let pairs: Vec<Pair> = Pair::all()
            .filter(|pair| selection.contains(*pair))
            .collect();
        let histories = self.store.pair_histories(&pairs, HISTORY_LIMITS).await?;
        let recent: Vec<Vec<Success>> = histories.iter().map(recent).collect();
        let instants = pairs.iter().zip(&recent).flat_map(|(pair, recent)| {
            let instants = interval::instants_to_look_up(recent);
            instants.into_iter().map(|at| (*pair, at))
        });
        let neighbours = self
            .store
            .successes_around(&instants.collect::<Vec<_>>())
            .await?;
        let mut neighbours = neighbours.as_slice();
        let mut all = Vec::with_capacity(pairs.len());
        for ((pair, history), recent) in pairs.into_iter().zip(histories).zip(recent) {
            let count = interval::instants_to_look_up(&recent).len();
            let (earlier, rest) = neighbours.split_at(count.min(neighbours.len()));
            neighbours = rest;
            let configured = self.expected.get(pair);
            let last_success = history.successes.first().map(|run| (run.id, ended_at(run)));
            let learned = interval::learn(&recent, earlier);
            let freshness = Freshness {
                consecutive_failures: history.failures,
                ..Freshness::new(pair, history.last_run, last_success, configured, learned)
            };
            if selection.lists(&freshness) {
                all.push(freshness);
            }
        }
        Ok(all)
    }
}

/// Returns the recent successes, oldest first.
fn recent(history: &PairHistory) -> Vec<Success> {
    let successes = history.successes.iter().rev().map(|run| Success {
        started_at: run.started_at,
        ended_at: ended_at(run),
    });
    successes.collect()
}

/// Returns when a run ended. Other writers may store no end, or one before the start.
fn ended_at(run: &EndedRun) -> DateTime<Utc> {
    let completed_at = run.completed_at.filter(|at| !is_infinite(*at));
    completed_at.map_or(run.started_at, |at| at.max(run.started_at))
}
