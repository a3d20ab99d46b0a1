//! Pages and counts of events across runs.

use std::collections::HashMap;

use entity::{event, instant};
use sea_orm::sea_query::SelectStatement;
use uuid::Uuid;

use super::{Event, Events, filter::EventFilter};
use crate::{
    db::{
        ScanBudget,
        keyset::{PageRequest, PageRows, Position, PositionValue},
    },
    runs::Result,
    store::{count, read_all, read_by_ids, select_events},
};

/// Returns the position of `event` in a list of events.
#[must_use]
pub fn event_position(event: &Event) -> Position {
    let value = if instant::is_representable(event.timestamp) {
        PositionValue::Exact(event.timestamp.timestamp_micros())
    } else {
        PositionValue::Stored
    };
    Position {
        value,
        seq: event.seq.unwrap_or_default(),
        id: event.id,
    }
}

impl Events {
    /// Returns those events with these IDs that exist.
    ///
    /// # Errors
    /// Returns an error if the database is unavailable.
    pub async fn find(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, Event>> {
        let events = read_by_ids::<event::Entity>(self.store.read(), ids).await?;
        Ok(events.into_iter().map(|event| (event.id, event)).collect())
    }

    /// Returns a page of the events that match, across runs, newest first.
    ///
    /// # Errors
    /// Returns [`Error::TooMuchToRead`](crate::runs::Error::TooMuchToRead) if no index supports the filter and `budget`
    /// is spent, and an error if the database is unavailable.
    pub async fn list(
        &self,
        filter: &EventFilter,
        page: &PageRequest,
        budget: &ScanBudget,
    ) -> Result<PageRows<Event>> {
        let query = self.store.query(filter.is_indexed(), budget, async |pool| {
            let read = async |events| read_all(pool, &events).await;
            let order = self.store.event_order(true);
            order.read(self.matching(filter), page, read).await
        });
        Ok(query.await?)
    }

    /// Counts the events that match, up to `limit`.
    ///
    /// # Errors
    /// Returns [`Error::TooMuchToRead`](crate::runs::Error::TooMuchToRead) if no index supports the filter and `budget`
    /// is spent, and an error if the database is unavailable.
    pub async fn count(
        &self,
        filter: &EventFilter,
        limit: u32,
        budget: &ScanBudget,
    ) -> Result<u32> {
        let query = self.store.query(filter.is_indexed(), budget, async |pool| {
            let condition = filter.condition(&self.store);
            count::<event::Entity>(pool, condition, limit).await
        });
        Ok(query.await?)
    }

    fn matching(&self, filter: &EventFilter) -> SelectStatement {
        select_events()
            .cond_where(filter.condition(&self.store))
            .take()
    }
}
