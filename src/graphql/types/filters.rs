//! Inputs and checks shared by the filters of all types.

use async_graphql::{ID, InputObject};
use uuid::Uuid;

use super::{id::parse_uuids, scalars::DateTime};
use crate::runs::{Error, Result, filter::Range};

/// Values in one list of a filter.
const MAX_VALUES: usize = 1000;
/// Characters of a text to search for.
const MAX_SEARCH_CHARS: usize = 500;
/// Bound to which seconds are clamped, about 10,000 years: no run takes longer.
const MAX_SECONDS: f64 = 3e11;

/// A range of time: all given bounds apply.
#[derive(Clone, Copy, Debug, Default, InputObject)]
pub(crate) struct DateTimeRange {
    /// At or after this time.
    pub(crate) gte: Option<DateTime>,
    /// Before this time.
    pub(crate) lt: Option<DateTime>,
}

/// A range of integers: all given bounds apply.
#[derive(Clone, Copy, Debug, Default, InputObject)]
pub(crate) struct IntRange {
    /// Greater than or equal to this value.
    gte: Option<i32>,
    /// Less than or equal to this value.
    lte: Option<i32>,
}

/// A range of numbers: all given bounds apply.
#[derive(Clone, Copy, Debug, Default, InputObject)]
pub(crate) struct FloatRange {
    /// Greater than or equal to this value.
    gte: Option<f64>,
    /// Less than or equal to this value.
    lte: Option<f64>,
}

impl From<DateTimeRange> for Range<chrono::DateTime<chrono::Utc>> {
    fn from(range: DateTimeRange) -> Self {
        Self {
            from: range.gte.map(|at| at.0),
            to: range.lt.map(|at| at.0),
        }
    }
}

impl From<IntRange> for Range<i32> {
    fn from(range: IntRange) -> Self {
        Self {
            from: range.gte,
            to: range.lte,
        }
    }
}

impl FloatRange {
    /// Converts seconds to whole microseconds.
    #[expect(clippy::cast_possible_truncation, reason = "clamped before")]
    pub(crate) fn microseconds(self) -> Range<i64> {
        let micros = |seconds: f64| seconds.clamp(-MAX_SECONDS, MAX_SECONDS) * 1e6;
        Range {
            from: self.gte.map(|seconds| micros(seconds).round() as i64),
            to: self.lte.map(|seconds| micros(seconds).round() as i64),
        }
    }
}

/// Validates the length of the list in the filter field `name`.
///
/// # Errors
/// Returns [`Error::BadInput`] if it has more than [`MAX_VALUES`] values.
pub(crate) fn validate_values<T>(name: &str, values: Option<Vec<T>>) -> Result<Option<Vec<T>>> {
    match &values {
        Some(values) if values.len() > MAX_VALUES => Err(Error::BadInput(format!(
            "{name} has {} values; a filter takes {MAX_VALUES} in one list",
            values.len()
        ))),
        _ => Ok(values),
    }
}

/// Parses the list of ids in the filter field `name`.
///
/// # Errors
/// Returns [`Error::BadInput`] if it is too long or an id is malformed.
pub(crate) fn parse_ids(name: &str, ids: Option<Vec<ID>>) -> Result<Option<Vec<Uuid>>> {
    let ids = validate_values(name, ids)?;
    ids.map(|ids| parse_uuids(name, &ids)).transpose()
}

/// Validates the search text in the filter field `name`.
///
/// # Errors
/// Returns [`Error::BadInput`] if it is longer than [`MAX_SEARCH_CHARS`] or contains U+0000.
pub(crate) fn validate_search_text(name: &str, text: String) -> Result<String> {
    if text.chars().count() > MAX_SEARCH_CHARS || text.contains('\0') {
        return Err(Error::BadInput(format!(
            "{name} takes a text of at most {MAX_SEARCH_CHARS} characters, none of them U+0000"
        )));
    }
    Ok(text)
}
