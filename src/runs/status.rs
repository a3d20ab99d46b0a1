//! The life of a run: which status may follow which.

use entity::SyncStatus::{self, Cancelled, Completed, Failed, Pending, Running};
use strum::VariantArray;

/// Whether a run may go from one status to another. An ended run stays as it is.
#[must_use]
pub const fn may_become(from: SyncStatus, to: SyncStatus) -> bool {
    match (from, to) {
        (Pending, Running) | (Pending | Running, Completed | Failed | Cancelled) => true,
        (Pending | Running, Pending) | (Running, Running) | (Completed | Failed | Cancelled, _) => {
            false
        }
    }
}

/// Whether a run with this status has ended.
#[must_use]
pub const fn has_ended(status: SyncStatus) -> bool {
    match status {
        Pending | Running => false,
        Completed | Failed | Cancelled => true,
    }
}

/// The statuses from which a run may reach `to`: the condition of the update that takes it there.
pub fn predecessors_of(to: SyncStatus) -> impl Iterator<Item = SyncStatus> {
    SyncStatus::VARIANTS
        .iter()
        .copied()
        .filter(move |from| may_become(*from, to))
}

/// The statuses of runs that have not ended.
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
    fn a_run_moves_only_as_the_table_says() {
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
    fn exactly_the_statuses_without_a_successor_have_ended() {
        for status in SyncStatus::VARIANTS {
            let successors = SyncStatus::VARIANTS
                .iter()
                .any(|to| may_become(*status, *to));
            assert_eq!(has_ended(*status), !successors, "{status}");
        }
    }

    #[test]
    fn sources_are_the_table_read_backwards() {
        assert_eq!(predecessors_of(Running).collect::<Vec<_>>(), [Pending]);
        assert_eq!(
            predecessors_of(Completed).collect::<Vec<_>>(),
            [Pending, Running]
        );
        assert_eq!(predecessors_of(Pending).count(), 0);
        assert_eq!(open().collect::<Vec<_>>(), [Pending, Running]);
    }
}
