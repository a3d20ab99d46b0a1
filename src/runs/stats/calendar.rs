//! Buckets of time in a time zone.

use std::collections::BTreeMap;

use chrono::{
    DateTime, Datelike, Days, Duration, LocalResult, Months, NaiveDate, NaiveTime, TimeZone,
    Timelike, Utc,
};
use chrono_tz::Tz;

use crate::store::BucketRange;

/// Offsets from UTC are multiples of this, and change at multiples of it.
const QUARTER: Duration = Duration::minutes(15);

/// The length of the buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeBucket {
    /// An hour of the clock. The hour that is repeated when clocks are set back is two buckets.
    Hour,
    /// A day, of 23 to 25 hours.
    Day,
    /// A week that begins on Monday.
    Week,
    /// A month.
    Month,
}

impl TimeBucket {
    /// Seconds of the periods of UTC in which runs are looked for first.
    pub(crate) fn period_seconds(self) -> i64 {
        match self {
            Self::Hour => 3600,
            Self::Day | Self::Week | Self::Month => 86_400,
        }
    }

    /// Returns the ranges that cover these periods since 1970, in order and without overlaps.
    pub(crate) fn ranges(self, time_zone: Tz, periods: &[i64]) -> Vec<BucketRange> {
        let seconds = self.period_seconds();
        let mut ranges = BTreeMap::new();
        for period in periods {
            let instant = |period: i64| DateTime::from_timestamp(period.checked_mul(seconds)?, 0);
            let (Some(from), Some(to)) = (instant(*period), instant(*period + 1)) else {
                continue;
            };
            let mut next = from;
            while next < to {
                let Some(range) = self.range(time_zone, next) else {
                    break;
                };
                ranges.insert(range.from, range);
                next = range.to;
            }
        }
        let mut merged: Vec<BucketRange> = Vec::new();
        for range in ranges.into_values() {
            match merged.last_mut() {
                Some(last) if last.start == range.start && last.to == range.from => {
                    last.to = range.to;
                }
                _ => merged.push(range),
            }
        }
        merged
    }

    /// Returns the range that contains an instant, which is a multiple of a quarter of an hour. `None` outside of the
    /// years that the calendar has.
    fn range(self, time_zone: Tz, instant: DateTime<Utc>) -> Option<BucketRange> {
        let local = instant.with_timezone(&time_zone);
        if self == Self::Hour {
            let seconds = local.minute() * 60 + local.second();
            return Some(BucketRange {
                start: instant - Duration::seconds(seconds.into()),
                from: instant,
                to: instant + QUARTER,
            });
        }
        let date = local.date_naive();
        let (first, next) = match self {
            Self::Hour | Self::Day => (date, date.checked_add_days(Days::new(1))?),
            Self::Week => {
                let monday = date.week(chrono::Weekday::Mon).checked_first_day()?;
                (monday, monday.checked_add_days(Days::new(7))?)
            }
            Self::Month => {
                let first = date.with_day(1)?;
                (first, first.checked_add_months(Months::new(1))?)
            }
        };
        let start = first_instant(time_zone, first)?;
        Some(BucketRange {
            start,
            from: start,
            to: first_instant(time_zone, next)?,
        })
    }
}

/// Returns the first instant of a day. Clocks may be set forward at midnight, or skip a day.
fn first_instant(time_zone: Tz, date: NaiveDate) -> Option<DateTime<Utc>> {
    let mut local = date.and_time(NaiveTime::MIN);
    // No time zone skips more than a day.
    for _ in 0..=2 * 24 * 4 {
        match time_zone.from_local_datetime(&local) {
            LocalResult::Single(instant) | LocalResult::Ambiguous(instant, _) => {
                return Some(instant.to_utc());
            }
            LocalResult::None => local = local.checked_add_signed(QUARTER)?,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    /// Returns start and hours of the buckets of the days from `from` to `to`.
    fn buckets(unit: TimeBucket, zone: &str, from: &str, to: &str) -> Vec<(String, i64)> {
        let period = |text| at(text).timestamp() / unit.period_seconds();
        let periods: Vec<_> = (period(from)..period(to)).collect();
        let ranges = unit.ranges(zone.parse().unwrap(), &periods);
        assert!(ranges.windows(2).all(|pair| pair[0].to <= pair[1].from));
        let mut buckets: Vec<(String, i64)> = Vec::new();
        for range in ranges {
            let start = range.start.to_rfc3339();
            let minutes = (range.to - range.from).num_minutes();
            match buckets.last_mut() {
                Some((last, sum)) if *last == start => *sum += minutes,
                _ => buckets.push((start, minutes)),
            }
        }
        buckets
    }

    #[test]
    fn days_have_23_to_25_hours() {
        let zurich = buckets(
            TimeBucket::Day,
            "Europe/Zurich",
            "2026-03-28T00:00:00Z",
            "2026-03-31T00:00:00Z",
        );
        let expected = [
            ("2026-03-27T23:00:00+00:00", 24 * 60),
            ("2026-03-28T23:00:00+00:00", 23 * 60),
            ("2026-03-29T22:00:00+00:00", 24 * 60),
            ("2026-03-30T22:00:00+00:00", 24 * 60),
        ];
        let expected = expected.map(|(start, minutes)| (start.to_owned(), minutes));
        assert_eq!(zurich, expected);
        let back = buckets(
            TimeBucket::Day,
            "Europe/Zurich",
            "2026-10-25T00:00:00Z",
            "2026-10-25T01:00:00Z",
        );
        assert!(back.is_empty());
        let back = buckets(
            TimeBucket::Day,
            "Europe/Zurich",
            "2026-10-25T00:00:00Z",
            "2026-10-26T00:00:00Z",
        );
        assert_eq!(
            back[0],
            ("2026-10-24T22:00:00+00:00".to_owned(), 25 * 60),
            "{back:?}"
        );
    }

    #[test]
    fn a_day_begins_after_clocks_were_set_forward_at_midnight() {
        let sao_paulo = buckets(
            TimeBucket::Day,
            "America/Sao_Paulo",
            "2018-11-04T00:00:00Z",
            "2018-11-05T00:00:00Z",
        );
        assert_eq!(
            sao_paulo[1],
            ("2018-11-04T03:00:00+00:00".to_owned(), 23 * 60)
        );
        // Samoa skipped 30 December 2011.
        let apia = buckets(
            TimeBucket::Day,
            "Pacific/Apia",
            "2011-12-30T00:00:00Z",
            "2011-12-31T00:00:00Z",
        );
        let expected = [
            ("2011-12-29T10:00:00+00:00", 24 * 60),
            ("2011-12-30T10:00:00+00:00", 24 * 60),
        ];
        let expected = expected.map(|(start, minutes)| (start.to_owned(), minutes));
        assert_eq!(apia, expected);
    }

    #[test]
    fn weeks_begin_on_monday_and_months_have_their_days() {
        let weeks = buckets(
            TimeBucket::Week,
            "UTC",
            "2026-11-27T00:00:00Z",
            "2026-12-01T00:00:00Z",
        );
        let expected = [
            ("2026-11-23T00:00:00+00:00", 7 * 24 * 60),
            ("2026-11-30T00:00:00+00:00", 7 * 24 * 60),
        ];
        let expected = expected.map(|(start, minutes)| (start.to_owned(), minutes));
        assert_eq!(weeks, expected);
        let months = buckets(
            TimeBucket::Month,
            "America/New_York",
            "2024-02-10T00:00:00Z",
            "2024-02-11T00:00:00Z",
        );
        assert_eq!(
            months,
            [("2024-02-01T05:00:00+00:00".to_owned(), 29 * 24 * 60)]
        );
    }

    #[test]
    fn hours_follow_the_clock() {
        let kolkata = buckets(
            TimeBucket::Hour,
            "Asia/Kolkata",
            "2026-11-27T00:00:00Z",
            "2026-11-27T01:00:00Z",
        );
        let expected = [
            ("2026-11-26T23:30:00+00:00", 30),
            ("2026-11-27T00:30:00+00:00", 30),
        ];
        let expected = expected.map(|(start, minutes)| (start.to_owned(), minutes));
        assert_eq!(kolkata, expected);
    }
}
