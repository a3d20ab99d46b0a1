//! Synthetic schedules, the same for the same seed.

use std::ops::Range;

use chrono::{DateTime, TimeDelta};
use sync_history::runs::freshness::interval::Success;

use super::seconds_between;

pub(super) const DAY: i64 = 24 * HOUR;
const HOUR: i64 = 60 * MINUTE;
const MINUTE: i64 = 60;
/// A Monday.
const START: i64 = 1_767_571_200;

/// A schedule, with the instants at which its runs succeed.
pub(super) struct Schedule {
    pub(super) name: &'static str,
    /// The interval that somebody would configure, in seconds.
    pub(super) interval: i64,
    /// Days before the measurement begins, at least.
    pub(super) warm_up: i64,
    /// Seconds from the start, in order.
    ends: Vec<i64>,
    /// The seconds at which a run was due that did not succeed.
    missed: Vec<i64>,
}

impl Schedule {
    fn new(name: &'static str, interval: i64, ends: Vec<i64>) -> Self {
        Self {
            name,
            interval,
            warm_up: 0,
            ends,
            missed: Vec::new(),
        }
    }

    pub(super) fn successes(&self) -> Vec<Success> {
        let successes = self.ends.iter().map(|end| {
            let ended_at = DateTime::from_timestamp(START + end, 0).unwrap_or_default();
            Success {
                started_at: ended_at - TimeDelta::seconds(30),
                ended_at,
            }
        });
        successes.collect()
    }

    /// Returns whether a run was missed between two successes.
    pub(super) fn is_missed(&self, last: Success, next: Success) -> bool {
        let end = next.ended_at.timestamp() - START;
        let start = end - seconds_between(last, next);
        self.missed.iter().any(|at| (start..end).contains(at))
    }
}

/// Returns all schedules.
pub(super) fn all(days: i64, seed: u64) -> Vec<Schedule> {
    let mut simulation = Simulation {
        days,
        random: Random(seed),
    };
    let mut schedules = simulation.frequent();
    schedules.extend(simulation.nightly());
    schedules.extend(simulation.irregular());
    schedules.extend(simulation.changing());
    for schedule in &mut schedules {
        schedule.ends.sort_unstable();
    }
    schedules
}

/// Simulates schedules for some days.
struct Simulation {
    days: i64,
    random: Random,
}

impl Simulation {
    fn frequent(&mut self) -> Vec<Schedule> {
        let hourly = self.every(HOUR, 0..self.days, 20 * MINUTE);
        let loops = self.loops();
        let mut office = self.every(HOUR, 0..self.days, 10 * MINUTE);
        office.retain(|at| is_office_hour(*at));
        let mut quick = self.every(5 * MINUTE, 0..self.days, MINUTE);
        quick.retain(|at| is_office_hour(*at));
        vec![
            Schedule::new("hourly, jitter of 20 min", HOUR, hourly),
            Schedule::new(
                "30 min after the last, takes 5 to 25 min",
                45 * MINUTE,
                loops,
            ),
            Schedule::new("hourly in office hours", HOUR, office),
            Schedule::new("every 5 min in office hours", 5 * MINUTE, quick),
        ]
    }

    fn nightly(&mut self) -> Vec<Schedule> {
        let exact = self.nights(5 * MINUTE);
        let loose = self.nights(90 * MINUTE);
        let mut weekdays = self.nights(30 * MINUTE);
        weekdays.retain(|at| is_weekday(*at));
        let weekly = self.every(7 * DAY, 0..self.days, HOUR);
        let summer = self.nights(5 * MINUTE).into_iter();
        let summer = summer.map(|at| at + if at / DAY / 182 % 2 == 1 { HOUR } else { 0 });
        vec![
            Schedule::new("nightly, jitter of 5 min", DAY, exact),
            Schedule::new("nightly, jitter of 90 min", DAY, loose),
            Schedule::new("nightly, not on week-ends", DAY, weekdays),
            Schedule::new("nightly, clocks change", DAY, summer.collect()),
            Schedule {
                warm_up: 100,
                ..Schedule::new("weekly", 7 * DAY, weekly)
            },
        ]
    }

    fn irregular(&mut self) -> Vec<Schedule> {
        let mut backlog = self.nights(15 * MINUTE);
        for day in (10..self.days).step_by(20) {
            backlog.extend((0..60).map(|number| day * DAY + 10 * HOUR + number * 20));
        }
        let stops = |at: &i64| at / DAY / 30 % 4 == 3;
        let (missed, stopping): (Vec<i64>, Vec<i64>) =
            self.nights(15 * MINUTE).into_iter().partition(stops);
        vec![
            self.missed_and_extra(),
            Schedule::new("nightly, 60 runs at once every 20 days", DAY, backlog),
            Schedule {
                missed,
                ..Schedule::new("nightly, stops for a month", DAY, stopping)
            },
        ]
    }

    /// Every 30th night is missed, and on every 20th day there is another run.
    fn missed_and_extra(&mut self) -> Schedule {
        let (mut missed, mut ends) = (Vec::new(), Vec::new());
        for at in self.nights(15 * MINUTE) {
            if self.random.below(30) == 0 {
                missed.push(at);
            } else {
                ends.push(at);
            }
            if self.random.below(20) == 0 {
                ends.push(at + self.random.below(DAY));
            }
        }
        Schedule {
            missed,
            ..Schedule::new("nightly, nights missed and extra runs", DAY, ends)
        }
    }

    fn changing(&mut self) -> Vec<Schedule> {
        let half = self.days / 2;
        let mut slower = self.every(HOUR, 0..half, 5 * MINUTE);
        slower.extend(
            self.nights(5 * MINUTE)
                .iter()
                .filter(|at| *at / DAY >= half),
        );
        let mut faster = self.nights(5 * MINUTE);
        faster.retain(|at| at / DAY < half);
        faster.extend(self.every(HOUR, half..self.days, 5 * MINUTE));
        vec![
            Schedule::new("hourly, then nightly", DAY, slower),
            Schedule::new("nightly, then hourly", HOUR, faster),
        ]
    }

    fn every(&mut self, step: i64, days: Range<i64>, jitter: i64) -> Vec<i64> {
        let numbers = days.start * DAY / step..days.end * DAY / step;
        numbers
            .map(|number| number * step + self.random.below(jitter))
            .collect()
    }

    fn nights(&mut self, jitter: i64) -> Vec<i64> {
        let nights = self.every(DAY, 0..self.days, jitter).into_iter();
        nights.map(|at| at + 2 * HOUR).collect()
    }

    /// Each run begins half an hour after the last one has ended.
    fn loops(&mut self) -> Vec<i64> {
        let mut at = 0;
        let mut ends = Vec::new();
        while at < self.days * DAY {
            at += 35 * MINUTE + self.random.below(20 * MINUTE);
            ends.push(at);
        }
        ends
    }
}

fn is_weekday(at: i64) -> bool {
    at / DAY % 7 < 5
}

fn is_office_hour(at: i64) -> bool {
    is_weekday(at) && (8..18).contains(&(at % DAY / HOUR))
}

/// The generator `SplitMix64`.
struct Random(u64);

impl Random {
    /// Returns a number from 0 to below `bound`.
    fn below(&mut self, bound: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let bound = bound.unsigned_abs().max(1);
        ((mixed ^ (mixed >> 31)) % bound).cast_signed()
    }
}
