//! GraphQL over server-sent events: one operation a connection, each response an event. An event's
//! `id` is its place in the feed, and `Last-Event-ID`, which clients send by themselves when they come
//! back, resumes behind it.

use std::{convert::Infallible, time::Duration};

use async_graphql::Response as GraphQlResponse;
use axum::{
    http::HeaderMap,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{Stream, StreamExt, stream};

use super::{Services, response::write};
use crate::graphql::{Prepared, take_place};

/// How long the line may be silent: clients and what is between take a longer silence for an end.
const KEEP_ALIVE: Duration = Duration::from_secs(12);

/// The place that a client comes back with.
pub(super) fn last_event_id(headers: &HeaderMap) -> Option<&str> {
    let id = headers.get("last-event-id")?.to_str().ok()?;
    (!id.is_empty()).then_some(id)
}

/// Executes an operation, and sends what comes of it until it ends. When the server stops, the stream
/// breaks off, so that the client comes back.
pub(super) fn execute(services: Services, prepared: Prepared, request_id: String) -> Response {
    let responses = services.graphql.execute_stream(prepared, request_id);
    let stopping = services.stopping.cancelled_owned();
    respond(events(responses).take_until(stopping))
}

/// Sends the answer to a request that is not executed; the client is told as of a response, for it
/// would take an HTTP error for a broken connection and come back.
pub(super) fn refuse(response: GraphQlResponse) -> Response {
    respond(events(stream::iter([response])))
}

fn events(
    responses: impl Stream<Item = GraphQlResponse>,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let next = responses.map(|mut response| {
        let place = take_place(&mut response);
        let event = Event::default().event("next").data(write(&response));
        Ok(match place {
            Some(place) => event.id(place),
            None => event,
        })
    });
    let complete = Event::default().event("complete").data("");
    next.chain(stream::iter([Ok(complete)]))
}

fn respond(events: impl Stream<Item = Result<Event, Infallible>> + Send + 'static) -> Response {
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    Sse::new(events).keep_alive(keep_alive).into_response()
}
