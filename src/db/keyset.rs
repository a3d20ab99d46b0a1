//! Keyset pagination: pages are selected by position, not by offset, so that a page costs the same at any depth.
//!
//! A list is ordered by one expression, then by what breaks ties. Rows in which the expression is NULL come last in both
//! directions. A list therefore consists of two sections, and an index supports each of them in either direction.

use sea_orm::DbErr;
use sea_orm::sea_query::{
    Condition, Expr, ExprTrait, IntoCondition, Order as SqlOrder, Query, SelectStatement,
    SubQueryStatement, TableRef,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The position of a row in a list: a decoded cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Position {
    /// Value of the ordering expression.
    pub value: PositionValue,
    /// Position among the rows with this value, in the order in which they were written; 0 in lists without this order.
    pub seq: i64,
    /// Id of the row.
    pub id: Uuid,
}

/// The value of the ordering expression at a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PositionValue {
    /// NULL.
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

/// A request for a page of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PageRequest {
    /// Maximum number of rows.
    pub limit: u32,
    /// Only rows after this position.
    pub after: Option<Position>,
    /// Only rows before this position.
    pub before: Option<Position>,
    /// Selects the last rows instead of the first.
    pub from_end: bool,
    /// Fetches one more row, to find out whether more rows follow in the direction of the page.
    pub fetch_extra: bool,
}

impl PageRequest {
    /// Returns the number of rows to fetch.
    #[must_use]
    pub fn fetch_limit(&self) -> u64 {
        u64::from(self.limit) + u64::from(self.fetch_extra)
    }
}

/// The rows of a page, in the order of the list.
#[derive(Clone, Debug)]
pub struct PageRows<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Whether rows precede the page. A page that selects the last rows needs [`PageRequest::fetch_extra`] for this;
    /// for others it is whether the request has `after`.
    pub has_previous: bool,
    /// Whether rows follow the page. A page that selects the first rows needs [`PageRequest::fetch_extra`] for this;
    /// for others it is whether the request has `before`.
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
    pub fn from_read(mut rows: Vec<T>, page: &PageRequest) -> Self {
        let limit = page.limit as usize;
        let more = rows.len() > limit;
        rows.truncate(limit);
        if page.from_end {
            rows.reverse();
        }
        Self {
            rows,
            has_previous: if page.from_end {
                more
            } else {
                page.after.is_some()
            },
            has_next: if page.from_end {
                page.before.is_some()
            } else {
                more
            },
        }
    }
}

/// The order of a list.
#[derive(Clone, Debug)]
pub struct KeysetOrder {
    /// The table of the listed rows.
    pub table: TableRef,
    /// The ordering expression, as in its index.
    pub by: Expr,
    /// What breaks ties; together with the ordering expression it is unique.
    pub ties: Vec<Tie>,
    /// The id column.
    pub id: Expr,
    /// Whether the expression may be NULL.
    pub nullable: bool,
    /// Largest value first.
    pub descending: bool,
    /// Converts an exact value of a [`Position`] to an operand that can be compared with the expression.
    pub operand: fn(i64) -> Expr,
}

/// An expression that breaks ties.
#[derive(Clone, Debug)]
pub struct Tie {
    /// The expression, as in its index.
    pub by: Expr,
    /// Returns its value at a position.
    pub value: fn(Position) -> Expr,
}

/// The two sections of a list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Valued,
    Null,
}

impl KeysetOrder {
    /// Restricts `select` to `page`, for a list whose expression is never NULL.
    #[must_use]
    pub fn select(&self, select: SelectStatement, page: &PageRequest) -> SelectStatement {
        // No row of such a list follows a position without a value.
        let never = || Expr::val(1).eq(2).into_condition();
        let bounds = self.bounds(page, Section::Valued).unwrap_or_else(never);
        self.restrict(select, bounds, page, page.fetch_limit())
    }

    /// Reads `page` of the rows that `select` matches. `read` executes a select and returns its rows in order; it is
    /// called once per section that the page may include.
    ///
    /// # Errors
    /// Returns the error of `read`.
    pub async fn read<T, Reading>(
        &self,
        select: SelectStatement,
        page: &PageRequest,
        read: impl Fn(SelectStatement) -> Reading,
    ) -> Result<PageRows<T>, DbErr>
    where
        Reading: Future<Output = Result<Vec<T>, DbErr>>,
    {
        if !self.nullable {
            let rows = read(self.select(select, page)).await?;
            return Ok(PageRows::from_read(rows, page));
        }
        let mut sections = [Section::Valued, Section::Null];
        if page.from_end {
            sections.reverse();
        }
        let limit = page.fetch_limit();
        let mut rows = Vec::new();
        for section in sections {
            let missing = limit - rows.len() as u64;
            if missing == 0 {
                break;
            }
            if let Some(bounds) = self.bounds(page, section) {
                let select = self.restrict(select.clone(), bounds, page, missing);
                rows.extend(read(select).await?);
            }
        }
        Ok(PageRows::from_read(rows, page))
    }

    /// Returns the condition for the rows of a section that lie within the bounds of a page; `None` if the bounds
    /// exclude the section.
    fn bounds(&self, page: &PageRequest, section: Section) -> Option<Condition> {
        let mut condition = Condition::all();
        if self.nullable {
            condition = condition.add(match section {
                Section::Valued => self.by.clone().is_not_null(),
                Section::Null => self.by.clone().is_null(),
            });
        }
        for (bound, is_after) in [(page.after, true), (page.before, false)] {
            let Some(bound) = bound else { continue };
            let ties = self.ties.iter();
            let (by, at): (Vec<_>, Vec<_>) =
                ties.map(|tie| (tie.by.clone(), (tie.value)(bound))).unzip();
            let compared = match (section, bound.value) {
                (Section::Valued, PositionValue::Exact(_) | PositionValue::Stored) => {
                    let row = [self.by.clone()].into_iter().chain(by);
                    let position = [self.value(bound)].into_iter().chain(at);
                    (Expr::tuple(row), Expr::tuple(position))
                }
                (Section::Null, PositionValue::Null) => (Expr::tuple(by), Expr::tuple(at)),
                // Rows without a value come last, after every row that has one.
                (Section::Null, PositionValue::Exact(_) | PositionValue::Stored) if !is_after => {
                    return None;
                }
                (Section::Valued, PositionValue::Null) if is_after => return None,
                _ => continue,
            };
            let (row, position) = compared;
            condition = condition.add(if is_after == self.descending {
                row.lt(position)
            } else {
                row.gt(position)
            });
        }
        Some(condition)
    }

    /// Restricts `select` to the first rows that match a condition, in the direction of a page.
    fn restrict(
        &self,
        mut select: SelectStatement,
        condition: Condition,
        page: &PageRequest,
        limit: u64,
    ) -> SelectStatement {
        let order = if self.descending == page.from_end {
            SqlOrder::Asc
        } else {
            SqlOrder::Desc
        };
        // Also by the expression where it is NULL: PostgreSQL does not infer that it is constant in the section,
        // and would not use the index for an order by id alone.
        select
            .cond_where(condition)
            .order_by_expr(self.by.clone(), order.clone());
        for tie in &self.ties {
            select.order_by_expr(tie.by.clone(), order.clone());
        }
        select.limit(limit).take()
    }

    /// Returns the value of the ordering expression at a position.
    fn value(&self, position: Position) -> Expr {
        if let PositionValue::Exact(value) = position.value {
            return (self.operand)(value);
        }
        let stored = Query::select()
            .expr(self.by.clone())
            .from(self.table.clone())
            .and_where(self.id.clone().eq(position.id))
            .take();
        Expr::SubQuery(None, Box::new(SubQueryStatement::SelectStatement(stored)))
    }
}
