//! The rules that are compared: after how many seconds without a success a pair is late.

use sync_history::runs::freshness::interval::{
    Learned, MIN_SUCCESSES, RECENT, Success, instants_to_look_up, learn, neighbours,
};

use super::{schedules::Schedule, seconds_between};

/// A rule.
pub(super) struct Rule {
    pub(super) name: &'static str,
    /// Computes the age from the successes so far; `None` if it is not known.
    pub(super) late_after: fn(&Schedule, &[Success]) -> Option<i64>,
}

/// The last one is the server's.
pub(super) const RULES: [Rule; 5] = [
    Rule {
        name: "twice the interval",
        late_after: |schedule, _| Some(2 * schedule.interval),
    },
    Rule {
        name: "1.5 × the second longest of 39 gaps",
        late_after: |_, successes| Some(sorted_gaps(successes)?.iter().rev().nth(1)? * 3 / 2),
    },
    Rule {
        name: "1.5 × the 95th percentile of 39 gaps",
        late_after: |_, successes| {
            let gaps = sorted_gaps(successes)?;
            Some(gaps.get(gaps.len() * 95 / 100)? * 3 / 2)
        },
    },
    Rule {
        name: "1.25 × the learned interval",
        late_after: |_, successes| Some(learned(successes)?.interval.num_seconds() * 5 / 4),
    },
    Rule {
        name: "learned interval and tolerance",
        late_after: |_, successes| {
            let learned = learned(successes)?;
            Some((learned.interval + learned.tolerance).num_seconds())
        },
    },
];

fn recent(successes: &[Success]) -> &[Success] {
    &successes[successes.len().saturating_sub(RECENT)..]
}

fn learned(successes: &[Success]) -> Option<Learned> {
    let recent = recent(successes);
    let instants = instants_to_look_up(recent).into_iter();
    let earlier: Vec<_> = instants.map(|at| neighbours(successes, at)).collect();
    learn(recent, &earlier)
}

fn sorted_gaps(successes: &[Success]) -> Option<Vec<i64>> {
    if successes.len() < MIN_SUCCESSES {
        return None;
    }
    let pairs = recent(successes).windows(2);
    let mut gaps: Vec<_> = pairs
        .map(|pair| seconds_between(pair[0], pair[1]))
        .collect();
    gaps.sort_unstable();
    Some(gaps)
}
