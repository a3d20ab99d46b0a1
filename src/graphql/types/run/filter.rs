//! The filter of a list of runs.

use std::str::FromStr;

use async_graphql::{ID, InputObject};

use super::enums::{SyncEntityType, SyncSource, SyncStatus, enum_filter};
use crate::{
    graphql::types::filters::{
        DateTimeRange, FloatRange, IntRange, parse_ids, validate_search_text, validate_values,
    },
    runs::{
        Error, Result,
        filter::{EnumFilter, RunFilter, TextMatch},
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
    /// Matches runs with one of these statuses.
    status: Option<Vec<SyncStatus>>,
    /// Matches runs from one of these sources.
    source: Option<Vec<SyncSource>>,
    /// Matches runs of one of these entity types.
    entity_type: Option<Vec<SyncEntityType>>,
    /// Matches runs that were triggered by one of these users, given by UUID.
    triggered_by_id: Option<Vec<ID>>,
    /// Matches runs that started in this range.
    started_at: Option<DateTimeRange>,
    /// Matches runs that ended in this range. Open runs match no range.
    completed_at: Option<DateTimeRange>,
    /// Matches runs whose duration in seconds is in this range. Open runs match no range.
    duration_seconds: Option<FloatRange>,
    /// Matches runs whose number of records read is in this range.
    records_processed: Option<IntRange>,
    /// Matches runs whose number of failed records is in this range.
    records_failed: Option<IntRange>,
    /// Matches runs whose error message contains this text, ignoring case. At most 500 characters.
    error_contains: Option<String>,
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
    /// Returns [`Error::BadInput`] if a value is invalid or there are too many filters or levels.
    pub(crate) fn parse(self) -> Result<RunFilter> {
        let mut remaining = MAX_FILTERS;
        self.parse_at(1, &mut remaining)
    }

    /// Converts a filter nested `depth` levels deep; `remaining` bounds the number of filters.
    fn parse_at(self, depth: usize, remaining: &mut usize) -> Result<RunFilter> {
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
        let mut nested = |filter: Self| filter.parse_at(depth + 1, remaining);
        let any_of = self
            .any_of
            .map(|filters| filters.into_iter().map(&mut nested).collect());
        let any_of = any_of.transpose()?;
        let not = self.not.map(|filter| nested(*filter).map(Box::new));
        Ok(RunFilter {
            id: parse_ids("id", self.id)?,
            status: values("status", self.status)?,
            source: values("source", self.source)?,
            entity_type: values("entityType", self.entity_type)?,
            triggered_by_id: parse_ids("triggeredById", self.triggered_by_id)?,
            started_at: self.started_at.unwrap_or_default().into(),
            completed_at: self.completed_at.unwrap_or_default().into(),
            duration: self.duration_seconds.unwrap_or_default().microseconds(),
            records_processed: self.records_processed.unwrap_or_default().into(),
            records_failed: self.records_failed.unwrap_or_default().into(),
            error_contains: self
                .error_contains
                .map(|text| text_match("errorContains", text))
                .transpose()?,
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

fn text_match(name: &str, text: String) -> Result<TextMatch> {
    validate_search_text(name, text).map(TextMatch::new)
}
