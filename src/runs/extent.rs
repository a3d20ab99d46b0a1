//! How much of a run is told.

use entity::FromColumns;

use super::Run;

/// How much of a run is told; the rest is as if it was never set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RunColumns {
    /// Its id, entity type, source, status, start, version and user, and how many records were processed and failed.
    Summary,
    /// All but how many records are expected, and the details, which take as long to read as all the rest.
    Standard,
    /// All.
    All,
}

impl RunColumns {
    pub(crate) fn columns(self) -> &'static str {
        match self {
            Self::Summary => Run::BRIEF,
            Self::Standard => Run::LEAN,
            Self::All => Run::COLUMNS,
        }
    }
}
