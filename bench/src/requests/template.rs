//! A request as bytes, made once, in which only ids change from one sending to the next.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{SystemTime, UNIX_EPOCH},
};

use memchr::memmem;
use serde_json::Value;
use uuid::{Builder, Uuid, fmt::Hyphenated};

/// A request that is sent again and again.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    bytes: Vec<u8>,
    /// Where an id that no other request had is to be put.
    ids: Vec<usize>,
}

/// Ids that are used once, each greater than those before it.
#[derive(Debug)]
pub(crate) struct Ids {
    first: u128,
    used: AtomicU64,
}

impl Template {
    /// A request to a path with a body; the ids in it that are nil are to be new ones.
    pub(crate) fn new(path: &str, body: &Value) -> Self {
        let body = body.to_string();
        let length = body.len();
        let bytes = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}"
        );
        let bytes = bytes.into_bytes();
        let nil = Uuid::nil().to_string();
        let ids = memmem::find_iter(&bytes, nil.as_bytes()).collect();
        Self { bytes, ids }
    }

    /// The request's bytes, with ids that no other has.
    pub(crate) fn fill(&mut self, ids: &Ids) -> &[u8] {
        for at in &self.ids {
            let place = &mut self.bytes[*at..*at + Hyphenated::LENGTH];
            ids.next().hyphenated().encode_lower(place);
        }
        &self.bytes
    }
}

impl Ids {
    /// Ids that nobody else has: they begin with the time at which this was called.
    pub(crate) fn new() -> Self {
        let clock = SystemTime::now().duration_since(UNIX_EPOCH);
        let clock = clock.unwrap_or_default();
        let millis = u64::try_from(clock.as_millis()).unwrap_or(u64::MAX);
        let mut rest = [0; 10];
        rest[..4].copy_from_slice(&clock.subsec_nanos().to_be_bytes());
        Self {
            first: Builder::from_unix_timestamp_millis(millis, &rest)
                .into_uuid()
                .as_u128(),
            used: AtomicU64::new(0),
        }
    }

    /// The next.
    pub(crate) fn next(&self) -> Uuid {
        self.nth(self.used.fetch_add(1, Relaxed))
    }

    /// The one that is used after so many.
    pub(crate) fn nth(&self, number: u64) -> Uuid {
        Uuid::from_u128(self.first + u128::from(number))
    }

    /// How many have been used.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_sending_has_ids_of_its_own() {
        let body = json!({"a": Uuid::nil(), "b": [Uuid::nil()]});
        let mut template = Template::new("/", &body);
        let ids = Ids::new();
        let first = template.fill(&ids).to_vec();
        let second = template.fill(&ids).to_vec();
        assert_eq!(ids.used(), 4);
        assert_eq!(first.len(), second.len());
        assert_ne!(first, second);
        assert!(memmem::find(&first, Uuid::nil().to_string().as_bytes()).is_none());
    }
}
