//! Which runs, in which order.

use async_graphql::{Enum, ID, InputObject};

use super::words::{SyncEntityType, SyncSource, SyncStatus, words};
use crate::{
    graphql::{node::uuids, scalars::DateTime},
    runs::{
        Error, Result, RunOrder, RunOrderField,
        filter::{Range, RunFilter, TextMatch},
    },
};

/// How deep filters may stand in one another.
const DEPTH: usize = 8;
/// How many filters may stand in one, itself counted.
const FILTERS: usize = 100;
/// How many values a list may have.
const VALUES: usize = 1000;
/// Characters of a text to search for.
const SEARCH_CHARS: usize = 500;
/// No run takes longer; what is larger compares alike.
const LONGEST_SECONDS: f64 = 3e11;

/// gte <= x < lt
#[derive(Clone, Copy, Debug, Default, InputObject)]
pub(in crate::graphql) struct DateTimeRange {
    /// At this instant or later.
    pub(in crate::graphql) gte: Option<DateTime>,
    /// Before this instant.
    pub(in crate::graphql) lt: Option<DateTime>,
}

/// gte <= x <= lte
#[derive(Clone, Copy, Debug, Default, InputObject)]
pub(in crate::graphql) struct IntRange {
    /// So much or more.
    gte: Option<i32>,
    /// So much or less.
    lte: Option<i32>,
}

/// gte <= x <= lte
#[derive(Clone, Copy, Debug, Default, InputObject)]
pub(in crate::graphql) struct FloatRange {
    /// So much or more.
    gte: Option<f64>,
    /// So much or less.
    lte: Option<f64>,
}

/// All given fields must hold. A list means any of its values (a single value may be written without brackets); an empty list matches nothing; null or absent means not filtered.
#[derive(Clone, Debug, Default, InputObject)]
pub(in crate::graphql) struct SyncRunFilter {
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
    /// The filter as the domain knows it.
    pub(in crate::graphql) fn parse(self) -> Result<RunFilter> {
        let mut left = FILTERS;
        self.parse_at(1, &mut left)
    }

    /// The filter at this depth, of which `left` may follow.
    fn parse_at(self, depth: usize, left: &mut usize) -> Result<RunFilter> {
        if depth > DEPTH {
            return Err(Error::BadInput(format!(
                "filters stand in one another more than {DEPTH} deep; write the filter flatter"
            )));
        }
        *left = left.checked_sub(1).ok_or_else(|| {
            Error::BadInput(format!(
                "more than {FILTERS} filters in one; ask in several requests"
            ))
        })?;
        let any_of = self.any_of.map(|filters| {
            let filters = filters.into_iter();
            filters
                .map(|filter| filter.parse_at(depth + 1, left))
                .collect()
        });
        let any_of = any_of.transpose()?;
        let not = self
            .not
            .map(|filter| filter.parse_at(depth + 1, left).map(Box::new));
        Ok(RunFilter {
            id: ids("id", self.id)?,
            status: values("status", self.status)?.as_deref().map(words),
            source: values("source", self.source)?.as_deref().map(words),
            entity_type: values("entityType", self.entity_type)?
                .as_deref()
                .map(words),
            triggered_by_id: ids("triggeredById", self.triggered_by_id)?,
            started_at: self.started_at.unwrap_or_default().into(),
            completed_at: self.completed_at.unwrap_or_default().into(),
            duration: self.duration_seconds.unwrap_or_default().microseconds(),
            records_processed: self.records_processed.unwrap_or_default().into(),
            records_failed: self.records_failed.unwrap_or_default().into(),
            error_contains: self
                .error_contains
                .map(|text| search("errorContains", text))
                .transpose()?,
            any_of,
            not: not.transpose()?,
        })
    }
}

fn check_length<T>(name: &str, values: Option<&[T]>) -> Result<()> {
    match values {
        Some(values) if values.len() > VALUES => Err(Error::BadInput(format!(
            "{name} has {} values; a filter takes {VALUES} in one list",
            values.len()
        ))),
        _ => Ok(()),
    }
}

/// The list, if it is not too long.
pub(in crate::graphql) fn values<T>(name: &str, values: Option<Vec<T>>) -> Result<Option<Vec<T>>> {
    check_length(name, values.as_deref())?;
    Ok(values)
}

/// The list of ids, if they are some.
pub(in crate::graphql) fn ids(name: &str, ids: Option<Vec<ID>>) -> Result<Option<Vec<uuid::Uuid>>> {
    values(name, ids)?.map(|ids| uuids(name, &ids)).transpose()
}

/// A text to search for, if it is not too long.
pub(in crate::graphql) fn search_text(name: &str, text: String) -> Result<String> {
    if text.chars().count() > SEARCH_CHARS || text.contains('\0') {
        return Err(Error::BadInput(format!(
            "{name} takes a text of at most {SEARCH_CHARS} characters, none of them U+0000"
        )));
    }
    Ok(text)
}

fn search(name: &str, text: String) -> Result<TextMatch> {
    let text = search_text(name, text)?;
    TextMatch::new(text).map_err(|error| Error::BadInput(format!("{name}: {error}")))
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
    /// Seconds in whole microseconds.
    #[expect(clippy::cast_possible_truncation, reason = "clamped before")]
    fn microseconds(self) -> Range<i64> {
        let micros = |seconds: f64| seconds.clamp(-LONGEST_SECONDS, LONGEST_SECONDS) * 1e6;
        Range {
            from: self.gte.map(|seconds| micros(seconds).round() as i64),
            to: self.lte.map(|seconds| micros(seconds).round() as i64),
        }
    }
}

/// What a list of runs can be ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "RunOrderField")]
pub(in crate::graphql) enum SyncRunOrderField {
    /// When they began.
    StartedAt,
    /// When they ended; open runs come last.
    CompletedAt,
    /// How long they took; open runs come last.
    Duration,
    /// How many records were read.
    RecordsProcessed,
    /// How many records could not be taken over.
    RecordsFailed,
}

/// Which way a list runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(in crate::graphql) enum OrderDirection {
    /// Smallest, or oldest, first.
    Asc,
    /// Largest, or newest, first.
    Desc,
}

/// How a list of runs is ordered. Ties are broken by id. Runs without a value come last in both directions.
#[derive(Clone, Copy, Debug, InputObject)]
pub(in crate::graphql) struct SyncRunOrder {
    /// By what.
    #[graphql(default_with = "SyncRunOrderField::StartedAt")]
    field: SyncRunOrderField,
    /// Which way.
    #[graphql(default_with = "OrderDirection::Desc")]
    direction: OrderDirection,
}

/// Newest first.
impl Default for SyncRunOrder {
    fn default() -> Self {
        Self {
            field: SyncRunOrderField::StartedAt,
            direction: OrderDirection::Desc,
        }
    }
}

impl From<SyncRunOrder> for RunOrder {
    fn from(order: SyncRunOrder) -> Self {
        Self {
            field: order.field.into(),
            descending: order.direction == OrderDirection::Desc,
        }
    }
}
