//! Selections of pairs.

use entity::{SyncEntityType, SyncSource};

use super::{Freshness, Pair};

/// A selection of pairs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PairSelection {
    /// Only pairs of these entity types; of any if `None`.
    pub entity_types: Option<Vec<SyncEntityType>>,
    /// Only pairs of these sources; of any if `None`.
    pub sources: Option<Vec<SyncSource>>,
}

impl PairSelection {
    /// Returns whether a pair is selected.
    #[must_use]
    pub fn contains(&self, pair: Pair) -> bool {
        let types = self.entity_types.as_ref();
        let sources = self.sources.as_ref();
        types.is_none_or(|types| types.contains(&pair.entity_type))
            && sources.is_none_or(|sources| sources.contains(&pair.source))
    }

    /// Returns whether a selected pair is listed: it ever ran, has a configured interval, or the selection names it.
    #[must_use]
    pub fn lists(&self, freshness: &Freshness) -> bool {
        let is_named = self.entity_types.is_some() && self.sources.is_some();
        is_named || freshness.last_run.is_some() || freshness.expected_interval.is_some()
    }
}
