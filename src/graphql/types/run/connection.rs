//! Pages of runs.

use async_graphql::{Context, Object, SimpleObject, parser::types::Field};

use super::{SyncRun, SyncRunFilter, SyncRunOrder};
use crate::{
    db::keyset::PageRows,
    feed::FeedCursor,
    graphql::{
        context::{ContextExt, feed_cursor_if_selected},
        fast_path::{Fast, FastFields, FastList, Fragments, WriteInner},
        types::cursor::{List, encode_changes, encode_position},
        types::page_info::PageInfo,
        types::pagination::{PageArguments, count_bound, inner_of_page},
    },
    runs::{RunOrder, RunOrderField, filter::RunFilter},
};

/// A page of runs.
#[derive(Debug)]
pub(crate) struct SyncRunConnection {
    rows: PageRows<SyncRun>,
    filter: RunFilter,
    field: RunOrderField,
    feed_cursor: Option<FeedCursor>,
}

/// A run and its feed_cursor in the list.
#[derive(Debug, SimpleObject)]
pub(crate) struct SyncRunEdge {
    /// The run's feed_cursor, for `after` and `before`.
    cursor: String,
    /// The run.
    node: Fast<SyncRun>,
}

impl SyncRunEdge {
    /// `run` in a list ordered by `field`.
    pub(crate) fn new(run: SyncRun, field: RunOrderField) -> Self {
        Self {
            cursor: cursor(&run, field),
            node: Fast(run),
        }
    }
}

fn cursor(run: &SyncRun, field: RunOrderField) -> String {
    encode_position(List::Runs(field), field.position(&run.run))
}

impl SyncRunConnection {
    /// Reads a page.
    pub(crate) async fn read(
        ctx: &Context<'_>,
        filter: Option<SyncRunFilter>,
        order: Option<SyncRunOrder>,
        arguments: PageArguments,
    ) -> async_graphql::Result<Self> {
        let filter = filter.unwrap_or_default().parse()?;
        let order = RunOrder::from(order.unwrap_or_default());
        let selected = ctx.look_ahead();
        let page = arguments.page(List::Runs(order.field), ctx.pages(), &selected)?;
        let nodes = [
            selected.field("nodes"),
            selected.field("edges").field("node"),
        ];
        let parts = SyncRun::parts(ctx, &nodes);
        let feed_cursor = feed_cursor_if_selected(ctx).await?;
        let rows = ctx
            .runs()
            .list(&filter, order, &page, &parts, ctx.scan_budget())
            .await?;
        let field = order.field;
        Ok(Self {
            rows: rows.map(|read| SyncRun::read(read, &parts)),
            filter,
            field,
            feed_cursor,
        })
    }
}

impl FastFields for SyncRunConnection {
    fn inner<'a>(field: &'a Field, fragments: &'a Fragments) -> Option<WriteInner<'a, Self>> {
        inner_of_page(field, fragments, |page: &Self| &page.rows, Self::info)
    }
}

impl SyncRunConnection {
    fn info(&self) -> PageInfo {
        PageInfo::new(&self.rows, |run| cursor(run, self.field))
    }
}

/// A page of runs.
#[Object]
impl SyncRunConnection {
    /// The runs with their places in the list.
    async fn edges(&self) -> Vec<SyncRunEdge> {
        let edge = |run: &SyncRun| SyncRunEdge::new(run.clone(), self.field);
        self.rows.rows.iter().map(edge).collect()
    }

    /// The runs alone.
    async fn nodes(&self) -> FastList<'_, SyncRun> {
        FastList(&self.rows.rows)
    }

    /// Where the page lies in its list.
    async fn page_info(&self) -> PageInfo {
        self.info()
    }

    /// How many runs match. Counted only when selected, and never past `upTo`: an answer equal to `upTo` means that many or more.
    async fn total_count(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 10000, desc = "How far to count, 1 or more.")] up_to: i32,
    ) -> async_graphql::Result<u32> {
        let bound = count_bound(up_to)?;
        Ok(ctx
            .runs()
            .count(&self.filter, bound, ctx.scan_budget())
            .await?)
    }

    /// The position in the change feed at which this page was read: pass it to `syncRunChanged(after:)` and nothing falls between list and live view.
    async fn feed_cursor(&self, ctx: &Context<'_>) -> async_graphql::Result<String> {
        match &self.feed_cursor {
            Some(feed_cursor) => Ok(encode_changes(feed_cursor)),
            None => Ok(encode_changes(&ctx.loaders().feed_cursor().await?)),
        }
    }
}
