//! Pages as clients ask for them.

use async_graphql::{
    Context, InputType, Lookahead, Name, ServerResult, Value, parser::types::Field,
};

use super::{
    cursor::{List, decode_position},
    page_info::PageInfo,
};
use crate::{
    db::keyset::{PageRequest, PageRows},
    graphql::fast_path::{FastFields, Fragments, SelectionPlan, WriteInner},
    runs::{Error, Result},
};

/// How large a page may be.
#[derive(Clone, Copy, Debug)]
pub struct PageLimits {
    /// PageRows when the client does not say.
    pub default: u32,
    /// PageRows at most.
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
pub(crate) struct PageArguments {
    pub(crate) first: Option<i32>,
    pub(crate) after: Option<String>,
    pub(crate) last: Option<i32>,
    pub(crate) before: Option<String>,
}

impl PageArguments {
    /// Those that a field is given.
    pub(crate) fn of(ctx: &Context<'_>) -> ServerResult<Self> {
        Ok(Self {
            first: ctx.param_value("first", None)?.1,
            after: ctx.param_value("after", None)?.1,
            last: ctx.param_value("last", None)?.1,
            before: ctx.param_value("before", None)?.1,
        })
    }

    /// Those that a field will be given, if they can be read.
    pub(crate) fn ahead(arguments: &[(Name, Value)]) -> Option<Self> {
        Some(Self {
            first: argument(arguments, "first")?,
            after: argument(arguments, "after")?,
            last: argument(arguments, "last")?,
            before: argument(arguments, "before")?,
        })
    }

    /// The page that is asked for by a connection of which this is selected.
    pub(crate) fn page(
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
pub(crate) fn argument<T: InputType>(arguments: &[(Name, Value)], name: &str) -> Option<T> {
    let given = arguments.iter().find(|(given, _)| given == name);
    T::parse(given.map(|(_, value)| value.clone())).ok()
}

/// How a field of a page is written, if it is made of what the page has: its rows, or where it lies.
pub(crate) fn inner_of_page<'a, P: 'a, T: FastFields + 'a>(
    field: &'a Field,
    fragments: &'a Fragments,
    rows: fn(&P) -> &PageRows<T>,
    info: fn(&P) -> PageInfo,
) -> Option<WriteInner<'a, P>> {
    let set = &field.selection_set.node;
    Some(match field.name.node.as_str() {
        "nodes" => {
            let nodes = SelectionPlan::plain(set, fragments)?;
            Box::new(move |page, ctx, json| nodes.put_list(json, &rows(page).rows, ctx))
        }
        "pageInfo" => {
            let selected = SelectionPlan::plain(set, fragments)?;
            Box::new(move |page, ctx, json| selected.put(json, &info(page), ctx))
        }
        _ => return None,
    })
}

/// How far `totalCount` counts.
pub(crate) fn count_bound(up_to: i32) -> Result<u32> {
    u32::try_from(up_to)
        .ok()
        .filter(|bound| *bound > 0)
        .ok_or_else(|| Error::BadInput(format!("upTo is {up_to}; count up to 1 or more")))
}
