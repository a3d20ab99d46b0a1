//! The status of a run: which transitions are allowed.

use entity::SyncStatus::{self, Cancelled, Completed, Failed, Pending, Running};
use strum::VariantArray;

/// Returns whether a run may change from one status to another. A run that has ended cannot change.
#[must_use]
pub const fn may_become(from: SyncStatus, to: SyncStatus) -> bool {
    match (from, to) {
        (Pending, Running) | (Pending | Running, Completed | Failed | Cancelled) => true,
        (Pending | Running, Pending) | (Running, Running) | (Completed | Failed | Cancelled, _) => {
            false
        }
    }
}

/// Returns whether a run with this status has ended.
#[must_use]
pub const fn has_ended(status: SyncStatus) -> bool {
    match status {
        Pending | Running => false,
        Completed | Failed | Cancelled => true,
    }
}

/// Returns the statuses from which a run may change to `to`: the condition of the update that does so.
pub fn predecessors_of(to: SyncStatus) -> impl Iterator<Item = SyncStatus> {
    SyncStatus::VARIANTS
        .iter()
        .copied()
        .filter(move |from| may_become(*from, to))
}

/// Returns the statuses of runs that have not ended.
pub fn open() -> impl Iterator<Item = SyncStatus> {
    SyncStatus::VARIANTS
        .iter()
        .copied()
        .filter(|status| !has_ended(*status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transitions_match_the_table() {
        let table = [
            //          Pending Running Complet Failed  Cancelled
            (Pending, [false, true, true, true, true]),
            (Running, [false, false, true, true, true]),
            (Completed, [false; 5]),
            (Failed, [false; 5]),
            (Cancelled, [false; 5]),
        ];
        for (from, row) in table {
            for (to, expected) in SyncStatus::VARIANTS.iter().zip(row) {
                assert_eq!(may_become(from, *to), expected, "{from} to {to}");
            }
        }
    }

    #[test]
    fn a_status_has_ended_if_and_only_if_it_has_no_successor() {
        for status in SyncStatus::VARIANTS {
            let successors = SyncStatus::VARIANTS
                .iter()
                .any(|to| may_become(*status, *to));
            assert_eq!(has_ended(*status), !successors, "{status}");
        }
    }

    #[test]
    fn predecessors_are_the_inverse_of_the_transitions() {
        assert_eq!(predecessors_of(Running).collect::<Vec<_>>(), [Pending]);
        assert_eq!(
            predecessors_of(Completed).collect::<Vec<_>>(),
            [Pending, Running]
        );
        assert_eq!(predecessors_of(Pending).count(), 0);
        assert_eq!(open().collect::<Vec<_>>(), [Pending, Running]);
    }
}
