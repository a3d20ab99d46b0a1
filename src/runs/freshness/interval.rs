//! The interval between successes, learned from history.
//!
//! Schedules repeat by week: a nightly run that pauses on week-ends succeeds again after as long as it did a week ago. So the
//! interval after the last success is that after its counterparts, the successes at the same time in earlier weeks.
//! `docs/freshness.md` has the rule with its parameters, and the experiment by which they were chosen.
//!
//! Only successes count, up to the last one: the result depends neither on the time nor on the replica that computes it.

use chrono::{DateTime, TimeDelta, Utc};

pub use crate::store::Neighbours;

/// Successes without which no interval is known.
pub const MIN_SUCCESSES: usize = 5;
/// Successes that are read of each pair, the newest ones.
pub const RECENT: usize = 40;
/// The days before the last success on which its counterparts are looked for.
const DAYS: [i64; 12] = [1, 2, 3, 4, 5, 6, 7, 14, 21, 28, 35, 42];
/// Days of a week.
const WEEK: i64 = 7;
/// Weekly counterparts without which the recent intervals count instead.
const MIN_COUNTERPARTS: usize = 3;
/// Intervals between recent successes, of which the longest is ignored, that cover this share of the time.
const TYPICAL_PERCENT: i128 = 90;
/// The shortest interval that is learned: successes in quicker succession are a backlog.
const MIN_INTERVAL: TimeDelta = TimeDelta::minutes(1);
/// Tolerance in interquartile ranges of the recent intervals.
const SPREADS: i64 = 2;
/// The least tolerance in percent of the interval.
const MIN_TOLERANCE_PERCENT: i64 = 15;
/// The least tolerance.
const MIN_TOLERANCE: TimeDelta = TimeDelta::minutes(1);

/// A run that succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Success {
    /// When it started, by which successes are ordered.
    pub started_at: DateTime<Utc>,
    /// When it ended, from which intervals count.
    pub ended_at: DateTime<Utc>,
}

/// What is learned of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Learned {
    /// The usual time from the last success to the next.
    pub interval: TimeDelta,
    /// How much later the next success may be before it is late.
    pub tolerance: TimeDelta,
}

/// A success, by when it ended, and the microseconds from then to the next.
type Gap = (DateTime<Utc>, i64);

/// Returns the instants whose neighbours [`learn`] needs: those before the recent successes, of which there are
/// [`RECENT`] or all. `recent` is ordered by start.
#[must_use]
pub fn instants_to_look_up(recent: &[Success]) -> Vec<DateTime<Utc>> {
    let Some(last) = recent.last() else {
        return Vec::new();
    };
    let days = DAYS.into_iter();
    let instants = days.filter_map(|days| back(last.started_at, days));
    instants.filter(|at| is_before(recent, *at)).collect()
}

/// Learns the interval from the recent successes, and the neighbours of the
/// [instants to look up](instants_to_look_up). Returns `None` if there are too few successes, or if they are a backlog.
#[must_use]
pub fn learn(recent: &[Success], earlier: &[Neighbours]) -> Option<Learned> {
    if recent.len() < MIN_SUCCESSES {
        return None;
    }
    let gaps = gaps(recent);
    let [.., previous, last] = gaps.as_slice() else {
        return None;
    };
    let repeated = after_counterparts(recent, earlier).unwrap_or_else(|| typical(&gaps));
    // A schedule that has become slower: both of the last two intervals were longer.
    let interval = repeated.max(*previous.min(last));
    let minimum = interval / 100 * MIN_TOLERANCE_PERCENT;
    let tolerance = (spread(&gaps).saturating_mul(SPREADS)).clamp(minimum, interval.max(minimum));
    let interval = TimeDelta::microseconds(interval);
    (interval >= MIN_INTERVAL).then(|| Learned {
        interval,
        tolerance: TimeDelta::microseconds(tolerance).max(MIN_TOLERANCE),
    })
}

/// Returns the interval that followed the counterparts of the last success; `None` if there are too few. Of those of
/// earlier weeks the longest is ignored, so that one missed run does not count; a week of shorter intervals shows that the
/// schedule has become faster.
fn after_counterparts(recent: &[Success], earlier: &[Neighbours]) -> Option<i64> {
    let last = recent.last()?;
    let mut earlier = earlier.iter();
    let mut weekly: Vec<Gap> = Vec::new();
    let mut daily: Vec<i64> = Vec::new();
    for days in DAYS {
        let Some(started_at) = back(last.started_at, days) else {
            continue;
        };
        let neighbours = if is_before(recent, started_at) {
            earlier.next().copied().unwrap_or_default()
        } else {
            neighbours(recent, started_at)
        };
        let gap = back(last.ended_at, days).and_then(|at| gap_after_counterpart(neighbours, at));
        let Some((counterpart, gap)) = gap else {
            continue;
        };
        if days % WEEK == 0 && weekly.iter().all(|(known, _)| *known != counterpart) {
            weekly.push((counterpart, gap));
        }
        if days <= WEEK {
            daily.push(gap);
        }
    }
    let mut weekly: Vec<i64> = weekly.into_iter().map(|(_, gap)| gap).collect();
    if weekly.len() < MIN_COUNTERPARTS {
        return None;
    }
    weekly.sort_unstable();
    let weekly = weekly[weekly.len() - 2];
    let longest = daily.iter().max().copied().unwrap_or(i64::MAX);
    let is_whole_week = daily.len() == usize::try_from(WEEK).unwrap_or_default();
    Some(if is_whole_week {
        weekly.min(longest)
    } else {
        weekly
    })
}

/// Returns the interval after the counterpart of a success that ended at `at` in another week or day: the success before,
/// or the next one if that is much nearer.
fn gap_after_counterpart(neighbours: Neighbours, at: DateTime<Utc>) -> Option<Gap> {
    let previous = neighbours.previous?;
    let next = neighbours.next[0]?;
    let gap = micros(next - previous);
    if micros(next - at).saturating_mul(4) >= gap {
        return Some((previous, gap.max(0)));
    }
    Some((next, micros(neighbours.next[1]? - next).max(0)))
}

/// Returns the interval of a pair without weekly counterparts. The longest is ignored; of the others, a long one covers
/// more time than many short ones of a backlog.
fn typical(gaps: &[i64]) -> i64 {
    let mut gaps = gaps.to_vec();
    gaps.sort_unstable();
    gaps.pop();
    let total: i128 = gaps.iter().copied().map(i128::from).sum();
    let mut covered = 0;
    for gap in &gaps {
        covered += i128::from(*gap);
        if covered * 100 >= total * TYPICAL_PERCENT {
            return *gap;
        }
    }
    gaps.last().copied().unwrap_or_default()
}

/// Returns the interquartile range.
fn spread(gaps: &[i64]) -> i64 {
    let mut gaps = gaps.to_vec();
    gaps.sort_unstable();
    let quartile = |number: usize| {
        gaps.get(gaps.len() * number / 4)
            .copied()
            .unwrap_or_default()
    };
    quartile(3) - quartile(1)
}

/// Returns the intervals between successes, oldest first. Runs may overlap, and end in another order than they started.
fn gaps(recent: &[Success]) -> Vec<i64> {
    let mut ends: Vec<_> = recent.iter().map(|success| success.ended_at).collect();
    ends.sort_unstable();
    ends.windows(2)
        .map(|pair| micros(pair[1] - pair[0]))
        .collect()
}

/// Returns whether an instant is before the recent successes, and there may be others before.
fn is_before(recent: &[Success], at: DateTime<Utc>) -> bool {
    recent.len() >= RECENT && recent.first().is_some_and(|first| at < first.started_at)
}

/// Returns the neighbours of an instant among successes, which are ordered by start.
#[must_use]
pub fn neighbours(successes: &[Success], at: DateTime<Utc>) -> Neighbours {
    let next = successes.partition_point(|success| success.started_at <= at);
    let end = |index: usize| successes.get(index).map(|success| success.ended_at);
    Neighbours {
        previous: next.checked_sub(1).and_then(end),
        next: [end(next), end(next + 1)],
    }
}

fn back(at: DateTime<Utc>, days: i64) -> Option<DateTime<Utc>> {
    at.checked_sub_signed(TimeDelta::days(days))
}

fn micros(delta: TimeDelta) -> i64 {
    delta
        .num_microseconds()
        .unwrap_or(if delta < TimeDelta::zero() {
            i64::MIN
        } else {
            i64::MAX
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;
    const DAY: i64 = 24 * HOUR;

    fn at(seconds: i64) -> DateTime<Utc> {
        // A Monday.
        DateTime::from_timestamp(1_767_571_200 + seconds, 0).unwrap()
    }

    fn success(seconds: i64) -> Success {
        Success {
            started_at: at(seconds),
            ended_at: at(seconds + 60),
        }
    }

    /// Learns from successes that started at these seconds.
    fn learn_from(seconds: impl IntoIterator<Item = i64>) -> Option<Learned> {
        let mut seconds: Vec<_> = seconds.into_iter().collect();
        seconds.sort_unstable();
        let all: Vec<_> = seconds.into_iter().map(success).collect();
        let recent = &all[all.len().saturating_sub(RECENT)..];
        let instants = instants_to_look_up(recent);
        let earlier: Vec<_> = instants.iter().map(|at| neighbours(&all, *at)).collect();
        learn(recent, &earlier)
    }

    /// Returns the learned interval in hours.
    fn hours(seconds: impl IntoIterator<Item = i64>) -> Option<i64> {
        let learned = learn_from(seconds)?;
        assert_eq!(learned.interval.num_seconds() % HOUR, 0, "{learned:?}");
        Some(learned.interval.num_hours())
    }

    fn nights(days: i64) -> Vec<i64> {
        (0..days).map(|day| day * DAY + 2 * HOUR).collect()
    }

    /// Each hour from 8 to 18, Monday to Friday.
    fn office_hours(days: i64) -> Vec<i64> {
        let days = (0..days).filter(|day| day % 7 < 5);
        let runs = days.flat_map(|day| (8..=18).map(move |hour| day * DAY + hour * HOUR));
        runs.collect()
    }

    #[test]
    fn intervals_of_schedules() {
        let hourly = |days: i64| (0..days * 24).map(|hour| hour * HOUR);
        assert_eq!(hours(nights(4)), None);
        assert_eq!(hours(nights(5)), Some(24));
        assert_eq!(hours(nights(100)), Some(24));
        assert_eq!(hours(hourly(1)), Some(1));
        assert_eq!(hours(hourly(60)), Some(1));
        let weekly = (0..12).map(|week| week * 7 * DAY);
        assert_eq!(hours(weekly), Some(7 * 24));
        let monthly = (0..12).map(|month| month * 30 * DAY);
        assert_eq!(hours(monthly), Some(30 * 24));
        let weekdays = |days| nights(days).into_iter().filter(|night| night / DAY % 7 < 5);
        assert_eq!(hours(weekdays(7 * 6 + 1)), Some(24), "on Monday");
        assert_eq!(hours(weekdays(7 * 6 + 4)), Some(24), "on Thursday");
        assert_eq!(hours(weekdays(7 * 6 + 5)), Some(72), "on Friday");
        let hours_of_day = |days, hour| {
            let runs = office_hours(days).into_iter();
            hours(runs.filter(move |run| *run <= (days - 1) * DAY + hour * HOUR))
        };
        assert_eq!(hours_of_day(7 * 6 + 2, 12), Some(1), "on Tuesday at noon");
        assert_eq!(hours_of_day(7 * 6 + 2, 18), Some(14), "on Tuesday evening");
        assert_eq!(hours_of_day(7 * 6 + 5, 18), Some(62), "on Friday evening");
    }

    #[test]
    fn one_missed_and_one_extra_run_do_not_change_the_interval() {
        for days in [7, 20, 100] {
            let all = nights(days);
            for missed in 1..all.len() - 1 {
                let mut others = all.clone();
                others.remove(missed);
                assert_eq!(
                    hours(others),
                    Some(24),
                    "{missed} of {days} nights is missed"
                );
            }
            for hour in (3..24).chain([24 * days - 30, 24 * days - 11]) {
                let mut more = all.clone();
                more.push(hour * HOUR);
                assert_eq!(
                    hours(more),
                    Some(24),
                    "an extra run in hour {hour} of {days} days"
                );
            }
        }
    }

    #[test]
    fn a_backlog_does_not_shorten_the_interval() {
        for days in [10, 60] {
            let mut runs = nights(days);
            let backlog = days * DAY + 10 * HOUR;
            runs.extend((0..30).map(|number| backlog + number * 20));
            assert_eq!(hours(runs), Some(24), "after {days} days");
        }
        let only_a_backlog = (0..500).map(|number| number * 20);
        assert_eq!(learn_from(only_a_backlog), None);
    }

    #[test]
    fn a_changed_schedule_is_learned() {
        let to_nightly = |nights: i64| {
            let hourly = (0..60 * 24).map(|hour| hour * HOUR);
            hourly.chain((60..60 + nights).map(|day| day * DAY + 2 * HOUR))
        };
        assert_eq!(hours(to_nightly(1)), Some(1));
        assert_eq!(hours(to_nightly(3)), Some(24));
        let to_hourly = |runs: i64| {
            nights(60)
                .into_iter()
                .chain((1..=runs).map(|hour| 59 * DAY + (2 + hour) * HOUR))
        };
        assert_eq!(hours(to_hourly(24)), Some(24));
        assert_eq!(hours(to_hourly(8 * 24)), Some(1));
    }

    #[test]
    fn the_tolerance_follows_the_jitter() {
        let exact = learn_from(nights(60)).unwrap();
        assert_eq!(exact.tolerance.num_minutes(), 24 * 60 * 15 / 100);
        let jitter = [0, 25, 50, 10, 40].map(|minutes| minutes * 60);
        let hourly =
            (0..60 * 24).map(|hour| hour * HOUR + jitter[usize::try_from(hour % 5).unwrap()]);
        let loose = learn_from(hourly).unwrap();
        assert!(loose.tolerance.num_minutes() > 40, "{loose:?}");
        assert!(loose.tolerance <= loose.interval);
        let quick = learn_from((0..40).map(|minute| minute * 60)).unwrap();
        assert_eq!(
            (quick.interval.num_minutes(), quick.tolerance.num_minutes()),
            (1, 1)
        );
    }

    #[test]
    fn every_history_has_a_result() {
        let mut state = 7_u64;
        let mut random = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let extremes = [
            DateTime::<Utc>::MIN_UTC,
            DateTime::<Utc>::MAX_UTC,
            at(0),
            at(1),
        ];
        for _ in 0..2000 {
            let mut instant = || match random(9) {
                index @ 0..4 => extremes[usize::try_from(index).unwrap()],
                _ => at(random(1 << 24).cast_signed()),
            };
            let mut recent: Vec<_> = (0..40)
                .map(|_| Success {
                    started_at: instant(),
                    ended_at: instant(),
                })
                .collect();
            recent.sort_by_key(|success| success.started_at);
            let earlier: Vec<_> = instants_to_look_up(&recent)
                .iter()
                .map(|_| Neighbours {
                    previous: Some(instant()),
                    next: [Some(instant()), Some(instant())],
                })
                .collect();
            let learned = learn(&recent, &earlier);
            assert!(
                learned.is_none_or(|learned| learned.interval >= MIN_INTERVAL
                    && learned.tolerance >= MIN_TOLERANCE)
            );
            assert_eq!(learn(&recent, &earlier), learned);
        }
    }
}
