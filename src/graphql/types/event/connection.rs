//! Lists of events: across runs, or of one run.

use std::sync::Arc;

use async_graphql::{Context, Lookahead, Result, SelectionField};
use uuid::Uuid;

use super::{
    filter::SyncEventFilter,
    sync_event::{EventColumns, SyncEvent},
};
use crate::{
    db::keyset::PageRows,
    events::{Event, EventPageSpec, EventQuery, RunEventKey, event_position, filter::EventFilter},
    feed::{EventCursor, FeedCursor},
    graphql::{
        context::{ContextExt, feed_cursor_if_selected},
        fast_path::FastFields,
        types::{
            connection::{Connection, Followed, Listed},
            cursor::{List, encode_added_events, encode_position},
            pagination::{PageArguments, parse_argument},
            run::OrderDirection,
        },
    },
    runs,
};

/// The contents of a list of events.
#[derive(Debug)]
pub(crate) enum EventList {
    /// Events of all runs.
    All(EventFilter),
    /// Events of one run.
    OfRun(Uuid, EventFilter),
}

/// A page of a run's events that was loaded together with the run.
#[derive(Clone, Debug)]
pub(crate) struct PreloadedEvents {
    rows: Arc<PageRows<SyncEvent>>,
    query: Arc<EventQuery<EventPageSpec>>,
}

impl PreloadedEvents {
    /// Wraps the events that were loaded by a query.
    pub(crate) fn new(rows: PageRows<Event>, query: &Arc<EventQuery<EventPageSpec>>) -> Self {
        Self {
            rows: Arc::new(rows.map(SyncEvent::from)),
            query: Arc::clone(query),
        }
    }
}

impl Listed for SyncEvent {
    const CONNECTION: &'static str = "SyncEventConnection";
    const EDGE: &'static str = "SyncEventEdge";

    type Order = ();
    type List = EventList;

    fn cursor(&self, (): ()) -> String {
        encode_position(List::Events, event_position(&self.0))
    }

    async fn count(ctx: &Context<'_>, list: &EventList, bound: u32) -> Result<u32> {
        match list {
            EventList::All(filter) => {
                let events = ctx.events();
                Ok(events.count(filter, bound, ctx.scan_budget()).await?)
            }
            EventList::OfRun(run_id, filter) => {
                let key = RunEventKey {
                    run_id: *run_id,
                    query: EventQuery {
                        filter: filter.clone(),
                        spec: bound,
                    },
                };
                Ok(ctx.loaders().event_count(key).await?.unwrap_or_default())
            }
        }
    }
}

impl Followed for SyncEvent {
    fn encode_feed_cursor(cursor: FeedCursor) -> String {
        encode_added_events(&EventCursor::Feed(cursor))
    }
}

/// Lists a page of the events of all runs.
pub(crate) async fn list_events(
    ctx: &Context<'_>,
    filter: Option<SyncEventFilter>,
    direction: OrderDirection,
    arguments: PageArguments,
) -> Result<Connection<SyncEvent>> {
    let filter = filter.unwrap_or_default().parse()?;
    let is_descending = direction == OrderDirection::Desc;
    let page = arguments.page(List::Events, ctx.pages(), &ctx.look_ahead())?;
    let feed_cursor = feed_cursor_if_selected(ctx).await?;
    let events = ctx.events();
    let rows = events.list(&filter, is_descending, &page, ctx.scan_budget());
    let rows = rows.await?;
    Ok(Connection {
        rows: rows.map(SyncEvent::from).into(),
        order: (),
        list: EventList::All(filter),
        feed_cursor,
    })
}

/// Lists a page of the events of each run: the preloaded ones where the query is the same, the others in
/// one batch.
pub(crate) async fn list_events_of_runs<'a>(
    ctx: &Context<'_>,
    runs: impl Iterator<Item = (Uuid, Option<&'a PreloadedEvents>)>,
    arguments: PageArguments,
    filter: Option<SyncEventFilter>,
) -> Result<Vec<Connection<SyncEvent>>> {
    let query = event_query(ctx, &ctx.look_ahead(), &arguments, filter)?;
    let feed_cursor = feed_cursor_if_selected(ctx).await?;
    let preloaded = |(run_id, events): (Uuid, Option<&'a PreloadedEvents>)| {
        let events = events.filter(|events| feed_cursor.is_none() && *events.query == query);
        (run_id, events.map(|events| Arc::clone(&events.rows)))
    };
    let pages: Vec<_> = runs.map(preloaded).collect();
    let missing = pages.iter().filter(|(_, rows)| rows.is_none());
    let missing = missing.map(|(run_id, _)| RunEventKey {
        run_id: *run_id,
        query: query.clone(),
    });
    let mut loaded = ctx
        .loaders()
        .event_pages(missing.collect())
        .await?
        .into_iter();
    let pages = pages.into_iter().map(|(run_id, rows)| {
        let rows = rows.unwrap_or_else(|| {
            let rows = loaded.next().flatten();
            let rows = rows.unwrap_or_else(|| PageRows::from_read(Vec::new(), &query.spec.page));
            Arc::new(rows.map(SyncEvent::from))
        });
        Connection {
            rows,
            order: (),
            list: EventList::OfRun(run_id, query.filter.clone()),
            feed_cursor: feed_cursor.clone(),
        }
    });
    Ok(pages.collect())
}

/// Returns the query of a selected `events` field if its result can be loaded together with the runs:
/// not if no index supports it, and not if the feed's position must be read first.
pub(crate) fn plan_preload(
    ctx: &Context<'_>,
    field: SelectionField<'_>,
) -> Option<EventQuery<EventPageSpec>> {
    let connection = Lookahead::from(field);
    let arguments = field.arguments().ok()?;
    let filter = parse_argument(&arguments, "filter")?;
    let arguments = PageArguments::from_selection(&arguments)?;
    let query = event_query(ctx, &connection, &arguments, filter).ok()?;
    let can_preload = query.filter.is_indexed() && !connection.field("feedCursor").exists();
    can_preload.then_some(query)
}

/// Returns the query of an `events` field on which `connection` is selected.
fn event_query(
    ctx: &Context<'_>,
    connection: &Lookahead<'_>,
    arguments: &PageArguments,
    filter: Option<SyncEventFilter>,
) -> runs::Result<EventQuery<EventPageSpec>> {
    let nodes = [
        connection.field("nodes"),
        connection.field("edges").field("node"),
    ];
    Ok(EventQuery {
        filter: filter.unwrap_or_default().parse()?,
        spec: EventPageSpec {
            page: arguments.page(List::Events, ctx.pages(), connection)?,
            with_details: SyncEvent::columns(&nodes) == Some(EventColumns::All),
        },
    })
}
