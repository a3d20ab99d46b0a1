//! The id of a request: its client receives it, and each log line that is written for the request carries it.
//!
//! The id belongs to the running task, and is read when a line is written. A span would cost each request one to two
//! microseconds, and most requests log nothing.

use std::{fmt, sync::Arc};

use futures_util::{Stream, stream};
use uuid::Uuid;

/// Maximum length of an id that a client chooses.
const MAX_LENGTH: usize = 128;

tokio::task_local! {
    static CURRENT: RequestId;
}

/// The id of a request, or of an operation on a WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// Returns an id that the server chooses.
    #[must_use]
    pub fn new(id: Uuid) -> Self {
        let mut buffer = Uuid::encode_buffer();
        let text: &str = id.hyphenated().encode_lower(&mut buffer);
        Self(text.into())
    }

    /// Returns an id that the client or a proxy has chosen; `None` if it is empty, longer than 128 bytes, or has other
    /// characters than printable ASCII.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let is_printable = text.iter().all(|byte| matches!(byte, b' '..=b'~'));
        let is_valid = is_printable && (1..=MAX_LENGTH).contains(&text.len());
        let text = std::str::from_utf8(text).ok().filter(|_| is_valid)?;
        Some(Self(text.into()))
    }

    /// Returns the id of the request that is being served; `None` outside of one.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Returns the id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Serves this request by a future.
    pub fn scope<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        CURRENT.scope(self.clone(), future)
    }

    /// Serves this request by a function.
    pub fn sync_scope<R>(&self, function: impl FnOnce() -> R) -> R {
        CURRENT.sync_scope(self.clone(), function)
    }

    /// Serves this request by a stream.
    pub fn scope_stream<S: Stream + Send>(
        self,
        stream: S,
    ) -> impl Stream<Item = S::Item> + Send + use<S> {
        let mut stream = Box::pin(stream);
        stream::poll_fn(move |cx| self.sync_scope(|| stream.as_mut().poll_next(cx)))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_clients_are_short_and_printable() {
        let longest = "x".repeat(MAX_LENGTH);
        for valid in [
            "7",
            "0197d2c4-8a3e-7c1b-9f00-3b5a1c2d4e6f",
            "a b:c/\"~",
            &longest,
        ] {
            assert_eq!(RequestId::parse(valid.as_bytes()).unwrap().as_str(), valid);
        }
        let too_long = "x".repeat(MAX_LENGTH + 1);
        for invalid in ["", "a\tb", "a\nb", "\u{7f}", "é", &too_long] {
            assert_eq!(RequestId::parse(invalid.as_bytes()), None, "{invalid:?}");
        }
    }

    #[tokio::test]
    async fn the_current_id_is_that_of_the_task() {
        assert_eq!(RequestId::current(), None);
        let (one, other) = (RequestId(Arc::from("one")), RequestId(Arc::from("other")));
        let nested =
            one.scope(async { (other.sync_scope(RequestId::current), RequestId::current()) });
        assert_eq!(nested.await, (Some(other), Some(one)));
    }
}
