//! The `PageInfo` type.

use async_graphql::SimpleObject;

use crate::{
    db::keyset::PageRows,
    graphql::fast_path::{FastFields, Field},
};

/// Information about pagination in a connection.
#[derive(Debug, SimpleObject)]
pub(crate) struct PageInfo {
    /// Whether there are items after this page. If so, request the next page with `first` and
    /// `after: endCursor`.
    has_next_page: bool,
    /// Whether there are items before this page. If so, request the previous page with `last` and
    /// `before: startCursor`.
    has_previous_page: bool,
    /// The cursor of the first item of the page; null if the page is empty.
    start_cursor: Option<String>,
    /// The cursor of the last item of the page; null if the page is empty.
    end_cursor: Option<String>,
}

impl FastFields for PageInfo {
    type Columns = ();

    const ALL_COLUMNS: () = ();

    const FIELDS: &'static [Field<Self>] = &[
        Field::type_name(()),
        Field::scalar("hasNextPage", (), |info, json| {
            json.scalar(info.has_next_page);
        }),
        Field::scalar("hasPreviousPage", (), |info, json| {
            json.scalar(info.has_previous_page);
        }),
        Field::scalar("startCursor", (), |info, json| {
            json.scalar(&info.start_cursor);
        }),
        Field::scalar("endCursor", (), |info, json| json.scalar(&info.end_cursor)),
    ];
}

impl PageInfo {
    /// Describes a page; `cursor` returns the cursor of an item.
    pub(crate) fn new<T>(rows: &PageRows<T>, cursor: impl Fn(&T) -> String) -> Self {
        Self {
            has_next_page: rows.has_next,
            has_previous_page: rows.has_previous,
            start_cursor: rows.rows.first().map(&cursor),
            end_cursor: rows.rows.last().map(&cursor),
        }
    }
}
