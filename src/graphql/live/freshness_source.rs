//! The changes of freshness that one execution of a subscription delivers. They are data of the request.

use std::sync::{Mutex, PoisonError};

use crate::feed::FreshnessChanges;

/// Holds the changes until the resolver takes them.
#[derive(Debug)]
pub(in crate::graphql) struct FreshnessSource(Mutex<Option<FreshnessChanges>>);

impl FreshnessSource {
    pub(super) fn new(changes: FreshnessChanges) -> Self {
        Self(Mutex::new(Some(changes)))
    }

    /// Returns the changes, once.
    pub(in crate::graphql) fn take(&self) -> Option<FreshnessChanges> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
