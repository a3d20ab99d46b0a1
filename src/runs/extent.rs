//! How much of a run is told.

use entity::FromColumns;

use super::Run;

/// How much of a run is told; the rest is as if it was never set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Extent {
    /// Its id, entity type, source, status, start, version and user, and how many records were processed and failed.
    Brief,
    /// All but how many records are expected, and the details, which take as long to read as all the rest.
    Lean,
    /// All.
    Whole,
}

impl Extent {
    pub(super) fn columns(self) -> &'static str {
        match self {
            Self::Brief => Run::BRIEF,
            Self::Lean => Run::LEAN,
            Self::Whole => Run::COLUMNS,
        }
    }
}
