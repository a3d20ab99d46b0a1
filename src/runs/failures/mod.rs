//! Failures that repeat: error messages that differ only in numbers, names and the like have one [`Fingerprint`].
//!
//! `normalize` says which messages those are. Runs store their fingerprint, so that an index leads to the runs of a failure:
//! this server stores it with the message, and the `indexer` fills it in for other writers, and for runs from before it was
//! stored.

mod fingerprint;
mod indexer;
mod normalize;

pub use fingerprint::Fingerprint;
pub(crate) use indexer::index_failures;
