//! The topic of a run's events, which is complete when the run has ended.

use std::sync::Arc;

use tokio::sync::broadcast::Sender;
use uuid::Uuid;

use super::{
    batch::{Batch, Channels, EndedRuns},
    change::AddedEvent,
    change_log::ChangeLog,
    position::EventCursor,
    tail::BATCH_SIZE,
    topic::{Delivery, Page, Topic},
};
use crate::{
    db::keyset::Position,
    events::{Event, event_position},
    runs::{Error, Result, status},
    store::FeedPosition,
};

/// The events of the run with this id.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunEvents(pub(crate) Uuid);

impl RunEvents {
    /// Reads events from before the feed, after one of them. Their end is where the feed begins.
    async fn read_adopted(
        self,
        log: &ChangeLog,
        after: Option<Position>,
        upto: &FeedPosition,
    ) -> Result<Page<Self>> {
        let events = log.adopted_events(self.0, after, BATCH_SIZE).await?;
        let deliveries: Vec<Delivery<Self>> = events
            .into_iter()
            .map(|event| Delivery {
                cursor: EventCursor::Adopted(event_position(&event)),
                item: event,
            })
            .collect();
        let next = match deliveries.last() {
            Some(last) => last.cursor.clone(),
            None => log.beginning(upto.clone()).into(),
        };
        Ok(Page {
            deliveries,
            next,
            is_last: false,
        })
    }
}

impl Topic for RunEvents {
    type Row = AddedEvent;
    type Item = Event;
    type Cursor = EventCursor;

    fn channel(channels: &Channels) -> &Sender<Arc<Batch<AddedEvent>>> {
        &channels.events
    }

    async fn validate(
        &self,
        log: &ChangeLog,
        after: Option<&EventCursor>,
        now: &FeedPosition,
    ) -> Result<()> {
        if log.run(self.0).await?.is_none() {
            return Err(Error::NotFound {
                what: "run",
                id: self.0,
            });
        }
        match after {
            Some(EventCursor::Feed(cursor)) => log.validate_events(cursor, now).await,
            _ => Ok(()),
        }
    }

    /// Reads the events from before the feed, then those of the feed.
    async fn read(
        &self,
        log: &ChangeLog,
        after: Option<&EventCursor>,
        upto: &FeedPosition,
    ) -> Result<Page<Self>> {
        let after = match after {
            None => return self.read_adopted(log, None, upto).await,
            Some(EventCursor::Adopted(position)) => {
                return self.read_adopted(log, Some(*position), upto).await;
            }
            Some(EventCursor::Feed(cursor)) => cursor,
        };
        let (events, next) = log.events(after, Some(self.0), BATCH_SIZE).await?;
        Ok(Page {
            deliveries: self.select(&events),
            is_last: next.is_none() && after.upto == *upto,
            next: next.unwrap_or_else(|| after.next_interval(upto)).into(),
        })
    }

    fn select(&self, events: &[Arc<AddedEvent>]) -> Vec<Delivery<Self>> {
        let selected = events.iter().filter(|added| added.event.sync_id == self.0);
        let deliveries = selected.map(|added| Delivery {
            cursor: added.cursor.clone().into(),
            item: added.event.clone(),
        });
        deliveries.collect()
    }

    fn is_completed_by(&self, ended_runs: &EndedRuns) -> bool {
        ended_runs.contains(self.0)
    }

    /// A deleted run gets no more events either. One that was closed as lost does if it is recovered.
    async fn is_complete(&self, log: &ChangeLog) -> Result<bool> {
        let run = log.run(self.0).await?;
        Ok(run
            .is_none_or(|run| run.status().is_ok_and(status::has_ended) && !status::is_lost(&run)))
    }
}
