//! Watching the events of a run, until it has ended.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use uuid::Uuid;

use super::{
    change::AddedEvent,
    change_log::ChangeLog,
    position::{CommitPosition, FeedCursor},
    stream::{Page, Topic},
    tail::{BATCH, Batch, IntervalEnd, Shared},
};
use crate::{
    db::keyset::Position,
    events::{Event, event_position},
    runs::{Error, Result, status},
};

/// A place among the events of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventCursor {
    /// Behind one of those that were there before this server: by its time (microseconds) and id,
    /// since nothing else is known of their order.
    Adopted(i64, Uuid),
    /// Behind one that the feed carries.
    Fed(FeedCursor),
}

/// The run whose events are wanted.
#[derive(Clone, Copy, Debug)]
pub struct RunEvents(pub Uuid);

impl RunEvents {
    async fn read_adopted(
        self,
        source: &ChangeLog,
        after: Option<Position>,
        head: &CommitPosition,
    ) -> Result<Page<Self>> {
        let events = source.adopted_events(self.0, after, BATCH).await?;
        let deliveries: Vec<_> = events
            .into_iter()
            .map(|event| {
                let Position { value, id } = event_position(&event);
                (EventCursor::Adopted(value.unwrap_or_default(), id), event)
            })
            .collect();
        let place = match deliveries.last() {
            Some((place, _)) => place.clone(),
            None => EventCursor::Fed(FeedCursor::beginning(source.feed(), head.clone())),
        };
        Ok(Page {
            deliveries,
            place,
            last: false,
        })
    }

    fn pick(self, events: &[Arc<AddedEvent>]) -> Vec<(EventCursor, Event)> {
        let own = events.iter().filter(|added| added.event.sync_id == self.0);
        own.map(|added| (EventCursor::Fed(added.cursor.clone()), added.event.clone()))
            .collect()
    }
}

impl Topic for RunEvents {
    type Row = AddedEvent;
    type Delivery = (EventCursor, Event);
    type Place = EventCursor;

    fn channel(shared: &Shared) -> &broadcast::Sender<Arc<Batch<AddedEvent>>> {
        &shared.events
    }

    async fn check(
        &self,
        source: &ChangeLog,
        place: Option<&EventCursor>,
        head: &CommitPosition,
    ) -> Result<()> {
        if source.status(self.0).await?.is_none() {
            return Err(Error::NotFound {
                what: "run",
                id: self.0,
            });
        }
        match place {
            Some(EventCursor::Fed(cursor)) => source.check(cursor, head),
            _ => Ok(()),
        }
    }

    /// First those that were there before this server; then as with changes.
    async fn read(
        &self,
        source: &ChangeLog,
        place: Option<&EventCursor>,
        head: &CommitPosition,
    ) -> Result<Page<Self>> {
        let cursor = match place {
            None => return self.read_adopted(source, None, head).await,
            Some(EventCursor::Adopted(micros, id)) => {
                let after = Position {
                    value: Some(*micros),
                    id: *id,
                };
                return self.read_adopted(source, Some(after), head).await;
            }
            Some(EventCursor::Fed(cursor)) => cursor,
        };
        let (events, more) = source.events(cursor, Some(self.0), BATCH).await?;
        let last = more.is_none() && cursor.upto == *head;
        let cursor = more.unwrap_or_else(|| cursor.next_interval(head));
        Ok(Page {
            deliveries: self.pick(&events),
            place: EventCursor::Fed(cursor),
            last,
        })
    }

    fn take(&self, batch: &Batch<AddedEvent>) -> Vec<(EventCursor, Event)> {
        self.pick(&batch.items)
    }

    fn behind(batch: &Batch<AddedEvent>) -> Option<EventCursor> {
        batch.end(|added| &added.cursor).map(EventCursor::Fed)
    }

    fn place_of((place, _): &(EventCursor, Event)) -> EventCursor {
        place.clone()
    }

    fn at(source: &ChangeLog, head: &CommitPosition) -> EventCursor {
        EventCursor::Fed(FeedCursor::at(source.feed(), head.clone()))
    }

    fn ends_at(&self, reached: &IntervalEnd) -> bool {
        reached.ended.contains(&self.0)
    }

    async fn has_ended(&self, source: &ChangeLog) -> Result<bool> {
        let status = source.status(self.0).await?;
        // A run that another writer has deleted has no more events.
        Ok(status.is_none_or(|status| status.parse().is_ok_and(status::has_ended)))
    }
}
