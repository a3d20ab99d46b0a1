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
    /// After this time.
    gt: Option<DateTime>,
    /// At or after this time.
    gte: Option<DateTime>,
    /// Before this time.
    lt: Option<DateTime>,
    /// At or before this time.
    lte: Option<DateTime>,
}

/// A range of integers: all given bounds apply.
#[derive(Clone, Copy, Debug, Default, InputObject)]
pub(crate) struct IntRange {
    /// Greater than this value.
    gt: Option<i32>,
    /// Greater than or equal to this value.
    gte: Option<i32>,
    /// Less than this value.
    lt: Option<i32>,
    /// Less than or equal to this value.
    lte: Option<i32>,
}

/// A range of numbers: all given bounds apply.
#[derive(Clone, Copy, Debug, Default, InputObject)]
pub(crate) struct FloatRange {
    /// Greater than this value.
    gt: Option<f64>,
    /// Greater than or equal to this value.
    gte: Option<f64>,
    /// Less than this value.
    lt: Option<f64>,
    /// Less than or equal to this value.
    lte: Option<f64>,
}

impl From<DateTimeRange> for Range<chrono::DateTime<chrono::Utc>> {
    fn from(range: DateTimeRange) -> Self {
        let DateTimeRange { gt, gte, lt, lte } = range;
        let instant = |at: Option<DateTime>| at.map(|at| at.0);
        Self::new(instant(gt), instant(gte), instant(lt), instant(lte))
    }
}

impl From<IntRange> for Range<i32> {
    fn from(range: IntRange) -> Self {
        Self::new(range.gt, range.gte, range.lt, range.lte)
    }
}

impl FloatRange {
    /// Converts seconds to whole microseconds.
    pub(crate) fn microseconds(self) -> Range<i64> {
        #[expect(clippy::cast_possible_truncation, reason = "clamped before")]
        let micros = |seconds: f64| {
            let micros = seconds.clamp(-MAX_SECONDS, MAX_SECONDS) * 1e6;
            micros.round() as i64
        };
        let Self { gt, gte, lt, lte } = self;
        Range::new(
            gt.map(micros),
            gte.map(micros),
            lt.map(micros),
            lte.map(micros),
        )
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
