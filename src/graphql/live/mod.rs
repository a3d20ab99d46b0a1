//! Live subscriptions, in the form in which a transport sends them.
//!
//! Each subscription is a backfill, then a live phase. The backfill is an execution of its own: it reads
//! the change log from the client's cursor up to a position of the tail. From there on the client shares
//! one execution with all subscribers of the same request. It returns to the backfill, from its current
//! cursor, whenever it has lagged behind the shared execution, or that has lagged behind the tail or failed.
//!
//! The subscription to freshness has no cursors: it begins with the present states, and each subscriber has an execution
//! of its own.
//!
//! - `subscription`: the two phases.
//! - `shared_execution`: executions shared by identical requests; `fan_out`: their messages to members.
//! - `execution`: one execution, as `frame`s; `feed_range`: the part of the feed it delivers;
//!   `freshness_source`: the changes of freshness it delivers.
//! - `request`: what identifies a request.

mod execution;
mod fan_out;
mod feed_range;
mod frame;
mod freshness_source;
mod request;
mod shared_execution;
mod subscription;

pub(super) use feed_range::FeedRange;
pub use frame::{Frame, Output};
pub(super) use freshness_source::FreshnessSource;
pub(super) use subscription::LiveSubscriptions;
