//! One execution of a subscription, as a stream of frames.

use std::{panic::AssertUnwindSafe, sync::Arc};

use async_graphql::{Request, Response};
use async_stream::stream;
use futures_util::{
    FutureExt, Stream, StreamExt,
    stream::{self, BoxStream},
};

use tokio::sync::{mpsc, watch};
use tokio_util::task::AbortOnDropHandle;

use super::{
    feed_range::{FeedRange, Progress, RangeKind},
    frame::{Frame, MAX_BYTES},
    freshness_source::FreshnessSource,
    request::SharedRequest,
};
use crate::{
    db,
    feed::FreshnessChanges,
    graphql::{
        error::sanitize,
        response::{ResponseBudget, panicked},
    },
};

/// Maximum number of frames in a chunk.
const MAX_CHUNK_FRAMES: usize = 16;
/// Size in bytes from which a chunk is not extended.
const MAX_CHUNK_BYTES: usize = 64 * 1024;

/// An execution of a subscription over a range of the feed.
pub(super) struct Execution {
    user: Arc<str>,
    pub(super) range: Arc<FeedRange>,
    /// Frames that are available together.
    pub(super) chunks: BoxStream<'static, Vec<Frame>>,
}

impl Execution {
    /// Starts an execution; it advances as its chunks are polled.
    pub(super) fn start(request: &Arc<SharedRequest>, range: RangeKind) -> Self {
        Self::execute(request, request.to_request(), range)
    }

    /// Starts an execution that reports the freshness of pairs instead of a range of the feed.
    pub(super) fn of_freshness(request: &Arc<SharedRequest>, changes: FreshnessChanges) -> Self {
        let source = FreshnessSource::new(changes);
        let attached = watch::Sender::new(true);
        Self::execute(
            request,
            request.to_request().data(source),
            RangeKind::Live(attached),
        )
    }

    fn execute(request: &Arc<SharedRequest>, executed: Request, range: RangeKind) -> Self {
        let range = Arc::new(FeedRange::new(range));
        let frames = frames(Arc::clone(request), executed, Arc::clone(&range));
        let frames = match request.request_id.clone() {
            Some(id) => id.scope_stream(frames).boxed(),
            None => frames.boxed(),
        };
        Self {
            user: request.user(),
            range,
            chunks: chunks(frames).boxed(),
        }
    }

    /// Executes on behalf of the subscriber, on a task of its own, at most one chunk ahead. Requests of other clients wait for the
    /// lookups that this execution has begun, and must not depend on how fast its client reads.
    pub(super) fn on_own_task(self) -> Self {
        let (sender, mut receiver) = mpsc::channel(1);
        let mut chunks = self.chunks;
        let work = async move {
            while let Some(chunk) = chunks.next().await {
                if sender.send(chunk).await.is_err() {
                    return;
                }
            }
        };
        let work = db::on_behalf_of(Arc::clone(&self.user), work);
        let task = AbortOnDropHandle::new(tokio::spawn(work));
        let chunks = stream::poll_fn(move |cx| {
            let _ = &task;
            receiver.poll_recv(cx)
        });
        Self {
            user: self.user,
            range: self.range,
            chunks: chunks.boxed(),
        }
    }
}

fn frames(
    request: Arc<SharedRequest>,
    executed: Request,
    range: Arc<FeedRange>,
) -> impl Stream<Item = Frame> + Send {
    stream! {
        let budget = Arc::new(ResponseBudget::of_frames(MAX_BYTES));
        let data = executed.data(Arc::clone(&range));
        let mut responses = request
            .schema
            .execute_stream(data.data(Arc::clone(&budget)));
        loop {
            match AssertUnwindSafe(responses.next()).catch_unwind().await {
                Ok(Some(_)) if budget.is_exceeded() => {
                    yield Frame::too_large(&range.progress());
                    break;
                }
                Ok(Some(response)) => {
                    budget.reset();
                    yield frame(response, &request, range.progress());
                }
                Ok(None) => break,
                Err(_) => {
                    yield Frame::failed(&panicked());
                    break;
                }
            }
        }
    }
}

fn frame(mut response: Response, request: &SharedRequest, progress: Progress) -> Frame {
    // An error of the subscription itself, and not of a field of its response.
    if response.errors.iter().any(|error| error.path.len() <= 1) {
        return Frame::failed(&sanitize(response));
    }
    request.shape().apply(&mut response);
    Frame::new(&sanitize(response), progress)
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
