//! Waiting for a database that does not answer.

use std::time::Duration;

use tracing::warn;

use crate::runs::{Error, Result};

/// How long a database that does not answer is let rest before it is asked again.
pub(super) const RETRY: Duration = Duration::from_millis(500);

/// What a subscriber does about a failure: one that passes is waited out, since a live view that
/// ends with it would have to be begun again by hand.
pub(super) async fn wait_out(error: Error) -> Result<()> {
    match error {
        Error::Unavailable(cause) => {
            warn!(%cause, "a subscriber cannot read on; trying on");
            tokio::time::sleep(RETRY).await;
            Ok(())
        }
        other => Err(other),
    }
}
