//! How many files the system lets this process open: each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that are none of the connections': the database's, its log's, the listener.
const OTHERS: usize = 128;

/// Raises what the system allows by default, often 1,024, to what so many connections need, as far as
/// it lets itself be raised.
pub fn raise(connections: usize) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let needed = u64::try_from(connections + OTHERS).unwrap_or(u64::MAX);
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

/// So many connections, or as many as can be opened without leaving the database without files.
pub(super) fn at_most(connections: usize) -> usize {
    let open_files = getrlimit(Resource::Nofile).current;
    let open_files = open_files.map_or(usize::MAX, |most| {
        usize::try_from(most).unwrap_or(usize::MAX)
    });
    // Where there are hardly any, half is better than none.
    let room = open_files.saturating_sub(OTHERS).max(open_files / 2);
    connections.min(room).max(1)
}
