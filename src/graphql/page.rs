//! Pages as clients ask for them.

use async_graphql::{
    Context, InputType, Lookahead, Name, ServerResult, SimpleObject, Value, parser::types::Field,
};

use super::{
    cursor::{List, decode_position},
    objects::{Fragments, Plain, Selected, Write, WriteInner},
    written::put,
};
use crate::{
    db::keyset::{PageRequest, PageRows},
    runs::{Error, Result},
};

/// How large a page may be.
#[derive(Clone, Copy, Debug)]
pub struct PageLimits {
    /// Rows when the client does not say.
    pub default: u32,
    /// Rows at most.
    pub most: u32,
}

impl Default for PageLimits {
    fn default() -> Self {
        Self {
            default: 25,
            most: 100,
        }
    }
}

/// The four arguments of a connection.
#[derive(Clone, Debug)]
pub(super) struct PageArguments {
    pub(super) first: Option<i32>,
    pub(super) after: Option<String>,
    pub(super) last: Option<i32>,
    pub(super) before: Option<String>,
}

impl PageArguments {
    /// Those that a field is given.
    pub(super) fn of(ctx: &Context<'_>) -> ServerResult<Self> {
        Ok(Self {
            first: ctx.param_value("first", None)?.1,
            after: ctx.param_value("after", None)?.1,
            last: ctx.param_value("last", None)?.1,
            before: ctx.param_value("before", None)?.1,
        })
    }

    /// Those that a field will be given, if they can be read.
    pub(super) fn ahead(arguments: &[(Name, Value)]) -> Option<Self> {
        Some(Self {
            first: argument(arguments, "first")?,
            after: argument(arguments, "after")?,
            last: argument(arguments, "last")?,
            before: argument(arguments, "before")?,
        })
    }

    /// The page that is asked for by a connection of which this is selected.
    pub(super) fn page(
        &self,
        list: List,
        limits: PageLimits,
        selected: &Lookahead<'_>,
    ) -> Result<PageRequest> {
        let (name, size) = match (self.first, self.last) {
            (Some(_), Some(_)) => {
                return Err(Error::BadInput(
                    "both first and last are given; ask for the first rows or for the last".into(),
                ));
            }
            (size, None) => ("first", size),
            (None, size) => ("last", size),
        };
        let limit = match size {
            None => limits.default,
            Some(size) => u32::try_from(size)
                .ok()
                .filter(|size| (1..=limits.most).contains(size))
                .ok_or_else(|| {
                    Error::BadInput(format!(
                        "{name} is {size}; a page has 1 to {} rows",
                        limits.most
                    ))
                })?,
        };
        let position = |cursor: &Option<String>| {
            cursor
                .as_deref()
                .map(|text| decode_position(list, text))
                .transpose()
        };
        Ok(PageRequest {
            limit,
            after: position(&self.after)?,
            before: position(&self.before)?,
            from_end: self.last.is_some(),
            fetch_extra: selected.field("pageInfo").exists(),
        })
    }
}

/// An argument that a field will be given, if it can be read.
pub(super) fn argument<T: InputType>(arguments: &[(Name, Value)], name: &str) -> Option<T> {
    let given = arguments.iter().find(|(given, _)| given == name);
    T::parse(given.map(|(_, value)| value.clone())).ok()
}

/// How a field of a page is written, if it is made of what the page has: its rows, or where it lies.
pub(super) fn inner_of_page<'a, P: 'a, T: Plain + 'a>(
    field: &'a Field,
    fragments: &'a Fragments,
    rows: fn(&P) -> &PageRows<T>,
    info: fn(&P) -> PageInfo,
) -> Option<WriteInner<'a, P>> {
    let set = &field.selection_set.node;
    Some(match field.name.node.as_str() {
        "nodes" => {
            let nodes = Selected::plain(set, fragments)?;
            Box::new(move |page, ctx, json| nodes.put_list(json, &rows(page).rows, ctx))
        }
        "pageInfo" => {
            let selected = Selected::plain(set, fragments)?;
            Box::new(move |page, ctx, json| selected.put(json, &info(page), ctx))
        }
        _ => return None,
    })
}

/// How far `totalCount` counts.
pub(super) fn count_bound(up_to: i32) -> Result<u32> {
    u32::try_from(up_to)
        .ok()
        .filter(|bound| *bound > 0)
        .ok_or_else(|| Error::BadInput(format!("upTo is {up_to}; count up to 1 or more")))
}

/// Where a page lies in its list.
#[derive(Debug, SimpleObject)]
pub(super) struct PageInfo {
    /// There are rows behind this page: read on with `first` and `after: endCursor`.
    has_next_page: bool,
    /// There are rows before this page: read back with `last` and `before: startCursor`.
    has_previous_page: bool,
    /// Cursor of the page's first row; null on an empty page.
    start_cursor: Option<String>,
    /// Cursor of the page's last row; null on an empty page.
    end_cursor: Option<String>,
}

impl Plain for PageInfo {
    fn plain(field: &str) -> Option<Write<Self>> {
        Some(match field {
            "hasNextPage" => |info, _, json| put(json, info.has_next_page),
            "hasPreviousPage" => |info, _, json| put(json, info.has_previous_page),
            "startCursor" => |info, _, json| put(json, &info.start_cursor),
            "endCursor" => |info, _, json| put(json, &info.end_cursor),
            _ => return None,
        })
    }
}

impl PageInfo {
    /// Tells where `rows` lie, whose cursors `cursor` makes.
    pub(super) fn new<T>(rows: &PageRows<T>, cursor: impl Fn(&T) -> String) -> Self {
        Self {
            has_next_page: rows.has_next,
            has_previous_page: rows.has_previous,
            start_cursor: rows.rows.first().map(&cursor),
            end_cursor: rows.rows.last().map(&cursor),
        }
    }
}
