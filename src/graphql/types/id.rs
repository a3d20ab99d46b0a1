//! Parsing of ids.

use std::collections::HashSet;

use async_graphql::ID;
use uuid::Uuid;

use crate::runs::{Error, Result};

/// Characters of a malformed value that an error message quotes.
pub(crate) const MAX_QUOTED_CHARS: usize = 50;

/// Parses the UUID in the argument or input field `name`.
///
/// # Errors
/// Returns [`Error::BadInput`] if it is malformed.
pub(crate) fn parse_uuid(name: &str, id: &ID) -> Result<Uuid> {
    Uuid::parse_str(id).map_err(|_| {
        let text: String = id.chars().take(MAX_QUOTED_CHARS).collect();
        Error::BadInput(format!(
            "{name} `{text}` is not a UUID, such as 0197d2c4-8a3e-7c1b-9f00-3b5a1c2d4e6f"
        ))
    })
}

/// Parses the UUIDs in the argument or input field `name`, in their order.
///
/// # Errors
/// Returns [`Error::BadInput`] if one is malformed.
pub(crate) fn parse_uuids(name: &str, ids: &[ID]) -> Result<Vec<Uuid>> {
    ids.iter().map(|id| parse_uuid(name, id)).collect()
}

/// Returns each ID once, in the order of their first occurrences.
pub(crate) fn distinct(ids: impl IntoIterator<Item = Uuid>) -> Vec<Uuid> {
    let mut seen = HashSet::new();
    ids.into_iter().filter(|id| seen.insert(*id)).collect()
}
