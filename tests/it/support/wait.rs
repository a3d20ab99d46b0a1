//! Waiting for conditions.

use std::time::{Duration, Instant};

/// Deadline of a condition that is expected to become true.
const TIMEOUT: Duration = Duration::from_mins(1);
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Polls `condition` until it is true.
///
/// # Panics
/// If it does not become true in time; `what` describes the condition.
pub(crate) async fn wait_until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + TIMEOUT;
    while !condition().await {
        assert!(Instant::now() < deadline, "timed out waiting until {what}");
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
