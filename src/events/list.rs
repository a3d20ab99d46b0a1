//! Pages and counts of events across runs.

use std::collections::HashMap;

use entity::{FromColumns, event};
use sea_orm::sea_query::{Expr, SelectStatement};
use sea_orm::{ColumnTrait, DbBackend};
use uuid::Uuid;

use super::{Event, filter::EventFilter};
use crate::{
    db::{
        ScanBudget,
        keyset::{KeysetOrder, PageRequest, PageRows, Position},
        query::{read_all, select},
    },
    runs::{
        Result, Runs,
        list::{count_up_to, instant},
    },
};

/// Where `event` stands in a list of events.
#[must_use]
pub fn event_position(event: &Event) -> Position {
    Position {
        value: Some(event.timestamp.timestamp_micros()),
        id: event.id,
    }
}

impl Runs {
    /// The events with these ids, those that exist.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn find_events(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, Event>> {
        let mut select = select::<Event>(Event::COLUMNS);
        select.and_where(event::Column::Id.is_in(ids.iter().copied()));
        let events: Vec<Event> = read_all(self.database.read(), select).await?;
        Ok(events.into_iter().map(|event| (event.id, event)).collect())
    }

    /// A page of the events that match, across runs, newest first.
    ///
    /// # Errors
    /// The database does not answer, or has too much to read.
    pub async fn list_events(
        &self,
        filter: &EventFilter,
        page: &PageRequest,
        time: &ScanBudget,
    ) -> Result<PageRows<Event>> {
        let select = matching_events(self.database.backend(), filter, Event::COLUMNS);
        self.read(filter.is_indexed(), time, async |connection| {
            let read = |select| read_all(connection, select);
            event_order(true).read(select, page, read).await
        })
        .await
    }

    /// How many events match, counted up to `up_to`.
    ///
    /// # Errors
    /// The database does not answer, or has too much to read.
    pub async fn count_events(
        &self,
        filter: &EventFilter,
        up_to: u32,
        time: &ScanBudget,
    ) -> Result<u32> {
        let select = matching_events(self.database.backend(), filter, "1");
        self.read(filter.is_indexed(), time, async |connection| {
            count_up_to(connection, select, up_to).await
        })
        .await
    }
}

/// The events that match.
pub(crate) fn matching_events(
    backend: DbBackend,
    filter: &EventFilter,
    columns: &'static str,
) -> SelectStatement {
    let mut select = select::<Event>(columns);
    select.cond_where(filter.condition(backend));
    select
}

pub(crate) fn event_order(descending: bool) -> KeysetOrder {
    KeysetOrder {
        by: Expr::col(event::Column::Timestamp),
        id: Expr::col(event::Column::Id),
        nullable: false,
        descending,
        operand: instant,
    }
}
