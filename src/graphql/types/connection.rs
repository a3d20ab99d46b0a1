//! Connections: pages of a list, with cursors, as in the Relay specification.

use std::{borrow::Cow, sync::Arc};

use async_graphql::{
    Context, Object, Result, SimpleObject, TypeName, parser::types::Field as Selected,
};

use super::{page_info::PageInfo, pagination::parse_count_bound};
use crate::{
    db::keyset::PageRows,
    feed::FeedCursor,
    graphql::{
        context::ContextExt,
        fast_path::{
            Fast, FastFields, FastList, Field, FieldCost, Multiplier, NestedWriter, SelectionPlan,
        },
    },
};

/// A type that is listed in connections.
pub(crate) trait Listed: FastFields + Clone {
    /// Name of the connection type.
    const CONNECTION: &'static str;
    /// Name of the edge type.
    const EDGE: &'static str;

    /// The order of a list, which a cursor depends on.
    type Order: Copy + Send + Sync + 'static;
    /// The contents of a list, which `totalCount` counts.
    type List: Send + Sync + 'static;

    /// Returns the cursor of an item.
    fn cursor(&self, order: Self::Order) -> String;

    /// Counts the items of a list up to a bound.
    fn count(
        ctx: &Context<'_>,
        list: &Self::List,
        bound: u32,
    ) -> impl Future<Output = Result<u32>> + Send;

    /// Encodes a position of the feed as the list's subscription takes it.
    fn encode_feed_cursor(cursor: FeedCursor) -> String;
}

/// A page of a list.
pub(crate) struct Connection<T: Listed> {
    pub(crate) rows: Arc<PageRows<T>>,
    pub(crate) order: T::Order,
    pub(crate) list: T::List,
    /// The feed's position before the page was read, if selected.
    pub(crate) feed_cursor: Option<FeedCursor>,
}

/// An edge in a connection.
#[derive(SimpleObject)]
#[graphql(name_type)]
pub(crate) struct Edge<T: Listed> {
    /// A cursor for use in pagination: pass it as `after` or `before`.
    cursor: String,
    /// The item at the end of the edge.
    node: Fast<T>,
}

impl<T: Listed> Edge<T> {
    /// Creates the edge of an item in a list of this order.
    pub(crate) fn new(node: T, order: T::Order) -> Self {
        Self {
            cursor: node.cursor(order),
            node: Fast(node),
        }
    }
}

impl<T: Listed> TypeName for Edge<T> {
    fn type_name() -> Cow<'static, str> {
        T::EDGE.into()
    }
}

impl<T: Listed> TypeName for Connection<T> {
    fn type_name() -> Cow<'static, str> {
        T::CONNECTION.into()
    }
}

impl<T: Listed> FastFields for Connection<T> {
    type Columns = ();

    const ALL_COLUMNS: () = ();

    const FIELDS: &'static [Field<Self>] = &[
        Field::type_name(()),
        Field::single("edges", (), FieldCost::SCALAR),
        Field::nested("nodes", (), plan_nodes),
        Field::nested("pageInfo", (), plan_page_info),
        Field::single(
            "totalCount",
            (),
            FieldCost {
                base: 1,
                multiplier: Multiplier::Count,
            },
        ),
        Field::single("feedCursor", (), FieldCost::SCALAR),
    ];
}

fn plan_nodes<T: Listed>(field: &Selected) -> Option<NestedWriter<'_, Connection<T>>> {
    let plan = SelectionPlan::without_lookups(&field.selection_set.node)?;
    Some(Box::new(move |page, json| {
        plan.write_list(json, &page.rows.rows);
    }))
}

fn plan_page_info<T: Listed>(field: &Selected) -> Option<NestedWriter<'_, Connection<T>>> {
    let plan = SelectionPlan::without_lookups(&field.selection_set.node)?;
    Some(Box::new(move |page, json| plan.write(json, &page.info())))
}

impl<T: Listed> Connection<T> {
    fn info(&self) -> PageInfo {
        PageInfo::new(&self.rows, |item: &T| item.cursor(self.order))
    }
}

/// The connection type of a list: one page of it, and where the page is in the list.
#[Object(name_type)]
impl<T: Listed> Connection<T> {
    /// A list of edges: each item with its cursor.
    async fn edges(&self) -> Vec<Edge<T>> {
        let items = self.rows.rows.iter().cloned();
        items.map(|item| Edge::new(item, self.order)).collect()
    }

    /// A list of nodes: the items without their cursors.
    async fn nodes(&self) -> FastList<'_, T> {
        FastList(&self.rows.rows)
    }

    /// Information to aid in pagination.
    async fn page_info(&self) -> PageInfo {
        self.info()
    }

    /// The number of items in the list, over all pages; null if it cannot be counted, as an error then says.
    /// It is counted only when selected and never beyond `upTo`: a value equal to `upTo` means that many or
    /// more.
    async fn total_count(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            default = 10000,
            desc = "Stops counting at this number. At least 1; 10,000 by default."
        )]
        up_to: i32,
    ) -> Result<Option<u32>> {
        let count = T::count(ctx, &self.list, parse_count_bound(up_to)?).await?;
        Ok(Some(count))
    }

    /// A cursor in the change feed, taken before the page was read. Pass it as `after` to
    /// `syncRunChanged` for a list of runs, or to `syncEventAdded` for the events of a run: the
    /// subscription then delivers everything that this page does not include yet.
    async fn feed_cursor(&self, ctx: &Context<'_>) -> Result<String> {
        let cursor = match &self.feed_cursor {
            Some(cursor) => cursor.clone(),
            None => ctx.feed().now().await?,
        };
        Ok(T::encode_feed_cursor(cursor))
    }
}
