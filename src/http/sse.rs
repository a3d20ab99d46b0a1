//! GraphQL over server-sent events: one operation a connection, each response an event. An event's
//! `id` is its place in the feed, and `Last-Event-ID`, which clients send by themselves when they come
//! back, resumes behind it.

use std::{convert::Infallible, sync::Arc, time::Duration};

use async_graphql::{Response as GraphQlResponse, parser::types::OperationType};
use axum::{
    http::HeaderMap,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{Stream, StreamExt, future, stream};

use super::{AppState, rate_limit::Slot};
use crate::{
    auth::Principal,
    graphql::{Output, PreparedRequest, write},
};

/// How long the line may be silent: clients and what is between take a longer silence for an end.
const KEEP_ALIVE: Duration = Duration::from_secs(12);

/// The place that a client comes back with.
pub(super) fn last_event_id(headers: &HeaderMap) -> Option<&str> {
    let id = headers.get("last-event-id")?.to_str().ok()?;
    (!id.is_empty()).then_some(id)
}

/// Executes an operation, and sends what comes of it until it ends. When the server stops, the client
/// does not keep up, or its key or token ends, the stream breaks off, so that the client comes back.
pub(super) async fn execute(
    state: &AppState,
    prepared: PreparedRequest,
    principal: Arc<Principal>,
    slot: Slot,
    last: Option<String>,
    request_id: String,
) -> Response {
    if prepared.operation != Some(OperationType::Subscription) {
        return tell(&state.graphql.execute(prepared, &request_id).await);
    }
    let said = state.graphql.subscribe(prepared, last, request_id);
    let now = state.auth.clock().now();
    let stopping = state.shutdown.clone().cancelled_owned();
    let broken_off = async move {
        tokio::select! {
            () = stopping => {}
            () = principal.invalidated(now) => {}
        }
    };
    // What is behind the end is only reached if nothing broke the stream off.
    let events = said
        .map(Some)
        .chain(stream::iter([None]))
        .inspect(move |_| {
            // Held for as long as the stream is.
            let _ = &slot;
        })
        .take_while(|said| {
            future::ready(!matches!(said, Some(Output::TooSlow | Output::Unavailable)))
        })
        .flat_map(|said| stream::iter(said.map_or_else(|| vec![complete()], events)))
        .take_until(broken_off);
    respond(events)
}

/// Sends one answer. That of a request which is not executed is told as any other, for the client would
/// take an HTTP error for a broken connection and come back.
pub(super) fn tell(response: &GraphQlResponse) -> Response {
    respond(stream::iter([next(write(response)), complete()]))
}

fn events(said: Output) -> Vec<Event> {
    let Output::Frames(frames, first) = said else {
        return Vec::new();
    };
    let events = frames[first..].iter().map(|frame| {
        let event = next(&frame.json);
        match &frame.place {
            Some(place) => event.id(place.as_ref()),
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
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    Sse::new(events.map(Ok::<_, Infallible>))
        .keep_alive(keep_alive)
        .into_response()
}
