//! Serialised responses of a subscription.

use std::sync::Arc;

use async_graphql::Response;

use super::feed_range::Progress;
use crate::graphql::{
    error::{ErrorCode, error_response},
    response::{write, write_errors},
};

/// Maximum size of a response in bytes, which bounds the memory held for slow clients.
pub(super) const MAX_BYTES: usize = 1024 * 1024;

/// A serialised response of a subscription.
#[derive(Debug)]
pub struct Frame {
    /// The response as JSON.
    pub json: String,
    /// Position in the feed after this response, as a cursor.
    pub cursor: Option<Arc<str>>,
    /// The errors as JSON if the subscription has failed; then this is the last frame.
    pub errors: Option<String>,
    /// Number of the tail's interval in which the change was committed; `None` in a backfill.
    pub(super) interval: Option<u64>,
}

/// What a subscription sends.
#[derive(Debug)]
pub enum Output {
    /// The frames from this index on, in order.
    Frames(Arc<[Frame]>, usize),
    /// The client does not keep up and should reconnect later. This is the last output.
    TooSlow,
    /// The database is unavailable and the client should reconnect later. This is the last output.
    Unavailable,
}

impl Frame {
    pub(super) fn new(response: &Response, progress: Progress) -> Self {
        let json = write(response);
        if json.len() > MAX_BYTES {
            return Self::too_large(&progress);
        }
        Self {
            json,
            cursor: progress.cursor,
            errors: None,
            interval: progress.interval,
        }
    }

    /// Creates the last frame of a subscription, one of whose responses is too large.
    pub(super) fn too_large(progress: &Progress) -> Self {
        let cursor = progress.cursor.as_deref().unwrap_or_default();
        let message = format!(
            "a response of this subscription has more than {MAX_BYTES} bytes: select fewer fields; or skip it, by \
             subscribing again after its cursor {cursor}"
        );
        Self::failed(&error_response(ErrorCode::QueryTooComplex, message))
    }

    /// Creates the last frame of a subscription that has failed.
    pub(super) fn failed(response: &Response) -> Self {
        let errors = write_errors(response);
        Self {
            json: format!("{{\"errors\":{errors}}}"),
            cursor: None,
            errors: Some(errors),
            interval: None,
        }
    }
}
