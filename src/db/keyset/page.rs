//! Positions and pages of a list.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The position of a row in a list: a decoded cursor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Position {
    /// Number of the row's group; 0 in lists of one group.
    pub group: u8,
    /// Value of the ordering expression.
    pub value: PositionValue,
    /// Position among the rows with this value, in the order in which they were written; 0 in lists without this order.
    pub seq: i64,
    /// Id of the row.
    pub id: Uuid,
}

/// The value of the ordering expression at a position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PositionValue {
    /// NULL, as in all rows of the group.
    #[default]
    Null,
    /// A number; timestamps and durations are in microseconds.
    Exact(i64),
    /// A value that a cursor cannot represent: it is looked up in the row with the position's id.
    Stored,
}

impl From<Option<i64>> for PositionValue {
    fn from(value: Option<i64>) -> Self {
        value.map_or(Self::Null, Self::Exact)
    }
}

/// A request for a page of a list, whose cursors are positions `P`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PageRequest<P = Position> {
    /// Maximum number of rows.
    pub limit: u32,
    /// Number of rows to skip, in the direction of the page. Not together with `after` and `before`.
    pub offset: u32,
    /// Only rows after this position.
    pub after: Option<P>,
    /// Only rows before this position.
    pub before: Option<P>,
    /// Selects the last rows instead of the first.
    pub from_end: bool,
    /// Fetches one more row, to find out whether more rows follow in the direction of the page.
    pub fetch_extra: bool,
}

impl<P> PageRequest<P> {
    /// Returns the number of rows to fetch.
    #[must_use]
    pub fn fetch_limit(&self) -> u64 {
        u64::from(self.limit) + u64::from(self.fetch_extra)
    }
}

impl PageRequest {
    /// Returns a request for the first row, to find out whether a page without rows skips any.
    #[must_use]
    pub fn first_row(&self) -> Self {
        Self {
            limit: 1,
            offset: 0,
            fetch_extra: false,
            ..*self
        }
    }
}

/// The rows of a page, in the order of the list.
#[derive(Clone, Debug)]
pub struct PageRows<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Whether rows precede the page. A page that selects the last rows needs [`PageRequest::fetch_extra`] for this;
    /// for others it is whether the request has `after` or skips rows.
    pub has_previous: bool,
    /// Whether rows follow the page. A page that selects the first rows needs [`PageRequest::fetch_extra`] for this;
    /// for others it is whether the request has `before` or skips rows.
    pub has_next: bool,
}

impl<T> PageRows<T> {
    /// Converts each row.
    #[must_use]
    pub fn map<U>(self, convert: impl FnMut(T) -> U) -> PageRows<U> {
        PageRows {
            rows: self.rows.into_iter().map(convert).collect(),
            has_previous: self.has_previous,
            has_next: self.has_next,
        }
    }

    /// Creates a page from rows that were fetched in the direction of the page: from its end if it selects the last
    /// rows.
    #[must_use]
    pub fn from_read<P>(mut rows: Vec<T>, page: &PageRequest<P>) -> Self {
        let limit = page.limit as usize;
        let more = rows.len() > limit;
        rows.truncate(limit);
        if page.from_end {
            rows.reverse();
        }
        let skips = page.offset > 0;
        Self {
            rows,
            has_previous: if page.from_end {
                more
            } else {
                page.after.is_some() || skips
            },
            has_next: if page.from_end {
                page.before.is_some() || skips
            } else {
                more
            },
        }
    }

    /// Returns whether the page has as many rows as were requested, and the extra row if that was requested.
    #[must_use]
    pub fn is_full(&self, page: &PageRequest) -> bool {
        let more = if page.from_end {
            self.has_previous
        } else {
            self.has_next
        };
        self.rows.len() == page.limit as usize && (more || !page.fetch_extra)
    }

    /// Returns whether the page is beyond the last row of the list, which may have no row at all.
    #[must_use]
    pub fn is_beyond(&self, page: &PageRequest) -> bool {
        let more = if page.from_end {
            self.has_previous
        } else {
            self.has_next
        };
        page.offset > 0 && page.fetch_extra && self.rows.is_empty() && !more
    }

    /// The page of a list without rows: nothing precedes or follows it.
    #[must_use]
    pub fn none() -> Self {
        Self {
            rows: Vec::new(),
            has_previous: false,
            has_next: false,
        }
    }
}
