//! Pages of events: across runs, or of one.

use async_graphql::{Context, Object, SimpleObject, parser::types::Field};
use uuid::Uuid;

use super::{SyncEvent, SyncEventFilter};
use crate::{
    db::page::Rows,
    graphql::{
        context::{LedgerContext, place_if_selected},
        cursor::{List, encode_added_events, encode_position},
        objects::{Fragments, Object, Objects, Plain, WriteInner},
        page::{PageArguments, PageInfo, count_bound, inner_of_page},
    },
    runs::{
        Event, EventPage, EventsOfRun, event_position,
        feed::{self, EventCursor},
        filter::EventFilter,
    },
};

/// A page of events.
#[derive(Debug)]
pub(in crate::graphql) struct SyncEventConnection {
    rows: Rows<SyncEvent>,
    list: EventList,
    place: Option<feed::Cursor>,
}

/// What a page is a page of.
#[derive(Debug)]
enum EventList {
    Across(EventFilter),
    OfRun { run_id: Uuid, filter: EventFilter },
}

/// An event and its place in the list.
#[derive(Debug, SimpleObject)]
pub(in crate::graphql) struct SyncEventEdge {
    /// The event's place, for `after` and `before`.
    cursor: String,
    /// The event.
    node: Object<SyncEvent>,
}

impl From<Event> for SyncEventEdge {
    fn from(event: Event) -> Self {
        Self {
            cursor: cursor(&event),
            node: Object(event.into()),
        }
    }
}

fn cursor(event: &Event) -> String {
    encode_position(List::Events, event_position(event))
}

impl SyncEventConnection {
    /// Reads a page across runs.
    pub(in crate::graphql) async fn across(
        ctx: &Context<'_>,
        filter: Option<SyncEventFilter>,
        arguments: PageArguments,
    ) -> async_graphql::Result<Self> {
        let filter = filter.unwrap_or_default().parse()?;
        let page = arguments.page(List::Events, ctx)?;
        let place = place_if_selected(ctx).await?;
        let rows = ctx
            .runs()
            .list_events(&filter, &page, ctx.scan_time())
            .await?;
        let rows = rows.map(SyncEvent::from);
        let list = EventList::Across(filter);
        Ok(Self { rows, list, place })
    }

    /// Reads a page of each of these runs', by the same arguments.
    pub(in crate::graphql) async fn of_runs(
        ctx: &Context<'_>,
        runs: impl Iterator<Item = Uuid>,
        arguments: PageArguments,
        filter: Option<SyncEventFilter>,
    ) -> async_graphql::Result<Vec<Self>> {
        let filter = filter.unwrap_or_default().parse()?;
        let page = arguments.page(List::Events, ctx)?;
        let place = place_if_selected(ctx).await?;
        let selected = ctx.look_ahead();
        let nodes = [
            selected.field("nodes"),
            selected.field("edges").field("node"),
        ];
        let with_details = nodes.iter().any(|node| node.field("details").exists());
        let what = EventPage { page, with_details };
        let asked = |run_id| EventsOfRun {
            run_id,
            filter: filter.clone(),
            what,
        };
        let asked: Vec<_> = runs.map(asked).collect();
        let ids: Vec<_> = asked.iter().map(|asked| asked.run_id).collect();
        let pages = ctx.loaders().events(asked).await?.into_iter();
        let pages = pages.zip(ids).map(|(rows, run_id)| {
            let rows = rows.unwrap_or_else(|| Rows::from_read(Vec::new(), &page));
            Self {
                rows: rows.map(SyncEvent::from),
                list: EventList::OfRun {
                    run_id,
                    filter: filter.clone(),
                },
                place: place.clone(),
            }
        });
        Ok(pages.collect())
    }
}

impl Plain for SyncEventConnection {
    fn inner<'a>(field: &'a Field, fragments: &'a Fragments) -> Option<WriteInner<'a, Self>> {
        inner_of_page(field, fragments, |page: &Self| &page.rows, Self::info)
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
    async fn nodes(&self) -> Objects<'_, SyncEvent> {
        Objects(&self.rows.rows)
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
            EventList::Across(filter) => Ok(ctx
                .runs()
                .count_events(filter, bound, ctx.scan_time())
                .await?),
            EventList::OfRun { run_id, filter } => {
                let key = EventsOfRun {
                    run_id: *run_id,
                    filter: filter.clone(),
                    what: bound,
                };
                Ok(ctx.loaders().event_count(key).await?.unwrap_or_default())
            }
        }
    }

    /// The position at which this page was read: pass it to `syncEventAdded(after:)` and nothing falls between list and live view.
    async fn feed_cursor(&self, ctx: &Context<'_>) -> async_graphql::Result<String> {
        let place = match &self.place {
            Some(place) => place.clone(),
            None => ctx.loaders().now().await?,
        };
        Ok(encode_added_events(&EventCursor::Fed(place)))
    }
}
