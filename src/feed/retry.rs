//! Waiting for a database that is unavailable.

use std::time::Duration;

use crate::{
    outage::Outage,
    runs::{Error, Result},
};

/// Time between two attempts to read from a database that is unavailable.
pub(super) const RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// Of all subscriptions.
static UNREADABLE: Outage = Outage::new("subscriptions cannot read the database; trying again");

/// Waits before the next attempt if the database is unavailable: a subscription outlives that, since its
/// user would have to start it again.
///
/// # Errors
/// Returns `error` itself if it is of another kind.
pub(super) async fn wait_if_unavailable(error: Error) -> Result<()> {
    match error {
        Error::Unavailable(cause) | Error::Denied(cause) | Error::UnexpectedSchema(cause) => {
            UNREADABLE.failed_on_database(&cause);
            tokio::time::sleep(RETRY_INTERVAL).await;
            Ok(())
        }
        other => Err(other),
    }
}
