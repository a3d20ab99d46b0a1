//! Failures that repeat: error messages that differ only in numbers, names and the like have one [`Fingerprint`].
//!
//! `normalize` says which messages those are. Runs store their fingerprint, so that an index leads to the runs of a failure:
//! this server stores it with the message, and the `indexer` fills it in for other writers, and for runs from before it was
//! stored. `filter` finds the runs of a fingerprint, whether it is stored or not, and `groups` counts them.

mod filter;
mod fingerprint;
mod groups;
mod indexer;
mod normalize;

pub use filter::FingerprintFilter;
pub use fingerprint::Fingerprint;
pub use groups::{FailureGroup, FailureGroups, MAX_GROUPS, MAX_RUNS, check_first};
pub(crate) use indexer::index_failures;

#[cfg(test)]
mod tests;
