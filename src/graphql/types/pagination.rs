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

/// Maximum number of rows that a page skips.
const MAX_OFFSET: u32 = 10_000;

/// The pagination arguments of a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct PageArguments {
    pub(crate) first: Option<i32>,
    pub(crate) after: Option<String>,
    pub(crate) last: Option<i32>,
    pub(crate) before: Option<String>,
    /// Only lists across runs take it.
    pub(crate) offset: Option<i32>,
}

impl PageArguments {
    /// Reads the arguments of the field that is being resolved.
    pub(crate) fn from_context(ctx: &Context<'_>) -> ServerResult<Self> {
        Ok(Self {
            first: ctx.param_value("first", None)?.1,
            after: ctx.param_value("after", None)?.1,
            last: ctx.param_value("last", None)?.1,
            before: ctx.param_value("before", None)?.1,
            offset: None,
        })
    }

    /// Reads the arguments of a field that will be resolved later; `None` if they are invalid.
    pub(crate) fn from_selection(arguments: &[(Name, Value)]) -> Option<Self> {
        Some(Self {
            first: parse_argument(arguments, "first")?,
            after: parse_argument(arguments, "after")?,
            last: parse_argument(arguments, "last")?,
            before: parse_argument(arguments, "before")?,
            offset: None,
        })
    }

    /// Converts the arguments to the page they request. `connection` is what is selected on the
    /// connection.
    ///
    /// # Errors
    /// Returns [`Error::BadInput`] if `first` and `last` are both given, `offset` is given with a cursor, or one of them is
    /// out of bounds, and [`Error::BadCursor`] if a cursor is not one of `list`.
    pub(crate) fn page(
        &self,
        list: List,
        limits: PageLimits,
        connection: &Lookahead<'_>,
    ) -> Result<PageRequest> {
        self.page_of(|text| decode_position(list, text), limits, connection)
    }

    /// Converts the arguments to the page they request, of a list whose cursors `decode` decodes.
    ///
    /// # Errors
    /// As [`page`](Self::page).
    pub(crate) fn page_of<P>(
        &self,
        decode: impl Fn(&str) -> Result<P>,
        limits: PageLimits,
        connection: &Lookahead<'_>,
    ) -> Result<PageRequest<P>> {
        let position = |cursor: &Option<String>| cursor.as_deref().map(&decode).transpose();
        Ok(PageRequest {
            limit: self.limit(limits)?,
            offset: self.offset()?,
            after: position(&self.after)?,
            before: position(&self.before)?,
            from_end: self.last.is_some(),
            fetch_extra: connection.field("pageInfo").exists(),
        })
    }

    fn offset(&self) -> Result<u32> {
        let Some(offset) = self.offset else {
            return Ok(0);
        };
        if self.after.is_some() || self.before.is_some() {
            return Err(Error::BadInput(
                "both offset and a cursor are given; use offset, or after and before".into(),
            ));
        }
        let in_bounds = u32::try_from(offset)
            .ok()
            .filter(|rows| *rows <= MAX_OFFSET);
        in_bounds.ok_or_else(|| {
            Error::BadInput(format!(
                "offset is {offset}; a page skips 0 to {MAX_OFFSET} rows: use after or before for pages further on"
            ))
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
