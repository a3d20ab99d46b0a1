//! Live execution of subscriptions.

pub(super) mod live;
