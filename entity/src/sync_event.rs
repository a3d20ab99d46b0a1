//! Something that happened during a run, by its worker's account.

use std::fmt;

use sea_orm::entity::prelude::*;

use crate::Details;

/// An event as stored; it never changes.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "sync_event")]
pub struct Model {
    /// Chosen by the worker, or a version 7 UUID of the server's.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The run it belongs to.
    pub sync_id: Uuid,
    /// An open set, such as `start`, `chunk`, `error`; at most 50 characters.
    pub event_type: String,
    /// By the worker's clock.
    pub timestamp: DateTimeUtc,
    /// What happened, for people.
    #[sea_orm(column_type = "Text")]
    pub message: String,
    /// A JSON object; the predecessor also stored JSON `null`.
    pub details: Option<Details>,
}

impl Model {
    /// The details, where there are some that can be read.
    #[must_use]
    pub fn details(&self) -> Option<&Json> {
        self.details.as_ref()?.json()
    }
}

/// One line for logs: `event 0197… of run 0197…: [chunk] Chunk 1/4 imported`.
impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = self.message.lines().next().unwrap_or_default();
        write!(
            f,
            "event {} of run {}: [{}] {message}",
            self.id, self.sync_id, self.event_type
        )
    }
}

/// None: the server reads one table at a time.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
