//! GraphQL over server-sent events, "distinct connections" mode: one operation per connection, one event
//! per response. The `id` of an event is a feed cursor; clients send it back as `Last-Event-ID` when they
//! reconnect, and the subscription resumes after it.

use std::{convert::Infallible, sync::Arc, time::Duration};

use async_graphql::{Response as GraphQlResponse, parser::types::OperationType};
use axum::{
    http::{HeaderMap, HeaderName, header::CACHE_CONTROL},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{Stream, StreamExt, future, stream};

use super::{rate_limit::OperationSlot, state::AppState};
use crate::{
    auth::Principal,
    graphql::{Output, PreparedRequest, write},
    request_id::RequestId,
};

/// Interval of comments on an idle stream. Clients and proxies close streams that are idle for longer.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(12);

/// Disables the buffer of nginx, which otherwise holds events back until it is full.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Returns the value of `Last-Event-ID`, or `None` if it is absent or empty.
pub(super) fn last_event_id(headers: &HeaderMap) -> Option<&str> {
    let id = headers.get("last-event-id")?.to_str().ok()?;
    (!id.is_empty()).then_some(id)
}

/// Executes an operation and streams its responses. The stream ends without `complete`, so that the client
/// reconnects, when the server shuts down, the client is too slow, the database is unavailable or the
/// principal's credential is no longer valid.
///
/// # Errors
/// Returns the response to a subscription that cannot begin, since the database is unavailable.
pub(super) async fn execute(
    state: &AppState,
    prepared: PreparedRequest,
    principal: Arc<Principal>,
    slot: OperationSlot,
    last_event_id: Option<String>,
) -> Result<Response, Box<GraphQlResponse>> {
    if prepared.operation != OperationType::Subscription {
        let executed = state.graphql.execute(prepared, slot).await;
        let json = executed.write();
        let budget = executed.into_budget();
        let events = stream::iter([next(json), complete()]).inspect(move |_| {
            // Holds the budget as long as the stream.
            let _ = &budget;
        });
        return Ok(respond(events));
    }
    let output = state.graphql.subscribe(prepared, last_event_id);
    let output = output.await?;
    let now = state.auth.clock().now();
    let shutdown = state.shutdown.clone().cancelled_owned();
    let interrupted = async move {
        tokio::select! {
            () = shutdown => {}
            () = principal.invalidated(now) => {}
        }
    };
    // `None` marks the regular end, which an interrupted stream does not reach.
    let events = output
        .map(Some)
        .chain(stream::iter([None]))
        .inspect(move |_| {
            // Holds the slot as long as the stream.
            let _ = &slot;
        })
        .take_while(|output| {
            let is_interrupted = matches!(output, Some(Output::TooSlow | Output::Unavailable));
            future::ready(!is_interrupted)
        })
        .flat_map(|output| stream::iter(output.map_or_else(|| vec![complete()], events)))
        .take_until(interrupted);
    Ok(match RequestId::current() {
        Some(id) => respond(id.scope_stream(events)),
        None => respond(events),
    })
}

/// Streams a single response. Request errors are sent this way too: clients treat an HTTP error as a lost
/// connection and reconnect.
pub(super) fn single(response: &GraphQlResponse) -> Response {
    respond(stream::iter([next(write(response)), complete()]))
}

fn events(output: Output) -> Vec<Event> {
    let Output::Frames(frames, first) = output else {
        return Vec::new();
    };
    let events = frames[first..].iter().map(|frame| {
        let event = next(&frame.json);
        match &frame.cursor {
            Some(cursor) => event.id(cursor.as_ref()),
            None => event,
        }
    });
    events.collect()
}

fn next(json: impl AsRef<str>) -> Event {
    Event::default().event("next").data(json)
}

fn complete() -> Event {
    Event::default().event("complete").data("")
}

fn respond(events: impl Stream<Item = Event> + Send + 'static) -> Response {
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE_INTERVAL);
    let stream = Sse::new(events.map(Ok::<_, Infallible>)).keep_alive(keep_alive);
    // axum sets `no-cache`, which allows storing the response.
    let headers = [(CACHE_CONTROL, "no-store"), (ACCEL_BUFFERING, "no")];
    (headers, stream).into_response()
}
