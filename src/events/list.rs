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
        group: 0,
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

    /// Returns a page of the events that match, across runs, newest first if `is_descending`, otherwise oldest first.
    ///
    /// # Errors
    /// Returns [`Error::TooMuchToRead`](crate::runs::Error::TooMuchToRead) if no index supports the filter and `budget`
    /// is spent, and an error if the database is unavailable.
    pub async fn list(
        &self,
        filter: &EventFilter,
        is_descending: bool,
        page: &PageRequest,
        budget: &ScanBudget,
    ) -> Result<PageRows<Event>> {
        let order = self.store.event_order(is_descending);
        let read = async |page: &PageRequest| {
            let query = self.store.query(filter.is_indexed(), budget, async |pool| {
                let events = order.select(self.matching(filter), page);
                let events = read_all(pool, &events).await?;
                Ok(PageRows::from_read(events, page))
            });
            query.await
        };
        let rows = read(page).await?;
        if rows.is_beyond(page) && read(&page.first_row()).await?.rows.is_empty() {
            return Ok(PageRows::none());
        }
        Ok(rows)
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
