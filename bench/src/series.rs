//! A series of changes: runs that are created and completed at a steady rate, and how a change of it
//! is told by looking at a message.

use std::{
    ops::Range,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use memchr::memmem::Finder;
use uuid::{Builder, Uuid};

/// Changes of one run: it is created, it is completed.
const CHANGES_OF_A_RUN: usize = 2;
/// Characters of a run's id that are the same throughout a series.
const COMMON: usize = 24;

/// A series of changes. They are numbered: change 2r creates run r, change 2r + 1 completes it.
#[derive(Debug)]
pub(crate) struct Series {
    /// What its instants are counted from.
    epoch: Instant,
    /// The id of run 0; the numbers of the others are added to it.
    first: Uuid,
    /// From one change to the next.
    tick: Duration,
    /// How many runs there are.
    pub(crate) runs: usize,
    run_id: Finder<'static>,
    kind: Finder<'static>,
}

impl Series {
    /// A series of so many changes, at least two, with `rate` of them a second.
    pub(crate) fn new(changes: usize, rate: u32) -> Self {
        let clock = SystemTime::now().duration_since(UNIX_EPOCH);
        let clock = clock.unwrap_or_default();
        let millis = u64::try_from(clock.as_millis()).unwrap_or(u64::MAX);
        // The last six bytes are the run's number, so that ids sort as their runs begin.
        let mut rest = [0; 10];
        rest[..4].copy_from_slice(&clock.subsec_nanos().to_be_bytes());
        let first = Builder::from_unix_timestamp_millis(millis, &rest).into_uuid();
        let common = first.to_string()[..COMMON].to_owned();
        Self {
            epoch: Instant::now(),
            first,
            tick: Duration::from_secs(1) / rate,
            runs: (changes / CHANGES_OF_A_RUN).max(1),
            run_id: Finder::new(&common).into_owned(),
            kind: Finder::new("\"kind\":\"").into_owned(),
        }
    }

    /// How many changes there are.
    pub(crate) fn changes(&self) -> usize {
        self.runs * CHANGES_OF_A_RUN
    }

    /// The numbers of a run's changes.
    pub(crate) fn changes_of(run: usize) -> Range<usize> {
        run * CHANGES_OF_A_RUN..(run + 1) * CHANGES_OF_A_RUN
    }

    /// Whether a change completes its run.
    pub(crate) fn completes(change: usize) -> bool {
        change % CHANGES_OF_A_RUN == 1
    }

    /// The id of a run.
    pub(crate) fn run_id(&self, run: usize) -> String {
        Uuid::from_u128(self.first.as_u128() + run as u128).to_string()
    }

    /// How long after the first of some changes to make another: so many changes later.
    pub(crate) fn delay(&self, changes: usize) -> Duration {
        self.tick * u32::try_from(changes).unwrap_or(u32::MAX)
    }

    /// Microseconds from the series' beginning to an instant; 1 at least, so that 0 can mean never.
    pub(crate) fn micros(&self, instant: Instant) -> u32 {
        let since = instant.duration_since(self.epoch).as_micros();
        u32::try_from(since).unwrap_or(u32::MAX).max(1)
    }

    /// The number of the change that a message tells of; None if it is of another series, or tells of
    /// something else. The kind tells which change it is: the run is told of as it is now.
    pub(crate) fn find(&self, message: &[u8]) -> Option<usize> {
        let number = self.run_id.find(message)? + COMMON;
        let number = std::str::from_utf8(message.get(number..number + 12)?).ok()?;
        let run = usize::from_str_radix(number, 16).ok()?;
        let kind = message.get(self.kind.find(message)? + 8)?;
        let change = match kind {
            b'C' => 0,
            b'S' => 1,
            _ => return None,
        };
        (run < self.runs).then_some(run * CHANGES_OF_A_RUN + change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_told_by_its_run_and_kind() {
        let series = Series::new(1000, 100);
        for run in [0, 1, 499] {
            let id = series.run_id(run);
            assert_eq!(Uuid::parse_str(&id).unwrap().get_version_num(), 7);
            let created = format!(r#"{{"kind":"CREATED","run":{{"id":"{id}"}}}}"#);
            let completed = format!(r#"{{"run":{{"id":"{id}"}},"kind":"STATUS"}}"#);
            assert_eq!(series.find(created.as_bytes()), Some(2 * run));
            assert_eq!(series.find(completed.as_bytes()), Some(2 * run + 1));
        }
        let beyond = format!(r#"{{"kind":"CREATED","id":"{}"}}"#, series.run_id(500));
        assert_eq!(series.find(beyond.as_bytes()), None);
        assert_eq!(series.find(br#"{"type":"ping"}"#), None);
    }
}
