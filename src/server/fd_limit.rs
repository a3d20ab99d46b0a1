//! The limit of open file descriptors. Each connection needs one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// File descriptors reserved for the database, the log and the listener.
const RESERVED: usize = 128;

/// Raises the soft limit, which is often 1,024, to what `connections` need, at most to the hard limit.
pub fn raise(connections: usize) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let needed = u64::try_from(connections + RESERVED).unwrap_or(u64::MAX);
    let raised = maximum.map_or(needed, |maximum| needed.min(maximum));
    if current.is_some_and(|current| current < raised) {
        let limit = Rlimit {
            current: Some(raised),
            maximum,
        };
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!(%error, "cannot raise the limit of open files");
        }
    }
}

/// Returns `connections`, or as many as the limit of open files allows beside the reserved ones; at least 1.
pub(super) fn max_connections(connections: usize) -> usize {
    let limit = getrlimit(Resource::Nofile).current;
    let limit = limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    });
    // With a very low limit, connections get half of it.
    let available = limit.saturating_sub(RESERVED).max(limit / 2);
    connections.min(available).max(1)
}
