//! GraphQL over WebSocket, sub-protocol `graphql-transport-ws`.
//!
//! The code a socket is closed with decides whether a live view heals: common clients come back on
//! 1001, 1006, 1012, 1013 and 4408, and give up for good on 4400, 4401, 4409 and 4429. Hence a
//! defect of the client's gets one of the latter, and anything that passes one of the former.

mod operations;
mod protocol;

use std::sync::Arc;

use async_graphql_axum::GraphQLProtocol;
use axum::{
    extract::{
        FromRequestParts, WebSocketUpgrade,
        ws::{Message, WebSocket},
    },
    http::{HeaderMap, request::Parts},
    response::{IntoResponse, Response},
};
use futures_util::{
    FutureExt, SinkExt,
    future::{BoxFuture, pending},
};
use serde_json::{Value, value::RawValue};
use tokio::time::{self, Instant};
use tracing::{Instrument, Span};

use super::{AppState, auth, rate_limit::Slot, request};
use crate::auth::{AuthError, Authenticator, Principal};
use operations::{Operations, Outgoing};
use protocol::{ClientMessage, ClientMessageKind, CloseReason, ServerMessage};

const PROTOCOL: &str = "graphql-transport-ws";
/// Pings that may go unanswered.
const PINGS: u32 = 2;
/// The library's default of 128 KiB is zeroed again and again.
const READ_BUFFER: usize = 2048;
/// What is sent at once; a socket keeps as much memory for it.
const WRITE_BUFFER: usize = 4096;

/// Makes a socket of a request.
pub(super) async fn upgrade(mut parts: Parts, state: AppState) -> Response {
    let offered = GraphQLProtocol::from_request_parts(&mut parts, &state).await;
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &state).await {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    let tracker = state.sockets.clone();
    let connection = Span::current();
    upgrade
        .protocols([PROTOCOL])
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        // Twice what is taken, so that a message somewhat too large is told to be.
        .max_message_size(2 * state.limits.max_body_bytes)
        .max_frame_size(2 * state.limits.max_body_bytes)
        .on_upgrade(move |socket| {
            let visitor = Handshake {
                headers: parts.headers,
                offered: offered.is_ok(),
            };
            tracker.track_future(serve(socket, visitor, state).instrument(connection))
        })
}

/// Who opens a socket.
struct Handshake {
    headers: HeaderMap,
    /// Some sub-protocol of GraphQL's was offered.
    offered: bool,
}

/// Serves a socket.
async fn serve(mut socket: WebSocket, visitor: Handshake, state: AppState) {
    let speaks = socket
        .protocol()
        .is_some_and(|protocol| protocol == PROTOCOL);
    let reason = if speaks {
        // Its operations end with it, before the goodbye.
        let session = Session::new(state.clone(), visitor.headers);
        session.run(&mut socket).await
    } else if visitor.offered {
        Some(CloseReason::BadProtocol(
            "speak graphql-transport-ws instead of the older graphql-ws",
        ))
    } else {
        Some(CloseReason::BadProtocol(
            "offer the sub-protocol graphql-transport-ws",
        ))
    };
    tracing::debug!(?reason, "closing a socket");
    let time = match reason {
        Some(CloseReason::TooSlow) => state.limits.slow_close_timeout,
        _ => state.limits.close_timeout,
    };
    let stopped = async {
        state.shutdown.cancelled().await;
        time::sleep(state.limits.close_timeout).await;
    };
    tokio::select! {
        _ = time::timeout(time, close(socket, reason)) => {}
        () = stopped => {}
    }
}

/// Closes a socket in order: says why if it is this side that closes, and hears the client out, since
/// a connection that is cut while something is unread loses what was sent last.
async fn close(mut socket: WebSocket, reason: Option<CloseReason>) {
    if let Some(reason) = reason
        && socket
            .send(Message::Close(Some(reason.frame())))
            .await
            .is_err()
    {
        return;
    }
    while let Some(Ok(_)) = socket.recv().await {}
}

/// One socket's conversation.
struct Session {
    state: AppState,
    /// Of the request that opened it, until it has said hello.
    headers: Option<HeaderMap>,
    /// Who it is, from then on.
    principal: Option<Arc<Principal>>,
    /// Its place among the sockets of theirs.
    slot: Option<Slot>,
    /// Pings since the client last said anything.
    unanswered: u32,
    operations: Operations,
}

/// The end of a conversation, and why if it is this side that ends it.
type Ended = Option<CloseReason>;

impl Session {
    fn new(state: AppState, headers: HeaderMap) -> Self {
        Self {
            state,
            headers: Some(headers),
            principal: None,
            slot: None,
            unanswered: 0,
            operations: Operations::default(),
        }
    }

    /// Talks until one side has had enough.
    async fn run(mut self, socket: &mut WebSocket) -> Ended {
        let stopping = self.state.shutdown.clone().cancelled_owned();
        let alarm = time::sleep(self.state.limits.init_timeout);
        tokio::pin!(stopping, alarm);
        let mut left = pending().boxed();
        loop {
            let step = tokio::select! {
                () = &mut stopping => return Some(CloseReason::GoingAway),
                () = &mut left => return Some(CloseReason::Unauthorized),
                () = &mut alarm => {
                    let next = Instant::now() + self.state.limits.ping_interval;
                    alarm.as_mut().reset(next);
                    self.on_alarm(socket).await
                }
                received = socket.recv() => match received {
                    Some(Ok(message)) => {
                        let was_unknown = self.principal.is_none();
                        let heard = self.hear(socket, message).await;
                        if let (true, Some(principal)) = (was_unknown, &self.principal) {
                            let next = Instant::now() + self.state.limits.ping_interval;
                            alarm.as_mut().reset(next);
                            left = ended(Arc::clone(principal), &self.state);
                        }
                        heard
                    }
                    Some(Err(_)) | None => return None,
                },
                Some(outgoing) = self.operations.next() => match outgoing {
                    Outgoing::Messages(messages) | Outgoing::Last(_, messages) => {
                        send(&self.state, socket, messages).await
                    }
                    Outgoing::TooSlow => Err(Some(CloseReason::TooSlow)),
                    Outgoing::Unavailable => Err(Some(CloseReason::TryAgain)),
                },
            };
            if let Err(ended) = step {
                return ended;
            }
        }
    }

    /// Asks whether the client is there, unless it has not even said hello, or is silent for too long.
    async fn on_alarm(&mut self, socket: &mut WebSocket) -> Result<(), Ended> {
        if self.principal.is_none() {
            return Err(Some(CloseReason::InitTimeout));
        }
        if self.unanswered == PINGS {
            return Err(Some(CloseReason::Silent));
        }
        self.unanswered += 1;
        send(&self.state, socket, [ServerMessage::Ping.write()]).await
    }

    async fn hear(&mut self, socket: &mut WebSocket, message: Message) -> Result<(), Ended> {
        match message {
            Message::Text(text) if text.len() > self.state.limits.max_body_bytes => {
                Err(Some(CloseReason::TooLarge))
            }
            Message::Text(text) => {
                let answer = self.answer(&text).await.map_err(Some)?;
                send(&self.state, socket, answer).await
            }
            Message::Binary(_) => Err(Some(CloseReason::BadMessage("messages are text"))),
            Message::Ping(_) | Message::Pong(_) => Ok(()),
            Message::Close(_) => Err(None),
        }
    }

    /// Acts on a message; tells what to answer at once.
    async fn answer(&mut self, text: &str) -> Result<Option<Message>, CloseReason> {
        // Whoever talks is there.
        self.unanswered = 0;
        let values = self.state.limits.max_json_values;
        let message: ClientMessage = serde_json::from_str(text)
            .map_err(|_| CloseReason::BadMessage("not a message of graphql-transport-ws"))?;
        let payload = message.payload.map_or("null", RawValue::get);
        match message.kind {
            ClientMessageKind::ConnectionInit => {
                let payload = read_object(payload, values)?;
                let headers = self.headers.take().ok_or(CloseReason::SecondInit)?;
                // Apart, so that a socket does not keep the room that this takes for as long as it is open.
                let admitted = Box::pin(authenticate(&headers, &payload, &self.state.auth)).await;
                let principal = admitted.map_err(CloseReason::from)?;
                let slot = self.state.rate_limiter.open_socket(&principal);
                self.slot = Some(slot.map_err(|_| CloseReason::TooMany)?);
                self.principal = Some(principal);
                Ok(Some(ServerMessage::ConnectionAck.write()))
            }
            ClientMessageKind::Ping => {
                read_object(payload, values)?;
                Ok(Some(ServerMessage::Pong.write()))
            }
            ClientMessageKind::Pong => read_object(payload, values).map(|_| None),
            ClientMessageKind::Subscribe => {
                let id = message.id.ok_or(WITHOUT_ID)?;
                let principal = self.principal.as_ref().ok_or(CloseReason::Unauthorized)?;
                self.operations.start(id, payload, principal, &self.state)
            }
            ClientMessageKind::Complete => {
                self.operations.stop(&message.id.ok_or(WITHOUT_ID)?);
                Ok(None)
            }
        }
    }
}

const WITHOUT_ID: CloseReason = CloseReason::BadMessage("a message about an operation has its id");

/// Sends messages to a client that takes them; one that does not for too long is left.
async fn send(
    state: &AppState,
    socket: &mut WebSocket,
    messages: impl IntoIterator<Item = Message>,
) -> Result<(), Ended> {
    let sending = async {
        for message in messages {
            socket.feed(message).await?;
        }
        socket.flush().await
    };
    tokio::select! {
        biased;
        sent = time::timeout(state.limits.send_timeout, sending) => match sent {
            Ok(sent) => sent.map_err(|_| None),
            Err(_) => Err(Some(CloseReason::TooSlow)),
        },
        () = state.shutdown.cancelled() => Err(Some(CloseReason::GoingAway)),
    }
}

/// Who a socket is: as its first message says, or else the request that opened it.
async fn authenticate(
    headers: &HeaderMap,
    payload: &Value,
    auth: &Authenticator,
) -> Result<Arc<Principal>, AuthError> {
    match auth::authenticate_payload(payload, auth).await {
        Some(admitted) => admitted,
        None => auth::authenticate(headers, auth).await,
    }
}

/// Waits until somebody is to be let in no longer.
fn ended(principal: Arc<Principal>, state: &AppState) -> BoxFuture<'static, ()> {
    if !principal.can_be_invalidated() {
        return pending().boxed();
    }
    let now = state.auth.clock().now();
    async move { principal.invalidated(now).await }.boxed()
}

/// A payload that may be left out.
fn read_object(payload: &str, values: usize) -> Result<Value, CloseReason> {
    request::check_values(payload, values).map_err(|_| CloseReason::TooLarge)?;
    match serde_json::from_str(payload) {
        Ok(payload @ (Value::Null | Value::Object(_))) => Ok(payload),
        _ => Err(CloseReason::BadMessage("a payload is an object")),
    }
}
