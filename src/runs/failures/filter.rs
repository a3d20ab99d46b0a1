//! The filter by fingerprint.
//!
//! An index leads to the runs whose fingerprint is stored. The messages of the others are evaluated in memory: they are
//! looked up first while there are few, or else every candidate is read, as for conditions on details.

use std::borrow::Cow;

use entity::run::Column;
use sea_orm::ColumnTrait;
use sea_orm::sea_query::{Condition, Expr, ExprTrait};
use uuid::Uuid;

use super::Fingerprint;
use crate::{
    runs::{Result, Runs, filter::RunFilter},
    store::{FINGERPRINT, UnindexedFailure, is_failure, is_unindexed},
};

/// Runs without a stored fingerprint that are looked up before a query.
const MAX_UNINDEXED: usize = 200;

/// Fingerprints to match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FingerprintFilter {
    /// In order, each once.
    fingerprints: Vec<Fingerprint>,
    /// The matching runs whose fingerprint is not stored; `None` unless they have been looked up.
    unindexed: Option<Vec<Uuid>>,
}

impl FingerprintFilter {
    /// Matches runs with any of these fingerprints.
    #[must_use]
    pub fn new(mut fingerprints: Vec<Fingerprint>) -> Self {
        fingerprints.sort_unstable();
        fingerprints.dedup();
        Self {
            fingerprints,
            unindexed: None,
        }
    }

    pub(in crate::runs) fn matches(&self, fingerprint: Option<Fingerprint>) -> bool {
        fingerprint.is_some_and(|one| self.fingerprints.binary_search(&one).is_ok())
    }

    /// Returns whether a database evaluates the filter.
    pub(in crate::runs) fn is_resolved(&self) -> bool {
        self.unindexed.is_some()
    }

    /// Returns the condition on the matching runs. Runs whose fingerprint is not stored meet it if they have been looked up
    /// and match, or else if that is `assumed`.
    pub(in crate::runs) fn condition(&self, assumed: bool) -> Condition {
        let none = Fingerprint::of(None);
        let is_one_of = |fingerprints: Vec<String>| match &fingerprints[..] {
            [one] => Expr::col(FINGERPRINT).eq(one.as_str()),
            _ => Expr::col(FINGERPRINT).is_in(fingerprints),
        };
        let others = self.fingerprints.iter().filter(|one| **one != none);
        let others: Vec<_> = others.map(ToString::to_string).collect();
        let mut any = Condition::any();
        if !others.is_empty() || self.fingerprints.is_empty() {
            any = any.add(is_one_of(others));
        }
        if self.matches(Some(none)) {
            // It stays with a run without a message that has not failed after all.
            let is_none = Expr::col(FINGERPRINT).eq(none.to_string());
            any = any.add(Condition::all().add(is_none).add(is_failure()));
        }
        match &self.unindexed {
            None if assumed => any.add(is_unindexed()),
            Some(ids) if !ids.is_empty() => any.add(is_unindexed_one_of(ids)),
            _ => any,
        }
    }

    /// Returns the number of disjoint lists that an index supports; `None` if that is unknown.
    pub(in crate::runs) fn lists(&self) -> Option<usize> {
        let unindexed = self.unindexed.as_ref()?;
        Some(self.fingerprints.len() + usize::from(!unindexed.is_empty()))
    }

    /// Splits the filter into disjoint filters that an index supports each.
    pub(in crate::runs) fn split(&self) -> Vec<Self> {
        let stored = self.fingerprints.iter().map(|fingerprint| Self {
            fingerprints: vec![*fingerprint],
            unindexed: Some(Vec::new()),
        });
        let unindexed = self.unindexed.iter().filter(|ids| !ids.is_empty());
        let unindexed = unindexed.map(|ids| Self {
            fingerprints: Vec::new(),
            unindexed: Some(ids.clone()),
        });
        stored.chain(unindexed).collect()
    }

    fn resolve(&mut self, unindexed: &[(Uuid, Fingerprint)]) {
        let matching = unindexed.iter();
        let matching = matching.filter(|(_, fingerprint)| self.matches(Some(*fingerprint)));
        self.unindexed = Some(matching.map(|(id, _)| *id).collect());
    }
}

/// A run may be indexed after it has been looked up.
fn is_unindexed_one_of(ids: &[Uuid]) -> Condition {
    Condition::all()
        .add(Expr::col(FINGERPRINT).is_null())
        .add(Column::Id.is_in(ids.iter().copied()))
}

impl RunFilter {
    /// Returns whether a condition on fingerprints, at any depth, meets a test.
    pub(in crate::runs) fn any_fingerprints(&self, test: fn(&FingerprintFilter) -> bool) -> bool {
        let nested = self.any_of.iter().flatten().chain(self.not.as_deref());
        self.error_fingerprint.as_ref().is_some_and(test)
            || nested
                .into_iter()
                .any(|filter| filter.any_fingerprints(test))
    }

    fn resolve_fingerprints(&mut self, unindexed: &[(Uuid, Fingerprint)]) {
        if let Some(fingerprints) = &mut self.error_fingerprint {
            fingerprints.resolve(unindexed);
        }
        let nested = self
            .any_of
            .iter_mut()
            .flatten()
            .chain(self.not.as_deref_mut());
        for filter in nested {
            filter.resolve_fingerprints(unindexed);
        }
    }
}

impl Runs {
    /// Looks up the runs whose fingerprint is not stored, if they are few: then a database evaluates the filter.
    pub(in crate::runs) async fn with_fingerprints<'a>(
        &self,
        filter: &'a RunFilter,
    ) -> Result<Cow<'a, RunFilter>> {
        if !filter.any_fingerprints(|fingerprints| !fingerprints.is_resolved()) {
            return Ok(Cow::Borrowed(filter));
        }
        let unindexed = self
            .store
            .unindexed_failures(MAX_UNINDEXED as u64 + 1)
            .await?;
        if unindexed.len() > MAX_UNINDEXED {
            return Ok(Cow::Borrowed(filter));
        }
        let fingerprints = unindexed
            .iter()
            .map(|UnindexedFailure { run_id, message }| {
                (*run_id, Fingerprint::of(message.as_deref()))
            });
        let mut resolved = filter.clone();
        resolved.resolve_fingerprints(&fingerprints.collect::<Vec<_>>());
        Ok(Cow::Owned(resolved))
    }
}
