//! The body of a response to a query or mutation.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::body::{Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};

use crate::graphql::ResponseBudget;

/// Bytes handed to the connection at a time, which buffers what its client does not read yet.
const CHUNK_BYTES: usize = 64 * 1024;

/// A serialised response. Its bytes count as in flight until the client has read nearly all of them.
pub(super) struct ResponseBody {
    rest: Bytes,
    _budget: Arc<ResponseBudget>,
}

impl ResponseBody {
    pub(super) fn new(json: String, budget: Arc<ResponseBudget>) -> Self {
        Self {
            rest: json.into(),
            _budget: budget,
        }
    }
}

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let length = self.rest.len().min(CHUNK_BYTES);
        let chunk = self.rest.split_to(length);
        Poll::Ready((!chunk.is_empty()).then(|| Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}
