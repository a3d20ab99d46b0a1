//! One execution of a subscription, response by response.

use std::{panic::AssertUnwindSafe, sync::Arc};

use async_graphql::Response;
use futures_util::{
    FutureExt, StreamExt,
    stream::{self, BoxStream},
};

use super::request::SharedRequest;
use crate::{
    feed::TickRange,
    graphql::{
        error::{ErrorCode, error_response},
        live::feed_range::{FeedRange, Progress, RangeKind},
        response::{complete, panicked, was_executed, write, write_errors},
    },
};

/// Bytes of a response: what is kept for slow clients is bounded by it.
const LARGEST: usize = 1024 * 1024;

/// A response of a subscription's, written.
#[derive(Debug)]
pub struct Frame {
    /// The response as JSON.
    pub json: String,
    /// Where to resume behind it, as a cursor.
    pub place: Option<Arc<str>>,
    /// Its errors as JSON, if they are all there is to it: then it is the last.
    pub errors: Option<String>,
    /// When it was committed, if it is a group's.
    pub(super) span: Option<TickRange>,
}

/// An execution.
pub(super) struct Execution {
    pub(super) watching: Arc<FeedRange>,
    pub(super) frames: BoxStream<'static, Frame>,
}

impl Execution {
    /// Begins to execute what is asked, for a stretch of the feed.
    pub(super) fn begin(asked: &Arc<SharedRequest>, stretch: RangeKind) -> Self {
        let watching = Arc::new(FeedRange::new(stretch));
        let request = asked.request().data(Arc::clone(&watching));
        let responses = Some(asked.schema.execute_stream(request));
        let begin = (responses, Arc::clone(asked), Arc::clone(&watching));
        let frames = stream::unfold(begin, async |(responses, asked, watching)| {
            let mut responses = responses?;
            let next = AssertUnwindSafe(responses.next()).catch_unwind().await;
            let (response, responses) = match next {
                Ok(None) => return None,
                Ok(Some(response)) => {
                    let response = complete(response, &asked.known.shape, &asked.request_id);
                    (response, Some(responses))
                }
                Err(_) => (panicked(&asked.request_id), None),
            };
            let frame = Frame::new(&response, &watching.progress());
            Some((frame, (responses, asked, watching)))
        });
        Self {
            watching,
            frames: frames.boxed(),
        }
    }
}

impl Frame {
    fn new(response: &Response, progress: &Progress) -> Self {
        let has_failed = !was_executed(response) || has_lost_its_source(response);
        let json = write(response);
        if json.len() > LARGEST {
            let message = format!(
                "a response of this live view has {} bytes; at most {LARGEST} are sent: select less",
                json.len()
            );
            return Self::new(
                &error_response(ErrorCode::QueryTooComplex, message),
                progress,
            );
        }
        Self {
            json,
            place: progress.place.as_deref().map(Arc::from),
            errors: has_failed.then(|| write_errors(response)),
            span: progress.span,
        }
    }
}

/// Whether a subscription itself failed, not a field of one of its responses.
fn has_lost_its_source(response: &Response) -> bool {
    response.errors.iter().any(|error| error.path.len() == 1)
}
