//! Pages of runs.

use async_graphql::{Context, Object, SimpleObject, parser::types::Field};

use super::{SyncRun, SyncRunFilter, SyncRunOrder};
use crate::{
    db::keyset::PageRows,
    feed::FeedCursor,
    graphql::{
        context::{LedgerContext, place_if_selected},
        cursor::{List, encode_changes, encode_position},
        objects::{Fragments, Object, Objects, Plain, WriteInner},
        page::{PageArguments, PageInfo, count_bound, inner_of_page},
    },
    runs::{RunOrder, RunOrderField, filter::RunFilter},
};

/// A page of runs.
#[derive(Debug)]
pub(in crate::graphql) struct SyncRunConnection {
    rows: PageRows<SyncRun>,
    filter: RunFilter,
    field: RunOrderField,
    place: Option<FeedCursor>,
}

/// A run and its place in the list.
#[derive(Debug, SimpleObject)]
pub(in crate::graphql) struct SyncRunEdge {
    /// The run's place, for `after` and `before`.
    cursor: String,
    /// The run.
    node: Object<SyncRun>,
}

impl SyncRunEdge {
    /// `run` in a list ordered by `field`.
    pub(super) fn new(run: SyncRun, field: RunOrderField) -> Self {
        Self {
            cursor: cursor(&run, field),
            node: Object(run),
        }
    }
}

fn cursor(run: &SyncRun, field: RunOrderField) -> String {
    encode_position(List::Runs(field), field.position(&run.run))
}

impl SyncRunConnection {
    /// Reads a page.
    pub(in crate::graphql) async fn read(
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
        let place = place_if_selected(ctx).await?;
        let rows = ctx
            .runs()
            .list(&filter, order, &page, &parts, ctx.scan_budget())
            .await?;
        let field = order.field;
        Ok(Self {
            rows: rows.map(|read| SyncRun::read(read, &parts)),
            filter,
            field,
            place,
        })
    }
}

impl Plain for SyncRunConnection {
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
    async fn nodes(&self) -> Objects<'_, SyncRun> {
        Objects(&self.rows.rows)
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
        match &self.place {
            Some(place) => Ok(encode_changes(place)),
            None => Ok(encode_changes(&ctx.loaders().now().await?)),
        }
    }
}
