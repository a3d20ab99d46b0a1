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
}

/// A type whose lists a subscription follows.
pub(crate) trait Followed: Listed {
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

impl<T: Followed> TypeName for Connection<T> {
    fn type_name() -> Cow<'static, str> {
        T::CONNECTION.into()
    }
}

impl<T: Followed> FastFields for Connection<T> {
    type Columns = ();

    const ALL_COLUMNS: () = ();

    const FIELDS: &'static [Field<Self>] = &[
        Field::type_name(()),
        Field::single("edges", (), FieldCost::SCALAR),
        Field::nested("nodes", (), plan_nodes::<T, Self>),
        Field::nested("pageInfo", (), plan_page_info::<T, Self>),
        Field::single("totalCount", (), TOTAL_COUNT),
        Field::single("feedCursor", (), FieldCost::SCALAR),
    ];
}

/// Cost of `totalCount`.
pub(super) const TOTAL_COUNT: FieldCost = FieldCost {
    base: 1,
    multiplier: Multiplier::Count,
};

/// Plans how the nodes of a connection are written.
pub(super) fn plan_nodes<T: Listed, C: AsRef<Connection<T>>>(
    field: &Selected,
) -> Option<NestedWriter<'_, C>> {
    let plan = SelectionPlan::without_lookups(&field.selection_set.node)?;
    Some(Box::new(move |page: &C, json| {
        plan.write_list(json, &page.as_ref().rows.rows);
    }))
}

/// Plans how the information about the page of a connection is written.
pub(super) fn plan_page_info<T: Listed, C: AsRef<Connection<T>>>(
    field: &Selected,
) -> Option<NestedWriter<'_, C>> {
    let plan = SelectionPlan::without_lookups(&field.selection_set.node)?;
    Some(Box::new(move |page: &C, json| {
        plan.write(json, &page.as_ref().info());
    }))
}

impl<T: Listed> AsRef<Self> for Connection<T> {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl<T: Listed> Connection<T> {
    pub(super) fn items(&self) -> FastList<&[T]> {
        FastList(&self.rows.rows)
    }

    pub(super) fn with_cursors(&self) -> Vec<Edge<T>> {
        let items = self.rows.rows.iter().cloned();
        items.map(|item| Edge::new(item, self.order)).collect()
    }

    pub(super) fn info(&self) -> PageInfo {
        PageInfo::new(&self.rows, |item: &T| item.cursor(self.order))
    }

    pub(super) async fn count(&self, ctx: &Context<'_>, up_to: i32) -> Result<Option<u32>> {
        let count = T::count(ctx, &self.list, parse_count_bound(up_to)?).await?;
        Ok(Some(count))
    }
}

/// The connection type of a list: one page of it, and where the page is in the list.
#[Object(name_type)]
impl<T: Followed> Connection<T> {
    /// A list of edges: each item with its cursor.
    async fn edges(&self) -> Vec<Edge<T>> {
        self.with_cursors()
    }

    /// A list of nodes: the items without their cursors.
    async fn nodes(&self) -> FastList<&[T]> {
        self.items()
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
        self.count(ctx, up_to).await
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
