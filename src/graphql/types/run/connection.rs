//! Lists of runs.

use async_graphql::{Context, Result};

use super::{filter::SyncRunFilter, order::SyncRunOrder, sync_run::SyncRun};
use crate::{
    feed::FeedCursor,
    graphql::{
        context::{ContextExt, feed_cursor_if_selected},
        types::{
            connection::{Connection, Followed, Listed},
            cursor::{List, encode_changes, encode_position},
            pagination::PageArguments,
        },
    },
    runs::{RunOrder, RunOrderField, filter::RunFilter},
};

impl Listed for SyncRun {
    const CONNECTION: &'static str = "SyncRunConnection";
    const EDGE: &'static str = "SyncRunEdge";

    type Order = RunOrderField;
    type List = RunFilter;

    fn cursor(&self, order: RunOrderField) -> String {
        encode_position(List::Runs(order), order.position(&self.run))
    }

    async fn count(ctx: &Context<'_>, filter: &RunFilter, bound: u32) -> Result<u32> {
        let runs = ctx.runs();
        Ok(runs.count(filter, bound, ctx.scan_budget()).await?)
    }
}

impl Followed for SyncRun {
    fn encode_feed_cursor(cursor: FeedCursor) -> String {
        encode_changes(&cursor)
    }
}

/// Lists a page of runs.
pub(crate) async fn list_runs(
    ctx: &Context<'_>,
    filter: Option<SyncRunFilter>,
    order: Option<SyncRunOrder>,
    arguments: PageArguments,
) -> Result<Connection<SyncRun>> {
    let filter = filter.unwrap_or_default().parse(ctx.lossy_numbers())?;
    let order = RunOrder::from(order.unwrap_or_default());
    let connection = ctx.look_ahead();
    let page = arguments.page(List::Runs(order.field), ctx.pages(), &connection)?;
    let nodes = [
        connection.field("nodes"),
        connection.field("edges").field("node"),
    ];
    let selection = SyncRun::selection(ctx, &nodes);
    let feed_cursor = feed_cursor_if_selected(ctx).await?;
    let runs = ctx.runs();
    let rows = runs.list(&filter, order, &page, &selection, ctx.scan_budget());
    let rows = rows.await?;
    Ok(Connection {
        rows: rows
            .map(|loaded| SyncRun::from_loaded(loaded, &selection))
            .into(),
        order: order.field,
        list: filter,
        feed_cursor,
    })
}
