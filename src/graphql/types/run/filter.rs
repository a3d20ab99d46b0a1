//! The filter of a list of runs.

use std::str::FromStr;

use async_graphql::{ID, InputObject};

use super::{
    details_filter::{SyncDetailsFilter, parse_details},
    enums::{SyncEntityType, SyncSource, SyncStatus, enum_filter},
};
use crate::{
    graphql::{
        lossy_numbers::LossyNumbers,
        types::filters::{
            DateTimeRange, FloatRange, IntRange, parse_ids, validate_search_text, validate_values,
        },
    },
    runs::{
        Error, Result,
        failures::{Fingerprint, FingerprintFilter},
        filter::{EnumFilter, IdPrefix, RunFilter, TextMatch},
    },
};

/// Levels of filters nested by `anyOf` and `not`.
const MAX_DEPTH: usize = 8;
/// Filters in one argument, the outermost included.
const MAX_FILTERS: usize = 100;

/// A filter of runs. A run must match all given fields; a field that is absent or null matches every run.
/// A list matches any of its values, at most 1,000; a single value may be given without brackets, and an
/// empty list matches no run.
#[derive(Clone, Debug, Default, InputObject)]
pub(crate) struct SyncRunFilter {
    /// Matches runs with one of these UUIDs.
    id: Option<Vec<ID>>,
    /// Matches runs whose UUID begins with these hexadecimal digits, at least 4, with or without the UUID's dashes.
    id_starts_with: Option<String>,
    /// Matches runs with one of these statuses.
    status: Option<Vec<SyncStatus>>,
    /// Matches runs from one of these sources.
    source: Option<Vec<SyncSource>>,
    /// Matches runs of one of these entity types.
    entity_type: Option<Vec<SyncEntityType>>,
    /// Matches runs that were triggered by one of these users, given by UUID.
    triggered_by_id: Option<Vec<ID>>,
    /// True matches runs that were triggered by a user, false those that were not.
    triggered_by_user: Option<bool>,
    /// Matches runs that started in this range.
    started_at: Option<DateTimeRange>,
    /// Matches runs that ended in this range. Open runs match no range.
    completed_at: Option<DateTimeRange>,
    /// Matches runs that last changed in this range.
    updated_at: Option<DateTimeRange>,
    /// Matches runs whose duration in seconds is in this range. Open runs match no range.
    duration_seconds: Option<FloatRange>,
    /// Matches runs whose number of records read is in this range.
    records_processed: Option<IntRange>,
    /// Matches runs whose number of created records is in this range.
    records_created: Option<IntRange>,
    /// Matches runs whose number of updated records is in this range.
    records_updated: Option<IntRange>,
    /// Matches runs whose number of failed records is in this range.
    records_failed: Option<IntRange>,
    /// Matches runs whose error message contains this text, ignoring case. At most 500 characters.
    error_contains: Option<String>,
    /// Matches runs whose error message belongs to one of these groups of failures, given by the fingerprints that
    /// `syncFailureGroups` returns.
    error_fingerprint: Option<Vec<String>>,
    /// Matches runs whose details meet all of these conditions, at most 20. An empty list matches every run.
    details: Option<Vec<SyncDetailsFilter>>,
    /// Matches runs that match at least one of these filters. At most 100 filters in total, nested at most 8
    /// levels deep.
    any_of: Option<Vec<SyncRunFilter>>,
    /// Matches runs that do not match this filter.
    not: Option<Box<SyncRunFilter>>,
}

impl SyncRunFilter {
    /// Converts the input to the domain's filter.
    ///
    /// # Errors
    /// Returns [`Error::BadInput`] if a value is invalid, a number is not exact, or there are too many filters or levels.
    pub(crate) fn parse(self, lossy: &LossyNumbers) -> Result<RunFilter> {
        let mut remaining = MAX_FILTERS;
        self.parse_at(1, &mut remaining, lossy)
    }

    /// Converts a filter nested `depth` levels deep; `remaining` bounds the number of filters.
    fn parse_at(
        self,
        depth: usize,
        remaining: &mut usize,
        lossy: &LossyNumbers,
    ) -> Result<RunFilter> {
        if depth > MAX_DEPTH {
            return Err(Error::BadInput(format!(
                "filters are nested more than {MAX_DEPTH} levels deep; write the filter flatter"
            )));
        }
        *remaining = remaining.checked_sub(1).ok_or_else(|| {
            Error::BadInput(format!(
                "more than {MAX_FILTERS} filters in one; send several requests"
            ))
        })?;
        let mut nested = |filter: Self| filter.parse_at(depth + 1, remaining, lossy);
        let any_of = self
            .any_of
            .map(|filters| filters.into_iter().map(&mut nested).collect());
        let any_of = any_of.transpose()?;
        let not = self.not.map(|filter| nested(*filter).map(Box::new));
        let id_starts_with = self.id_starts_with.as_deref().map(IdPrefix::parse);
        Ok(RunFilter {
            id: parse_ids("id", self.id)?,
            id_starts_with: id_starts_with.transpose()?,
            status: values("status", self.status)?,
            source: values("source", self.source)?,
            entity_type: values("entityType", self.entity_type)?,
            triggered_by_id: parse_ids("triggeredById", self.triggered_by_id)?,
            triggered_by_user: self.triggered_by_user,
            started_at: self.started_at.unwrap_or_default().into(),
            completed_at: self.completed_at.unwrap_or_default().into(),
            updated_at: self.updated_at.unwrap_or_default().into(),
            duration: self.duration_seconds.unwrap_or_default().microseconds(),
            records_processed: self.records_processed.unwrap_or_default().into(),
            records_created: self.records_created.unwrap_or_default().into(),
            records_updated: self.records_updated.unwrap_or_default().into(),
            records_failed: self.records_failed.unwrap_or_default().into(),
            error_contains: self
                .error_contains
                .map(|text| text_match("errorContains", text))
                .transpose()?,
            preselection: None,
            error_fingerprint: fingerprints(self.error_fingerprint)?,
            details: parse_details(self.details.unwrap_or_default(), lossy)?,
            any_of,
            not: not.transpose()?,
        })
    }
}

fn values<W: FromStr, V: AsRef<str>>(
    name: &str,
    values: Option<Vec<V>>,
) -> Result<Option<EnumFilter<W>>> {
    let values = validate_values(name, values)?;
    Ok(values.as_deref().map(enum_filter))
}

fn fingerprints(values: Option<Vec<String>>) -> Result<Option<FingerprintFilter>> {
    let values = validate_values("errorFingerprint", values)?;
    let parse = |values: Vec<String>| {
        let values = values.iter().map(|value| Fingerprint::parse(value));
        values.collect::<Result<_>>().map(FingerprintFilter::new)
    };
    values.map(parse).transpose()
}

fn text_match(name: &str, text: String) -> Result<TextMatch> {
    validate_search_text(name, text).map(TextMatch::new)
}
