//! The status of a run: which transitions are allowed, and to whom.

use entity::SyncStatus::{self, Cancelled, Completed, Failed, Pending, Running};
use strum::VariantArray;

use super::Run;

/// What decides which transitions of a run are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The run has this status.
    Is(SyncStatus),
    /// The run is failed, since the server has closed it as lost, and its outcome has not been reported since.
    Lost,
}

/// Who changes the status of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
pub enum Actor {
    /// The worker, which reports what happened.
    Worker,
    /// An operator, who cancels runs.
    Operator,
    /// The server, which closes runs as lost.
    Server,
}

use Actor::{Operator, Server, Worker};
use State::{Is, Lost};

/// Returns whether a run may change its status. A run that has ended cannot change, unless it was closed as lost: the
/// outcome that its worker then reports stands, once.
#[must_use]
pub const fn may_become(from: State, to: SyncStatus, by: Actor) -> bool {
    match (from, to, by) {
        (Is(Pending), Running, Worker)
        | (Is(Pending | Running) | Lost, Completed | Failed | Cancelled, Worker)
        | (Is(Pending | Running), Cancelled, Operator)
        | (Is(Pending | Running), Failed, Server) => true,
        (Is(Pending), Running, Operator | Server)
        | (Is(Running) | Lost, Running, _)
        | (Is(Pending | Running), Completed | Failed, Operator)
        | (Is(Pending | Running), Completed | Cancelled, Server)
        | (Is(Pending | Running) | Lost, Pending, _)
        | (Lost, Completed | Failed | Cancelled, Operator | Server)
        | (Is(Completed | Failed | Cancelled), _, _) => false,
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

/// Returns whether the server has closed a run as lost, and its outcome has not been reported since.
#[must_use]
pub fn is_lost(run: &Run) -> bool {
    run.status() == Ok(Failed) && run.lost_at.is_some() && run.recovered_at.is_none()
}

/// Returns the statuses from which a run may change to `to`: the condition of the update that does so.
pub fn predecessors_of(to: SyncStatus, by: Actor) -> impl Iterator<Item = SyncStatus> {
    SyncStatus::VARIANTS
        .iter()
        .copied()
        .filter(move |from| may_become(Is(*from), to, by))
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

    const NONE: [bool; 5] = [false; 5];

    #[test]
    fn transitions_match_the_table() {
        let ends = [false, false, true, true, true];
        let table = [
            //                Pending Running Complet Failed  Cancelled
            (Worker, Is(Pending), [false, true, true, true, true]),
            (Worker, Is(Running), ends),
            (Worker, Lost, ends),
            (Operator, Is(Pending), [false, false, false, false, true]),
            (Operator, Is(Running), [false, false, false, false, true]),
            (Operator, Lost, NONE),
            (Server, Is(Pending), [false, false, false, true, false]),
            (Server, Is(Running), [false, false, false, true, false]),
            (Server, Lost, NONE),
        ];
        let ended = Actor::VARIANTS
            .iter()
            .flat_map(|by| [Completed, Failed, Cancelled].map(|status| (*by, Is(status), NONE)));
        for (by, from, row) in table.into_iter().chain(ended) {
            for (to, expected) in SyncStatus::VARIANTS.iter().zip(row) {
                let actual = may_become(from, *to, by);
                assert_eq!(actual, expected, "{from:?} to {to} by {by:?}");
            }
        }
    }

    #[test]
    fn a_status_has_ended_if_and_only_if_it_has_no_successor() {
        for status in SyncStatus::VARIANTS {
            let successors = SyncStatus::VARIANTS
                .iter()
                .any(|to| may_become(Is(*status), *to, Worker));
            assert_eq!(has_ended(*status), !successors, "{status}");
        }
    }

    #[test]
    fn predecessors_are_the_inverse_of_the_transitions() {
        let predecessors = |to, by| predecessors_of(to, by).collect::<Vec<_>>();
        assert_eq!(predecessors(Running, Worker), [Pending]);
        assert_eq!(predecessors(Completed, Worker), [Pending, Running]);
        assert_eq!(predecessors(Completed, Operator), []);
        assert_eq!(predecessors(Failed, Server), [Pending, Running]);
        assert_eq!(predecessors(Pending, Worker), []);
        assert_eq!(open().collect::<Vec<_>>(), [Pending, Running]);
    }
}
