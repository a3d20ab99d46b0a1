//! The rule by which a pair becomes late, beside simpler rules, on synthetic schedules. No server is involved.
//!
//! A false alarm is a success that comes after the pair had become late. The time to detection is what passes until a source
//! that stops is late, from when its next success would have come: the mean over all successes after which it may stop.

mod rules;
mod schedules;

use anyhow::Result;
use clap::Args;
use sync_history::runs::freshness::interval::Success;

use rules::{RULES, Rule};
use schedules::{DAY, Schedule};

/// Successes before the measurement begins, in days.
const WARM_UP: i64 = 60;
const MONTH: i64 = 30 * DAY;

/// Compare rules for late data on synthetic schedules: false alarms per month, and time to detection
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Days to simulate
    #[arg(long, default_value_t = 720)]
    days: i64,
    /// Seed of the random numbers
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What a rule does on a schedule.
#[derive(Default)]
struct Measurement {
    false_alarms: u32,
    /// Seconds that were measured.
    seconds: i64,
    detections: u32,
    /// Sum of the times to detection in seconds.
    detection: i64,
}

/// Prints the table.
#[expect(clippy::unnecessary_wraps, reason = "the signature of all benchmarks")]
pub(crate) fn run(options: &Options) -> Result<()> {
    print!("| schedule |");
    for rule in &RULES {
        print!(" {} |", rule.name);
    }
    println!("\n|---|{}", "---|".repeat(RULES.len()));
    for schedule in schedules::all(options.days, options.seed) {
        print!("| {} |", schedule.name);
        for rule in &RULES {
            print!(" {} |", measure(&schedule, rule).cell());
        }
        println!();
    }
    Ok(())
}

fn measure(schedule: &Schedule, rule: &Rule) -> Measurement {
    let all = schedule.successes();
    let mut measurement = Measurement::default();
    for index in 1..all.len() {
        let (last, next) = (all[index - 1], all[index]);
        if (last.started_at - all[0].started_at).num_days() < WARM_UP.max(schedule.warm_up) {
            continue;
        }
        let wait = (next.ended_at - last.ended_at).num_seconds();
        measurement.seconds += wait;
        let Some(age) = (rule.late_after)(schedule, &all[..index]) else {
            continue;
        };
        // A success that was missed is detected, which is no false alarm.
        if wait > age && !schedule.is_missed(last, next) {
            measurement.false_alarms += 1;
        }
        measurement.detections += 1;
        measurement.detection += (age - wait).max(0);
    }
    measurement
}

impl Measurement {
    /// Returns false alarms per month and the time to detection.
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    fn cell(&self) -> String {
        let months = self.seconds as f64 / MONTH as f64;
        let alarms = f64::from(self.false_alarms) / months;
        let minutes = self.detection as f64 / f64::from(self.detections.max(1)) / 60.0;
        let time = if minutes < 60.0 {
            format!("{minutes:.0} min")
        } else {
            format!("{:.1} h", minutes / 60.0)
        };
        format!("{alarms:.1}, {time}")
    }
}

/// Returns the seconds from one success to another.
fn seconds_between(one: Success, other: Success) -> i64 {
    (other.ended_at - one.ended_at).num_seconds()
}
