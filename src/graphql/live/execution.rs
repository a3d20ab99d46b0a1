//! One execution of a subscription, as a stream of frames.

use std::{panic::AssertUnwindSafe, sync::Arc};

use async_stream::stream;
use futures_util::{
    FutureExt, Stream, StreamExt,
    stream::{self, BoxStream},
};

use super::{
    feed_range::{FeedRange, RangeKind},
    frame::Frame,
    request::SharedRequest,
};
use crate::graphql::response::{complete, panicked};

/// Maximum number of frames in a chunk.
const MAX_CHUNK_FRAMES: usize = 16;
/// Size in bytes from which a chunk is not extended.
const MAX_CHUNK_BYTES: usize = 64 * 1024;

/// An execution of a subscription over a range of the feed.
pub(super) struct Execution {
    pub(super) range: Arc<FeedRange>,
    /// Frames that are available together.
    pub(super) chunks: BoxStream<'static, Vec<Frame>>,
}

impl Execution {
    /// Starts an execution; it advances as its chunks are polled.
    pub(super) fn start(request: &Arc<SharedRequest>, range: RangeKind) -> Self {
        let range = Arc::new(FeedRange::new(range));
        let frames = frames(Arc::clone(request), Arc::clone(&range)).boxed();
        Self {
            range,
            chunks: chunks(frames).boxed(),
        }
    }
}

fn frames(request: Arc<SharedRequest>, range: Arc<FeedRange>) -> impl Stream<Item = Frame> + Send {
    stream! {
        let mut responses = request
            .schema
            .execute_stream(request.to_request().data(Arc::clone(&range)));
        loop {
            match AssertUnwindSafe(responses.next()).catch_unwind().await {
                Ok(Some(response)) => {
                    let response = complete(response, request.shape(), &request.request_id);
                    yield Frame::new(&response, range.progress());
                }
                Ok(None) => break,
                Err(_) => {
                    yield Frame::new(&panicked(&request.request_id), range.progress());
                    break;
                }
            }
        }
    }
}

/// Groups the frames that are available without waiting.
fn chunks(frames: BoxStream<'static, Frame>) -> impl Stream<Item = Vec<Frame>> + Send {
    stream::unfold(frames.fuse(), async |mut frames| {
        let mut chunk = vec![frames.next().await?];
        let mut bytes = chunk[0].json.len();
        while chunk.len() < MAX_CHUNK_FRAMES && bytes < MAX_CHUNK_BYTES {
            let Some(Some(frame)) = frames.next().now_or_never() else {
                break;
            };
            bytes += frame.json.len();
            chunk.push(frame);
        }
        Some((chunk, frames))
    })
}
