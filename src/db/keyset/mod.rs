//! Keyset pagination: pages are selected by position, so that a page costs the same at any depth. A page may also skip
//! rows, for numbered pages.
//!
//! A list consists of one or more groups of rows, one after the other: those without a value come after those with one,
//! for example. Within a group, rows are ordered by one expression, then by what breaks ties. An index supports each group
//! in either direction, or each of several lists that are merged to the group.

mod page;

pub use page::{PageRequest, PageRows, Position, PositionValue};
use sea_orm::sea_query::{
    Asterisk, Condition, Expr, ExprTrait, Order as SqlOrder, Query, SelectStatement,
    SubQueryStatement, TableRef, UnionType,
};

/// The order of the rows of a group.
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

/// A group of the rows of a list.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its number in a [`Position`].
    pub number: u8,
    /// Conditions that no two of its rows meet: an index supports each of these lists. None if the group is empty.
    pub lists: Vec<Condition>,
}

/// The part of a group that lies between the cursors of a page.
#[derive(Clone, Debug)]
pub struct Slice {
    /// The place of the group in the list.
    place: i32,
    /// Conditions as in [`Group::lists`].
    pub lists: Vec<Condition>,
}

/// A statement that selects a page.
#[derive(Clone, Debug)]
pub enum PageSelect {
    /// Selects the rows, in the direction of the page.
    Rows(SelectStatement),
    /// Selects the rows' ids, in a column named [`PAGE_ID`].
    Ids(SelectStatement),
}

/// The column of the ids of a page.
pub const PAGE_ID: &str = "page_id";
/// The column of the place of a row's group.
const PLACE: &str = "place";

impl KeysetOrder {
    /// Restricts `select` to `page`, for a list of one group.
    #[must_use]
    pub fn select(&self, mut select: SelectStatement, page: &PageRequest) -> SelectStatement {
        for (position, is_after) in [(page.after, true), (page.before, false)] {
            if let Some(position) = position {
                select.and_where(self.bound(position, is_after));
            }
        }
        self.restrict(select, page, page.fetch_limit(), page.offset)
    }

    /// Returns the parts of the groups of a list that lie between the cursors of `page`, in the direction of the page.
    #[must_use]
    pub fn slices(&self, groups: Vec<Group>, page: &PageRequest) -> Vec<Slice> {
        let place = |position: Position| {
            let mut groups = groups.iter();
            groups.position(|group| group.number == position.group)
        };
        let (first, last) = (page.after.and_then(place), page.before.and_then(place));
        let mut slices = Vec::with_capacity(groups.len());
        for (index, group) in groups.into_iter().enumerate() {
            let is_outside =
                first.is_some_and(|first| index < first) || last.is_some_and(|last| index > last);
            if is_outside {
                continue;
            }
            let mut lists = group.lists;
            for (position, is_after, at) in [(page.after, true, first), (page.before, false, last)]
            {
                if let Some(position) = position.filter(|_| at == Some(index)) {
                    let bound = self.bound(position, is_after);
                    lists = lists
                        .into_iter()
                        .map(|list| list.add(bound.clone()))
                        .collect();
                }
            }
            if !lists.is_empty() {
                let place = i32::try_from(index).unwrap_or(i32::MAX);
                slices.push(Slice { place, lists });
            }
        }
        if page.from_end {
            slices.reverse();
        }
        slices
    }

    /// Selects the rows of `page` from slices, of which all rows but `skip` of the first one belong to the list from the
    /// page on. `select` selects all rows. `None` if there are no slices.
    #[must_use]
    pub fn select_slices(
        &self,
        mut select: SelectStatement,
        slices: Vec<Slice>,
        page: &PageRequest,
        skip: u32,
    ) -> Option<PageSelect> {
        let limit = page.fetch_limit();
        // An index skips the rows of a single list; those of merged lists are skipped once they are merged.
        let is_merged = slices.first()?.lists.len() > 1;
        let (skip_in_list, skip_merged) = if is_merged { (0, skip) } else { (skip, 0) };
        let mut lists = Vec::new();
        for (index, slice) in slices.into_iter().enumerate() {
            let (skip_in_list, depth) = match index {
                0 => (skip_in_list, limit + u64::from(skip_merged)),
                _ => (0, limit),
            };
            for list in slice.lists {
                lists.push((slice.place, list, skip_in_list, depth));
            }
        }
        if let [(_, list, skip, _)] = &lists[..] {
            select.cond_where(list.clone());
            return Some(PageSelect::Rows(self.restrict(select, page, limit, *skip)));
        }
        let lists = lists.into_iter().map(|(place, list, skip, depth)| {
            let keys = self.keys(place).cond_where(list).take();
            self.restrict(keys, page, depth, skip)
        });
        let mut ids = Query::select()
            .column(PAGE_ID)
            .from_subquery(union_all(lists)?, "list")
            .take();
        let directions = [page.from_end, self.descending != page.from_end];
        let [places, keys] = directions.map(direction);
        ids.order_by(PLACE, places);
        for key in 0..=self.ties.len() {
            ids.order_by(key_name(key), keys.clone());
        }
        if skip_merged > 0 {
            ids.offset(skip_merged.into());
        }
        Some(PageSelect::Ids(ids.limit(limit).take()))
    }

    /// Selects the first rows of a list, as `1`: the order makes its index applicable.
    #[must_use]
    pub fn first_rows(&self, list: &Condition, page: &PageRequest, limit: u32) -> SelectStatement {
        let select = Query::select()
            .expr(Expr::cust("1"))
            .from(self.table.clone())
            .cond_where(list.clone())
            .take();
        self.restrict(select, page, limit.into(), 0)
    }

    /// Selects what rows are ordered by.
    fn keys(&self, place: i32) -> SelectStatement {
        let mut select = Query::select();
        select
            .expr_as(self.id.clone(), PAGE_ID)
            .expr_as(Expr::val(place), PLACE)
            .from(self.table.clone());
        let keys = [&self.by]
            .into_iter()
            .chain(self.ties.iter().map(|tie| &tie.by));
        for (index, key) in keys.enumerate() {
            select.expr_as(key.clone(), key_name(index));
        }
        select.take()
    }

    /// Returns the condition for the rows of a position's group that are after the position, or before it.
    fn bound(&self, position: Position, is_after: bool) -> Expr {
        let ties = self.ties.iter();
        let (mut row, mut at): (Vec<_>, Vec<_>) = ties
            .map(|tie| (tie.by.clone(), (tie.value)(position)))
            .unzip();
        if position.value != PositionValue::Null {
            row.insert(0, self.by.clone());
            at.insert(0, self.value(position));
        }
        let (row, at) = (Expr::tuple(row), Expr::tuple(at));
        if is_after == self.descending {
            row.lt(at)
        } else {
            row.gt(at)
        }
    }

    /// Restricts `select` to rows of one group, in the direction of a page.
    fn restrict(
        &self,
        mut select: SelectStatement,
        page: &PageRequest,
        limit: u64,
        skip: u32,
    ) -> SelectStatement {
        let order = direction(self.descending != page.from_end);
        // Also by the expression where it is NULL: PostgreSQL does not infer that it is constant in the group, and would
        // not use the index for an order by id alone.
        select.order_by_expr(self.by.clone(), order.clone());
        for tie in &self.ties {
            select.order_by_expr(tie.by.clone(), order.clone());
        }
        if skip > 0 {
            select.offset(skip.into());
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

fn direction(is_descending: bool) -> SqlOrder {
    if is_descending {
        SqlOrder::Desc
    } else {
        SqlOrder::Asc
    }
}

fn key_name(index: usize) -> String {
    format!("key_{index}")
}

/// Returns the union of disjoint lists; `None` if there are none. It is a single statement, so that a row that moves from
/// one list to another meanwhile is in exactly one of them.
fn union_all(lists: impl Iterator<Item = SelectStatement>) -> Option<SelectStatement> {
    lists.map(subquery).reduce(|mut union, list| {
        union.union(UnionType::All, list);
        union
    })
}

/// Wraps a select for use in a union: SQLite accepts an order and a limit there only in a subquery.
fn subquery(select: SelectStatement) -> SelectStatement {
    Query::select()
        .column(Asterisk)
        .from_subquery(select, "list")
        .take()
}
