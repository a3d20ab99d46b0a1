//! Which lists of runs an index supports, so that the cost of a page does not depend on the number of runs.
//!
//! Indexes support lists ordered by start time with a single value in one of `status`, `source`, `entity_type` and
//! `triggered_by_id`, or in two of the first three, or of a fingerprint and a status; and unfiltered lists in every other order. A list with several
//! values is the union of the lists of each value. A list ordered by an enum consists of the lists of each of its values,
//! one after the other.

use strum::VariantArray;

use super::{
    RunOrderField,
    filter::{EnumFilter, FingerprintFilter, RunFilter},
};

/// Lists combined into one, at most: each is read to the depth of the page.
const MAX_LISTS: usize = 8;
/// Lists combined into a group, at most, in a list of several groups.
const MAX_LISTS_IN_GROUP: usize = 2;

impl RunFilter {
    /// Returns whether an index supports a list of the matching runs in this order. The cost of a page then does not
    /// depend on the number of runs.
    #[must_use]
    pub fn is_indexed(&self, order: RunOrderField) -> bool {
        if self.error_contains.is_some()
            || self.any_of.is_some()
            || self.not.is_some()
            || !self.details.is_empty()
            || self.id_starts_with.is_some()
        {
            return false;
        }
        if self.id.is_some() {
            return true;
        }
        if self.triggered_by_user.is_some() {
            return false;
        }
        let enums = [
            (
                RunOrderField::Status,
                self.status.as_ref().map(EnumFilter::known_values),
            ),
            (
                RunOrderField::Source,
                self.source.as_ref().map(EnumFilter::known_values),
            ),
            (
                RunOrderField::EntityType,
                self.entity_type.as_ref().map(EnumFilter::known_values),
            ),
        ];
        if let Some(fingerprints) = &self.error_fingerprint {
            return order == RunOrderField::StartedAt
                && self.supports_fingerprints(fingerprints)
                && self.has_no_range_but(order);
        }
        let users = self.triggered_by_id.as_ref().map(|ids| Some(ids.len()));
        let (max_filters, max_lists) = match order {
            RunOrderField::StartedAt if users.is_none() => (2, MAX_LISTS),
            RunOrderField::StartedAt => (1, MAX_LISTS),
            _ if order.is_enum() && users.is_none() => (1, MAX_LISTS_IN_GROUP),
            _ => (0, 1),
        };
        // The values of the enum that a list is ordered by select its groups.
        let is_known = enums
            .iter()
            .all(|(field, values)| *field != order || *values != Some(None));
        let others = enums.iter().filter(|(field, _)| *field != order);
        let filters = others.filter_map(|(_, values)| *values).chain(users);
        let filters: Vec<_> = filters.collect();
        let lists = filters.iter().try_fold(1, |lists: usize, values| {
            Some(lists.saturating_mul((*values)?))
        });
        is_known
            && filters.len() <= max_filters
            && lists.is_some_and(|lists| lists <= max_lists)
            && self.has_no_range_but(order)
    }

    /// Returns whether an index supports a list of the runs with one of these fingerprints, and one of the statuses.
    fn supports_fingerprints(&self, fingerprints: &FingerprintFilter) -> bool {
        let statuses = self.status.as_ref();
        let statuses = statuses.map_or(Some(1), EnumFilter::known_values);
        let lists = fingerprints.lists().zip(statuses);
        let lists = lists.map(|(lists, statuses)| lists.saturating_mul(statuses));
        let has_others =
            self.source.is_some() || self.entity_type.is_some() || self.triggered_by_id.is_some();
        !has_others && lists.is_some_and(|lists| lists <= MAX_LISTS)
    }

    /// Returns whether the only range is that of the field that rows are ordered by.
    fn has_no_range_but(&self, order: RunOrderField) -> bool {
        let by = if order.is_enum() {
            RunOrderField::StartedAt
        } else {
            order
        };
        let ranges = [
            (RunOrderField::StartedAt, self.started_at.is_some()),
            (RunOrderField::CompletedAt, self.completed_at.is_some()),
            (RunOrderField::Duration, self.duration.is_some()),
            (
                RunOrderField::RecordsProcessed,
                self.records_processed.is_some(),
            ),
            (RunOrderField::RecordsFailed, self.records_failed.is_some()),
        ];
        let is_unindexed = self.updated_at.is_some()
            || self.records_created.is_some()
            || self.records_updated.is_some();
        !is_unindexed && ranges.iter().all(|(field, is_set)| *field == by || !is_set)
    }

    /// Returns whether an index supports counting the matching runs: one that supports a list in any order does.
    #[must_use]
    pub fn is_indexed_for_count(&self) -> bool {
        let mut orders = RunOrderField::VARIANTS.iter();
        orders.any(|order| !order.is_enum() && self.is_indexed(*order))
    }

    /// Splits the filter into disjoint filters with a single value each, which together match the same runs; `None`
    /// if it is such a filter already.
    pub(super) fn split_by_value(&self) -> Option<Vec<Self>> {
        let numbers = [
            self.status.as_ref().map(|values| values.known.len()),
            self.source.as_ref().map(|values| values.known.len()),
            self.entity_type.as_ref().map(|values| values.known.len()),
            self.triggered_by_id.as_ref().map(Vec::len),
            self.error_fingerprint
                .as_ref()
                .map(|one| one.lists().unwrap_or_default()),
        ];
        if self.id.is_some() || numbers.into_iter().flatten().all(|number| number == 1) {
            return None;
        }
        let mut all = vec![self.clone()];
        all = split(all, self.status.as_ref(), |filter, value| {
            filter.status = Some(value);
        });
        all = split(all, self.source.as_ref(), |filter, value| {
            filter.source = Some(value);
        });
        all = split(all, self.entity_type.as_ref(), |filter, value| {
            filter.entity_type = Some(value);
        });
        if let Some(fingerprints) = &self.error_fingerprint {
            let parts = fingerprints.split().into_iter();
            let with = |part: FingerprintFilter, filter: &Self| Self {
                error_fingerprint: Some(part),
                ..filter.clone()
            };
            all = parts
                .flat_map(|part| all.iter().map(move |filter| with(part.clone(), filter)))
                .collect();
        }
        if let Some(ids) = &self.triggered_by_id {
            let mut ids = ids.clone();
            ids.sort_unstable();
            ids.dedup();
            let with = |id, filter: &Self| Self {
                triggered_by_id: Some(vec![id]),
                ..filter.clone()
            };
            let ids = ids.into_iter();
            all = ids
                .flat_map(|id| all.iter().map(move |filter| with(id, filter)))
                .collect();
        }
        (all.len() != 1).then_some(all)
    }
}

/// Combines each filter with each value.
fn split<T: Copy + PartialEq>(
    filters: Vec<RunFilter>,
    values: Option<&EnumFilter<T>>,
    set: impl Fn(&mut RunFilter, EnumFilter<T>),
) -> Vec<RunFilter> {
    let Some(values) = values else {
        return filters;
    };
    let mut distinct: Vec<T> = Vec::with_capacity(values.known.len());
    for value in &values.known {
        if !distinct.contains(value) {
            distinct.push(*value);
        }
    }
    let mut all = Vec::with_capacity(filters.len() * distinct.len());
    for value in distinct {
        for filter in &filters {
            let mut filter = filter.clone();
            let value = EnumFilter {
                known: vec![value],
                unknown: false,
            };
            set(&mut filter, value);
            all.push(filter);
        }
    }
    all
}

impl<T> EnumFilter<T> {
    /// Returns the number of values; `None` if unknown values match, too.
    fn known_values(&self) -> Option<usize> {
        (!self.unknown).then_some(self.known.len())
    }
}
