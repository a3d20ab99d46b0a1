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

/// All given fields must hold. A list means any of its values (a single value may be written without brackets); an empty list matches nothing; null or absent means not filtered.
#[derive(Clone, Debug, Default, InputObject)]
pub(crate) struct SyncRunFilter {
    /// Any of these ids.
    id: Option<Vec<ID>>,
    /// Any of these statuses.
    status: Option<Vec<SyncStatus>>,
    /// Any of these sources.
    source: Option<Vec<SyncSource>>,
    /// Any of these entity types.
    entity_type: Option<Vec<SyncEntityType>>,
    /// Triggered by any of these users.
    triggered_by_id: Option<Vec<ID>>,
    /// Began in this time.
    started_at: Option<DateTimeRange>,
    /// Ended in this time.
    completed_at: Option<DateTimeRange>,
    /// Took so many seconds; open runs match no range.
    duration_seconds: Option<FloatRange>,
    /// Read so many records.
    records_processed: Option<IntRange>,
    /// Failed to take over so many records.
    records_failed: Option<IntRange>,
    /// Case-insensitive part of the error message.
    error_contains: Option<String>,
    /// Any of these filters must hold.
    any_of: Option<Vec<SyncRunFilter>>,
    /// This filter must not hold.
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
    let text = validate_search_text(name, text)?;
    TextMatch::new(text).map_err(|error| Error::BadInput(format!("{name}: {error}")))
}
