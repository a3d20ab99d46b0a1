//! Arguments of connections.

use async_graphql::{Context, InputType, Lookahead, Name, ServerResult, Value};

use super::cursor::{List, decode_position};
use crate::{
    db::keyset::PageRequest,
    runs::{Error, Result},
};

/// Bounds of the size of a page.
#[derive(Clone, Copy, Debug)]
pub struct PageLimits {
    /// Rows if the client gives neither `first` nor `last`.
    pub default: u32,
    /// The maximum of `first` and `last`.
    pub max: u32,
}

impl Default for PageLimits {
    fn default() -> Self {
        Self {
            default: 25,
            max: 100,
        }
    }
}

/// The pagination arguments of a connection.
#[derive(Clone, Debug)]
pub(crate) struct PageArguments {
    pub(crate) first: Option<i32>,
    pub(crate) after: Option<String>,
    pub(crate) last: Option<i32>,
    pub(crate) before: Option<String>,
}

impl PageArguments {
    /// Reads the arguments of the field that is being resolved.
    pub(crate) fn from_context(ctx: &Context<'_>) -> ServerResult<Self> {
        Ok(Self {
            first: ctx.param_value("first", None)?.1,
            after: ctx.param_value("after", None)?.1,
            last: ctx.param_value("last", None)?.1,
            before: ctx.param_value("before", None)?.1,
        })
    }

    /// Reads the arguments of a field that will be resolved later; `None` if they are invalid.
    pub(crate) fn from_selection(arguments: &[(Name, Value)]) -> Option<Self> {
        Some(Self {
            first: parse_argument(arguments, "first")?,
            after: parse_argument(arguments, "after")?,
            last: parse_argument(arguments, "last")?,
            before: parse_argument(arguments, "before")?,
        })
    }

    /// Converts the arguments to the page they request. `connection` is what is selected on the
    /// connection.
    ///
    /// # Errors
    /// Returns [`Error::BadInput`] if `first` and `last` are both given or out of bounds, and
    /// [`Error::BadCursor`] if a cursor is not one of `list`.
    pub(crate) fn page(
        &self,
        list: List,
        limits: PageLimits,
        connection: &Lookahead<'_>,
    ) -> Result<PageRequest> {
        let position = |cursor: &Option<String>| {
            let cursor = cursor.as_deref();
            cursor.map(|text| decode_position(list, text)).transpose()
        };
        Ok(PageRequest {
            limit: self.limit(limits)?,
            after: position(&self.after)?,
            before: position(&self.before)?,
            from_end: self.last.is_some(),
            fetch_extra: connection.field("pageInfo").exists(),
        })
    }

    fn limit(&self, limits: PageLimits) -> Result<u32> {
        let (name, size) = match (self.first, self.last) {
            (Some(_), Some(_)) => {
                return Err(Error::BadInput(
                    "both first and last are given; use first or last".into(),
                ));
            }
            (Some(size), None) => ("first", size),
            (None, Some(size)) => ("last", size),
            (None, None) => return Ok(limits.default),
        };
        let size_in_bounds = u32::try_from(size).ok().filter(|size| *size <= limits.max);
        size_in_bounds.ok_or_else(|| {
            let max = limits.max;
            Error::BadInput(format!("{name} is {size}; a page has 0 to {max} rows"))
        })
    }
}

/// Parses an argument of a field that will be resolved later; `None` if it is invalid.
pub(crate) fn parse_argument<T: InputType>(arguments: &[(Name, Value)], name: &str) -> Option<T> {
    let argument = arguments.iter().find(|(argument, _)| argument == name);
    T::parse(argument.map(|(_, value)| value.clone())).ok()
}

/// Parses the argument `upTo` of `totalCount`.
///
/// # Errors
/// Returns [`Error::BadInput`] if it is less than 1.
pub(crate) fn parse_count_bound(up_to: i32) -> Result<u32> {
    let bound = u32::try_from(up_to).ok().filter(|bound| *bound > 0);
    bound.ok_or_else(|| Error::BadInput(format!("upTo is {up_to}; it must be 1 or more")))
}
