//! The changes of a measurement: runs that are created and completed at a steady rate.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use memchr::memmem::Finder;

use crate::load::IdSequence;

/// Changes of one run: its creation and its completion.
const CHANGES_PER_RUN: usize = 2;
/// Characters of an id that all runs of a sequence share.
const ID_PREFIX: usize = 24;

/// A numbered sequence of changes: change 2r creates run r, change 2r + 1 completes it.
#[derive(Debug)]
pub(crate) struct ChangeSequence {
    epoch: Instant,
    ids: IdSequence,
    interval: Duration,
    /// Number of runs.
    pub(crate) runs: usize,
    run_id: Finder<'static>,
    kind: Finder<'static>,
}

impl ChangeSequence {
    /// Creates a sequence with a number of changes, at least two, and a rate per second.
    pub(crate) fn new(changes: usize, rate: u32) -> Self {
        let ids = IdSequence::new();
        let prefix = ids.nth(0).to_string()[..ID_PREFIX].to_owned();
        Self {
            epoch: Instant::now(),
            ids,
            interval: Duration::from_secs(1) / rate,
            runs: (changes / CHANGES_PER_RUN).max(1),
            run_id: Finder::new(&prefix).into_owned(),
            kind: Finder::new("\"kind\":\"").into_owned(),
        }
    }

    /// Returns the number of changes.
    pub(crate) fn len(&self) -> usize {
        self.runs * CHANGES_PER_RUN
    }

    /// Returns the numbers of a run's changes.
    pub(crate) fn of_run(run: usize) -> Range<usize> {
        run * CHANGES_PER_RUN..(run + 1) * CHANGES_PER_RUN
    }

    /// Returns whether a change completes its run, rather than creates it.
    pub(crate) fn completes(change: usize) -> bool {
        change % CHANGES_PER_RUN == 1
    }

    pub(crate) fn run_id(&self, run: usize) -> String {
        self.ids.nth(run as u64).to_string()
    }

    /// Returns the time that a number of changes takes at the sequence's rate.
    pub(crate) fn duration(&self, changes: usize) -> Duration {
        self.interval * u32::try_from(changes).unwrap_or(u32::MAX)
    }

    /// Returns the microseconds from the sequence's creation to an instant, at least 1.
    pub(crate) fn micros(&self, instant: Instant) -> u32 {
        let since = instant.duration_since(self.epoch).as_micros();
        u32::try_from(since).unwrap_or(u32::MAX).max(1)
    }

    /// Returns the number of the change that a message is about; `None` if it is about none of the sequence. The
    /// kind identifies it, because the message holds the current state of the run.
    pub(crate) fn find(&self, message: &[u8]) -> Option<usize> {
        let number = self.run_id.find(message)? + ID_PREFIX;
        let number = std::str::from_utf8(message.get(number..number + 12)?).ok()?;
        let run = usize::from_str_radix(number, 16).ok()?;
        let kind = message.get(self.kind.find(message)? + 8)?;
        let change = match kind {
            b'C' => 0,
            b'S' => 1,
            _ => return None,
        };
        (run < self.runs).then_some(run * CHANGES_PER_RUN + change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_identified_by_run_and_kind() {
        let changes = ChangeSequence::new(1000, 100);
        for run in [0, 1, 499] {
            let id = changes.run_id(run);
            let created = format!(r#"{{"kind":"CREATED","run":{{"id":"{id}"}}}}"#);
            let completed = format!(r#"{{"run":{{"id":"{id}"}},"kind":"STATUS"}}"#);
            assert_eq!(changes.find(created.as_bytes()), Some(2 * run));
            assert_eq!(changes.find(completed.as_bytes()), Some(2 * run + 1));
        }
        let other = format!(r#"{{"kind":"CREATED","id":"{}"}}"#, changes.run_id(500));
        assert_eq!(changes.find(other.as_bytes()), None);
        assert_eq!(changes.find(br#"{"type":"ping"}"#), None);
    }
}
