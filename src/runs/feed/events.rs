//! One who watches the events of a run, from its first or from a cursor on, until the run has ended.

use std::{collections::VecDeque, sync::Arc};

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use uuid::Uuid;

use super::{
    AddedEvent, Feed,
    cursor::{Cursor, Head},
    tail::{Attached, BATCH, Batch},
    wait_out,
};
use crate::{
    db::page::Position,
    runs::{Event, error::Result, event_position, lifecycle},
};

/// A place among the events of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventCursor {
    /// Behind one of those that were there before this server: by its time (microseconds) and id,
    /// since nothing else is known of their order.
    Adopted(i64, Uuid),
    /// Behind one that the feed carries.
    Fed(Cursor),
}

/// A subscription: [`EventSubscriber::next`] gives one event after the other.
#[derive(Debug)]
pub struct EventSubscriber {
    feed: Feed,
    run_id: Uuid,
    state: State,
    ready: VecDeque<(EventCursor, Event)>,
}

#[derive(Debug)]
enum State {
    /// Reads what was there before this server, behind this place.
    Adopted(Option<Position>),
    /// Stands here, and holds on to the tail; `ended` if the run was seen to have ended before.
    Detached { cursor: Option<Cursor>, ended: bool },
    /// Reads the table from its cursor to where it holds on to the tail.
    CatchingUp {
        cursor: Cursor,
        attached: Attached<AddedEvent>,
        ended: bool,
    },
    /// Takes what the tail reads.
    Following {
        cursor: Cursor,
        batches: Receiver<Arc<Batch<AddedEvent>>>,
    },
    /// The run has ended and all is delivered.
    Ended,
}

impl EventSubscriber {
    pub(super) fn new(feed: Feed, run_id: Uuid, after: Option<EventCursor>) -> Self {
        let state = match after {
            None => State::Adopted(None),
            Some(EventCursor::Adopted(micros, id)) => State::Adopted(Some(Position {
                value: Some(micros),
                id,
            })),
            Some(EventCursor::Fed(cursor)) => State::Detached {
                cursor: Some(cursor),
                ended: false,
            },
        };
        Self {
            feed,
            run_id,
            state,
            ready: VecDeque::new(),
        }
    }

    /// The next event, with the place behind it; None when the run has ended and all its events up
    /// to then are delivered, or when the server stops.
    ///
    /// # Errors
    /// A defect; what was delivered stays delivered, and its cursors good.
    pub async fn next(&mut self) -> Result<Option<(EventCursor, Event)>> {
        loop {
            if let Some(next) = self.ready.pop_front() {
                return Ok(Some(next));
            }
            if matches!(self.state, State::Ended) {
                return Ok(None);
            }
            match self.advance().await {
                Ok(Some(state)) => self.state = state,
                Ok(None) => {}
                // Where it stands has not changed.
                Err(error) => wait_out(error).await?,
            }
        }
    }

    /// Takes one step; tells the state that follows if it is another.
    async fn advance(&mut self) -> Result<Option<State>> {
        match &mut self.state {
            State::Ended => Ok(None),
            State::Adopted(after) => {
                let after = *after;
                self.read_adopted(after).await
            }
            State::Detached { cursor, ended } => {
                let (cursor, ended) = (cursor.clone(), *ended);
                self.attach(cursor, ended).await
            }
            State::CatchingUp {
                cursor,
                attached,
                ended,
            } => {
                let (cursor, head, ended) = (cursor.clone(), attached.head.clone(), *ended);
                self.catch_up(cursor, &head, ended).await
            }
            State::Following { cursor, batches } => match batches.recv().await {
                Ok(batch) => Ok(self.follow(&batch)),
                Err(RecvError::Lagged(_)) => Ok(Some(State::Detached {
                    cursor: Some(cursor.clone()),
                    ended: false,
                })),
                Err(RecvError::Closed) => Ok(Some(State::Ended)),
            },
        }
    }

    async fn read_adopted(&mut self, after: Option<Position>) -> Result<Option<State>> {
        let events = self
            .feed
            .source
            .adopted_events(self.run_id, after, BATCH)
            .await?;
        let Some(last) = events.last().map(event_position) else {
            return Ok(Some(State::Detached {
                cursor: None,
                ended: false,
            }));
        };
        self.ready.extend(events.into_iter().map(|event| {
            let cursor = EventCursor::Adopted(event.timestamp.timestamp_micros(), event.id);
            (cursor, event)
        }));
        Ok(Some(State::Adopted(Some(last))))
    }

    async fn attach(&mut self, cursor: Option<Cursor>, ended: bool) -> Result<Option<State>> {
        let attached = self.feed.tail.attach_to_events().await?;
        let from_first = || Cursor::beginning(self.feed.source.feed(), attached.head.clone());
        let cursor = cursor.unwrap_or_else(from_first);
        Ok(Some(State::CatchingUp {
            cursor,
            attached,
            ended,
        }))
    }

    /// Reads one batch towards `head`. Once there, a run that had ended by then is done with; one
    /// that has ended since the tail was there is read once more, to a moment behind its end.
    async fn catch_up(
        &mut self,
        cursor: Cursor,
        head: &Head,
        ended: bool,
    ) -> Result<Option<State>> {
        let (events, more) = self
            .feed
            .source
            .events(&cursor, Some(self.run_id), BATCH)
            .await?;
        let at_head = more.is_none() && cursor.upto == *head;
        let cursor = more.unwrap_or_else(|| cursor.next_interval(head));
        let has_ended = if at_head && !ended {
            self.has_ended().await?
        } else {
            ended
        };
        self.take(&events);
        if !at_head {
            if let State::CatchingUp { cursor: place, .. } = &mut self.state {
                *place = cursor;
            }
            return Ok(None);
        }
        if ended {
            return Ok(Some(State::Ended));
        }
        let cursor_at_end = State::Detached {
            cursor: Some(cursor.clone()),
            ended: true,
        };
        Ok(match std::mem::replace(&mut self.state, cursor_at_end) {
            State::CatchingUp { attached, .. } if !has_ended => {
                let batches = attached.batches;
                Some(State::Following { cursor, batches })
            }
            _ => None,
        })
    }

    fn follow(&mut self, batch: &Batch<AddedEvent>) -> Option<State> {
        self.take(&batch.items);
        let State::Following { cursor, .. } = &mut self.state else {
            return None;
        };
        if let Some(last) = batch.items.last() {
            *cursor = last.cursor.clone();
        }
        let reached = batch.reached.as_ref()?;
        *cursor = Cursor::at(cursor.feed(), reached.head.clone());
        reached.ended.contains(&self.run_id).then_some(State::Ended)
    }

    async fn has_ended(&self) -> Result<bool> {
        let status = self.feed.source.status(self.run_id).await?;
        // A run that another writer has deleted has no more events.
        Ok(status.is_none_or(|status| status.parse().is_ok_and(lifecycle::has_ended)))
    }

    fn take(&mut self, events: &[Arc<AddedEvent>]) {
        let own = events
            .iter()
            .filter(|added| added.event.sync_id == self.run_id);
        self.ready
            .extend(own.map(|added| (EventCursor::Fed(added.cursor.clone()), added.event.clone())));
    }
}
