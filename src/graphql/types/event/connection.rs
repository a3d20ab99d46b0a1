//! Pages of events: across runs, or of one.

use std::sync::Arc;

use async_graphql::{
    Context, Lookahead, Object, SelectionField, SimpleObject, parser::types::Field,
};
use uuid::Uuid;

use super::{SyncEvent, SyncEventFilter};
use crate::{
    db::keyset::PageRows,
    events::{Event, EventPageSpec, EventQuery, RunEventKey, event_position, filter::EventFilter},
    feed::{EventCursor, FeedCursor},
    graphql::{
        context::{ContextExt, feed_cursor_if_selected},
        fast_path::{Fast, FastFields, FastList, Fragments, WriteInner},
        types::cursor::{List, encode_added_events, encode_position},
        types::page_info::PageInfo,
        types::pagination::{PageArguments, argument, count_bound, inner_of_page},
    },
    runs::Result,
};

/// A page of events.
#[derive(Debug)]
pub(crate) struct SyncEventConnection {
    rows: Arc<PageRows<SyncEvent>>,
    list: EventList,
    feed_cursor: Option<FeedCursor>,
}

/// What a page is a page of.
#[derive(Debug)]
enum EventList {
    Across(EventFilter),
    OfRun { run_id: Uuid, filter: EventFilter },
}

/// A page of a run's events that was read along with the run.
#[derive(Clone, Debug)]
pub(crate) struct EventsRead {
    rows: Arc<PageRows<SyncEvent>>,
    asked: Arc<EventQuery<EventPageSpec>>,
}

impl EventsRead {
    /// What was read when this was asked.
    pub(crate) fn new(rows: PageRows<Event>, asked: &Arc<EventQuery<EventPageSpec>>) -> Self {
        Self {
            rows: Arc::new(rows.map(SyncEvent::from)),
            asked: Arc::clone(asked),
        }
    }
}

/// An event and its feed_cursor in the list.
#[derive(Debug, SimpleObject)]
pub(crate) struct SyncEventEdge {
    /// The event's feed_cursor, for `after` and `before`.
    cursor: String,
    /// The event.
    node: Fast<SyncEvent>,
}

impl From<Event> for SyncEventEdge {
    fn from(event: Event) -> Self {
        Self {
            cursor: cursor(&event),
            node: Fast(event.into()),
        }
    }
}

fn cursor(event: &Event) -> String {
    encode_position(List::Events, event_position(event))
}

impl SyncEventConnection {
    /// Reads a page across runs.
    pub(crate) async fn across(
        ctx: &Context<'_>,
        filter: Option<SyncEventFilter>,
        arguments: PageArguments,
    ) -> async_graphql::Result<Self> {
        let filter = filter.unwrap_or_default().parse()?;
        let page = arguments.page(List::Events, ctx.pages(), &ctx.look_ahead())?;
        let feed_cursor = feed_cursor_if_selected(ctx).await?;
        let rows = ctx.events().list(&filter, &page, ctx.scan_budget()).await?;
        let rows = Arc::new(rows.map(SyncEvent::from));
        let list = EventList::Across(filter);
        Ok(Self {
            rows,
            list,
            feed_cursor,
        })
    }

    /// Pages of each of these runs' events, by the same arguments: those that were read along, if they were
    /// asked for, or what is read now.
    pub(crate) async fn of_runs<'a>(
        ctx: &Context<'_>,
        runs: impl Iterator<Item = (Uuid, Option<&'a EventsRead>)>,
        arguments: PageArguments,
        filter: Option<SyncEventFilter>,
    ) -> async_graphql::Result<Vec<Self>> {
        let selected = ctx.look_ahead();
        let asked = asked(ctx, &selected, &arguments, filter)?;
        let feed_cursor = feed_cursor_if_selected(ctx).await?;
        let read_along = |(run_id, read): (Uuid, Option<&'a EventsRead>)| {
            let read = read.filter(|read| feed_cursor.is_none() && *read.asked == asked);
            (run_id, read.map(|read| Arc::clone(&read.rows)))
        };
        let pages: Vec<_> = runs.map(read_along).collect();
        let missing = pages.iter().filter(|(_, rows)| rows.is_none());
        let missing = missing.map(|(run_id, _)| RunEventKey {
            run_id: *run_id,
            query: asked.clone(),
        });
        let found = ctx.loaders().event_pages(missing.collect()).await?;
        let mut found = found.into_iter();
        let pages = pages.into_iter().map(|(run_id, rows)| {
            let rows = rows.unwrap_or_else(|| {
                let rows = found.next().flatten();
                let rows =
                    rows.unwrap_or_else(|| PageRows::from_read(Vec::new(), &asked.spec.page));
                Arc::new(rows.map(SyncEvent::from))
            });
            let filter = asked.filter.clone();
            Self {
                rows,
                list: EventList::OfRun { run_id, filter },
                feed_cursor: feed_cursor.clone(),
            }
        });
        Ok(pages.collect())
    }

    /// What a field of runs will ask of the events of each, if these can be read along with the runs: not where
    /// no index leads to them, nor where their feed_cursor in the feed is to be known before they are read.
    pub(crate) fn ahead(
        ctx: &Context<'_>,
        field: SelectionField<'_>,
    ) -> Option<EventQuery<EventPageSpec>> {
        let selected = Lookahead::from(field);
        let arguments = field.arguments().ok()?;
        let filter = argument(&arguments, "filter")?;
        let asked = asked(ctx, &selected, &PageArguments::ahead(&arguments)?, filter).ok()?;
        let is_along = asked.filter.is_indexed() && !selected.field("feedCursor").exists();
        is_along.then_some(asked)
    }
}

/// What is asked of a run's events by a connection of which this is selected.
fn asked(
    ctx: &Context<'_>,
    selected: &Lookahead<'_>,
    arguments: &PageArguments,
    filter: Option<SyncEventFilter>,
) -> Result<EventQuery<EventPageSpec>> {
    let filter = filter.unwrap_or_default().parse()?;
    let nodes = [
        selected.field("nodes"),
        selected.field("edges").field("node"),
    ];
    let spec = EventPageSpec {
        page: arguments.page(List::Events, ctx.pages(), selected)?,
        with_details: nodes.iter().any(|node| node.field("details").exists()),
    };
    Ok(EventQuery { filter, spec })
}

impl FastFields for SyncEventConnection {
    fn inner<'a>(field: &'a Field, fragments: &'a Fragments) -> Option<WriteInner<'a, Self>> {
        inner_of_page(field, fragments, |page: &Self| &*page.rows, Self::info)
    }
}

impl SyncEventConnection {
    fn info(&self) -> PageInfo {
        PageInfo::new(&self.rows, |event| cursor(&event.0))
    }
}

/// A page of events.
#[Object]
impl SyncEventConnection {
    /// The events with their places in the list.
    async fn edges(&self) -> Vec<SyncEventEdge> {
        self.rows
            .rows
            .iter()
            .map(|event| SyncEventEdge::from(event.0.clone()))
            .collect()
    }

    /// The events alone.
    async fn nodes(&self) -> FastList<'_, SyncEvent> {
        FastList(&self.rows.rows)
    }

    /// Where the page lies in its list.
    async fn page_info(&self) -> PageInfo {
        self.info()
    }

    /// How many events match. Counted only when selected, and never past `upTo`: an answer equal to `upTo` means that many or more.
    async fn total_count(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 10000, desc = "How far to count, 1 or more.")] up_to: i32,
    ) -> async_graphql::Result<u32> {
        let bound = count_bound(up_to)?;
        match &self.list {
            EventList::Across(filter) => {
                Ok(ctx.events().count(filter, bound, ctx.scan_budget()).await?)
            }
            EventList::OfRun { run_id, filter } => {
                let asked = EventQuery {
                    filter: filter.clone(),
                    spec: bound,
                };
                let key = RunEventKey {
                    run_id: *run_id,
                    query: asked,
                };
                Ok(ctx.loaders().event_count(key).await?.unwrap_or_default())
            }
        }
    }

    /// The position at which this page was read: pass it to `syncEventAdded(after:)` and nothing falls between list and live view.
    async fn feed_cursor(&self, ctx: &Context<'_>) -> async_graphql::Result<String> {
        let feed_cursor = match &self.feed_cursor {
            Some(feed_cursor) => feed_cursor.clone(),
            None => ctx.loaders().feed_cursor().await?,
        };
        Ok(encode_added_events(&EventCursor::Feed(feed_cursor)))
    }
}
