//! Pages of a list by key, never by offset: the cost of a page does not depend on its depth.
//!
//! A list is ordered by one expression and then by id. Rows in which the expression is NULL come
//! last in both directions, so a list is two sections one after the other, each of which an index
//! serves in either direction.

use sea_orm::DbErr;
use sea_orm::sea_query::{Condition, Expr, ExprTrait, Order as SqlOrder, SelectStatement};
use uuid::Uuid;

/// A place in a list: the value ordered by, as a whole number (instants and durations in
/// microseconds), and the id that breaks ties.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// None where the row has no value.
    pub value: Option<i64>,
    /// The row's id.
    pub id: Uuid,
}

/// Which rows of a list are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PageRequest {
    /// At most so many.
    pub limit: u32,
    /// Only rows behind this place.
    pub after: Option<Position>,
    /// Only rows before this place.
    pub before: Option<Position>,
    /// The last rows rather than the first.
    pub from_end: bool,
    /// Whether it is to be told that there are more on the far side, for which one row more is read.
    pub fetch_extra: bool,
}

impl PageRequest {
    /// Rows to read.
    #[must_use]
    pub fn to_read(&self) -> u64 {
        u64::from(self.limit) + u64::from(self.fetch_extra)
    }
}

/// Rows in the order of the list, and whether there are more on either side, as far as the page looks.
#[derive(Clone, Debug)]
pub struct PageRows<T> {
    /// The page's rows.
    pub rows: Vec<T>,
    /// There are rows before the first.
    pub has_previous: bool,
    /// There are rows behind the last.
    pub has_next: bool,
}

impl<T> PageRows<T> {
    /// The same page of what is made of its rows.
    #[must_use]
    pub fn map<U>(self, make: impl FnMut(T) -> U) -> PageRows<U> {
        PageRows {
            rows: self.rows.into_iter().map(make).collect(),
            has_previous: self.has_previous,
            has_next: self.has_next,
        }
    }

    /// Makes a page of what was read, in the direction it is read in.
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

/// What a list is ordered by.
#[derive(Clone, Debug)]
pub struct KeysetOrder {
    /// The expression, as its index has it.
    pub by: Expr,
    /// The id column.
    pub id: Expr,
    /// Whether the expression may be NULL.
    pub nullable: bool,
    /// Largest first.
    pub descending: bool,
    /// A position's value as an operand that compares with the expression.
    pub operand: fn(i64) -> Expr,
}

/// The two sections of a list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Valued,
    Null,
}

impl KeysetOrder {
    /// The select of `page`, for a list without NULL.
    #[must_use]
    pub fn select(&self, select: SelectStatement, page: &PageRequest) -> SelectStatement {
        self.select_section(select, page, Section::Valued, page.to_read())
            .unwrap_or_else(|| unreachable!("a position without a value in a list without NULL"))
    }

    /// Reads `page` of what `select` finds; `read` reads what such a select finds, in its order.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn read<T, Reading>(
        &self,
        select: SelectStatement,
        page: &PageRequest,
        read: impl Fn(SelectStatement) -> Reading,
    ) -> Result<PageRows<T>, DbErr>
    where
        Reading: Future<Output = Result<Vec<T>, DbErr>>,
    {
        let mut sections = if self.nullable {
            vec![Section::Valued, Section::Null]
        } else {
            vec![Section::Valued]
        };
        if page.from_end {
            sections.reverse();
        }
        let wanted = page.to_read();
        let mut rows = Vec::new();
        for section in sections {
            let missing = wanted - rows.len() as u64;
            if missing == 0 {
                break;
            }
            if let Some(select) = self.select_section(select.clone(), page, section, missing) {
                rows.extend(read(select).await?);
            }
        }
        Ok(PageRows::from_read(rows, page))
    }

    /// The part of a page that lies in one section, read from the end the page starts at; None
    /// where its bounds exclude all of the section.
    fn select_section(
        &self,
        mut select: SelectStatement,
        page: &PageRequest,
        section: Section,
        limit: u64,
    ) -> Option<SelectStatement> {
        let mut condition = Condition::all();
        if self.nullable {
            condition = condition.add(match section {
                Section::Valued => self.by.clone().is_not_null(),
                Section::Null => self.by.clone().is_null(),
            });
        }
        for (bound, behind) in [(page.after, true), (page.before, false)] {
            let Some(bound) = bound else { continue };
            let greater = behind != self.descending;
            match (section, bound.value) {
                (Section::Valued, Some(value)) => {
                    let row = Expr::tuple([self.by.clone(), self.id.clone()]);
                    let place = Expr::tuple([(self.operand)(value), Expr::val(bound.id)]);
                    condition = condition.add(if greater {
                        row.gt(place)
                    } else {
                        row.lt(place)
                    });
                }
                (Section::Null, None) => {
                    let id = self.id.clone();
                    condition = condition.add(if greater {
                        id.gt(bound.id)
                    } else {
                        id.lt(bound.id)
                    });
                }
                // Rows without a value come last: all of them lie behind any row with one.
                (Section::Null, Some(_)) if !behind => return None,
                (Section::Valued, None) if behind => return None,
                (Section::Null, Some(_)) | (Section::Valued, None) => {}
            }
        }
        let order = if self.descending == page.from_end {
            SqlOrder::Asc
        } else {
            SqlOrder::Desc
        };
        // By the expression where it is NULL too: PostgreSQL does not see that it is the same in all of
        // the section, and finds no index in the order of ids alone.
        select
            .cond_where(condition)
            .order_by_expr(self.by.clone(), order.clone())
            .order_by_expr(self.id.clone(), order)
            .limit(limit);
        Some(select)
    }
}
