//! The `PageInfo` type.

use async_graphql::SimpleObject;

use crate::{
    db::keyset::PageRows,
    graphql::{
        fast_path::{FastFields, Write},
        response::json::write_json,
    },
};

/// Where a page lies in its list.
#[derive(Debug, SimpleObject)]
pub(crate) struct PageInfo {
    /// There are rows behind this page: read on with `first` and `after: endCursor`.
    has_next_page: bool,
    /// There are rows before this page: read back with `last` and `before: startCursor`.
    has_previous_page: bool,
    /// Cursor of the page's first row; null on an empty page.
    start_cursor: Option<String>,
    /// Cursor of the page's last row; null on an empty page.
    end_cursor: Option<String>,
}

impl FastFields for PageInfo {
    fn plain(field: &str) -> Option<Write<Self>> {
        Some(match field {
            "hasNextPage" => |info, _, json| write_json(json, info.has_next_page),
            "hasPreviousPage" => |info, _, json| write_json(json, info.has_previous_page),
            "startCursor" => |info, _, json| write_json(json, &info.start_cursor),
            "endCursor" => |info, _, json| write_json(json, &info.end_cursor),
            _ => return None,
        })
    }
}

impl PageInfo {
    /// Tells where `rows` lie, whose cursors `cursor` makes.
    pub(crate) fn new<T>(rows: &PageRows<T>, cursor: impl Fn(&T) -> String) -> Self {
        Self {
            has_next_page: rows.has_next,
            has_previous_page: rows.has_previous,
            start_cursor: rows.rows.first().map(&cursor),
            end_cursor: rows.rows.last().map(&cursor),
        }
    }
}
