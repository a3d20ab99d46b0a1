//! Events of runs: adding, filtering and listing them.

mod add;
pub mod commands;
pub mod filter;
mod list;
mod list_by_run;

pub use add::AddedEvents;
pub use entity::event::Model as Event;
pub(crate) use list::event_order;
pub use list::event_position;
pub use list_by_run::{EventPageSpec, EventQuery, RunEventKey};
