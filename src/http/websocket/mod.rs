//! GraphQL over WebSocket, sub-protocol `graphql-transport-ws`.
//!
//! The code a socket is closed with decides whether a live view heals: common clients come back on
//! 1001, 1006, 1012, 1013 and 4408, and give up for good on 4400, 4401, 4409 and 4429. Hence a
//! defect of the client's gets one of the latter, and anything that passes one of the former.

mod message;
mod operations;

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

use super::{Services, access, quota::Permit, request};
use crate::access::{Access, Denied, Principal};
use message::{ClientMessage, ClientMessageKind, Close, ServerMessage};
use operations::{Operations, Outgoing};

const PROTOCOL: &str = "graphql-transport-ws";
/// Pings that may go unanswered.
const PINGS: u32 = 2;
/// The library's default of 128 KiB is zeroed again and again.
const READ_BUFFER: usize = 2048;
/// What is sent at once; a socket keeps as much memory for it.
const WRITE_BUFFER: usize = 4096;

/// Makes a socket of a request.
pub(super) async fn upgrade(mut parts: Parts, services: Services) -> Response {
    let offered = GraphQLProtocol::from_request_parts(&mut parts, &services).await;
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &services).await {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    let tracker = services.sockets.clone();
    let connection = Span::current();
    upgrade
        .protocols([PROTOCOL])
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        // Twice what is taken, so that a message somewhat too large is told to be.
        .max_message_size(2 * services.limits.body_bytes)
        .max_frame_size(2 * services.limits.body_bytes)
        .on_upgrade(move |socket| {
            let visitor = Visitor {
                headers: parts.headers,
                offered: offered.is_ok(),
            };
            tracker.track_future(serve(socket, visitor, services).instrument(connection))
        })
}

/// Who opens a socket.
struct Visitor {
    headers: HeaderMap,
    /// Some sub-protocol of GraphQL's was offered.
    offered: bool,
}

/// Serves a socket.
async fn serve(mut socket: WebSocket, visitor: Visitor, services: Services) {
    let speaks = socket
        .protocol()
        .is_some_and(|protocol| protocol == PROTOCOL);
    let reason = if speaks {
        // Its operations end with it, before the goodbye.
        let session = Session::new(services.clone(), visitor.headers);
        session.run(&mut socket).await
    } else if visitor.offered {
        Some(Close::BadProtocol(
            "speak graphql-transport-ws instead of the older graphql-ws",
        ))
    } else {
        Some(Close::BadProtocol(
            "offer the sub-protocol graphql-transport-ws",
        ))
    };
    tracing::debug!(?reason, "closing a socket");
    let time = match reason {
        Some(Close::TooSlow) => services.limits.linger_time,
        _ => services.limits.close_time,
    };
    let stopped = async {
        services.stopping.cancelled().await;
        time::sleep(services.limits.close_time).await;
    };
    tokio::select! {
        _ = time::timeout(time, say_goodbye(socket, reason)) => {}
        () = stopped => {}
    }
}

/// Closes a socket in order: says why if it is this side that closes, and hears the client out, since
/// a connection that is cut while something is unread loses what was sent last.
async fn say_goodbye(mut socket: WebSocket, reason: Option<Close>) {
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
    services: Services,
    /// Of the request that opened it, until it has said hello.
    headers: Option<HeaderMap>,
    /// Who it is, from then on.
    principal: Option<Arc<Principal>>,
    /// Its place among the sockets of theirs.
    permit: Option<Permit>,
    /// Pings since the client last said anything.
    unanswered: u32,
    operations: Operations,
}

/// The end of a conversation, and why if it is this side that ends it.
type Ended = Option<Close>;

impl Session {
    fn new(services: Services, headers: HeaderMap) -> Self {
        Self {
            services,
            headers: Some(headers),
            principal: None,
            permit: None,
            unanswered: 0,
            operations: Operations::default(),
        }
    }

    /// Talks until one side has had enough.
    async fn run(mut self, socket: &mut WebSocket) -> Ended {
        let stopping = self.services.stopping.clone().cancelled_owned();
        let alarm = time::sleep(self.services.limits.init_time);
        tokio::pin!(stopping, alarm);
        let mut left = pending().boxed();
        loop {
            let step = tokio::select! {
                () = &mut stopping => return Some(Close::GoingAway),
                () = &mut left => return Some(Close::Unauthorized),
                () = &mut alarm => {
                    let next = Instant::now() + self.services.limits.ping_interval;
                    alarm.as_mut().reset(next);
                    self.on_alarm(socket).await
                }
                received = socket.recv() => match received {
                    Some(Ok(message)) => {
                        let was_unknown = self.principal.is_none();
                        let heard = self.hear(socket, message).await;
                        if let (true, Some(principal)) = (was_unknown, &self.principal) {
                            let next = Instant::now() + self.services.limits.ping_interval;
                            alarm.as_mut().reset(next);
                            left = ended(Arc::clone(principal), &self.services);
                        }
                        heard
                    }
                    Some(Err(_)) | None => return None,
                },
                Some(outgoing) = self.operations.next() => match outgoing {
                    Outgoing::Messages(messages) | Outgoing::Last(_, messages) => {
                        send(&self.services, socket, messages).await
                    }
                    Outgoing::TooSlow => Err(Some(Close::TooSlow)),
                    Outgoing::Unavailable => Err(Some(Close::TryAgain)),
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
            return Err(Some(Close::InitTimeout));
        }
        if self.unanswered == PINGS {
            return Err(Some(Close::Silent));
        }
        self.unanswered += 1;
        send(&self.services, socket, [ServerMessage::Ping.write()]).await
    }

    async fn hear(&mut self, socket: &mut WebSocket, message: Message) -> Result<(), Ended> {
        match message {
            Message::Text(text) if text.len() > self.services.limits.body_bytes => {
                Err(Some(Close::TooLarge))
            }
            Message::Text(text) => {
                let answer = self.answer(&text).await.map_err(Some)?;
                send(&self.services, socket, answer).await
            }
            Message::Binary(_) => Err(Some(Close::BadMessage("messages are text"))),
            Message::Ping(_) | Message::Pong(_) => Ok(()),
            Message::Close(_) => Err(None),
        }
    }

    /// Acts on a message; tells what to answer at once.
    async fn answer(&mut self, text: &str) -> Result<Option<Message>, Close> {
        // Whoever talks is there.
        self.unanswered = 0;
        let values = self.services.limits.json_values;
        let message: ClientMessage = serde_json::from_str(text)
            .map_err(|_| Close::BadMessage("not a message of graphql-transport-ws"))?;
        let payload = message.payload.map_or("null", RawValue::get);
        match message.kind {
            ClientMessageKind::ConnectionInit => {
                let payload = read_object(payload, values)?;
                let headers = self.headers.take().ok_or(Close::SecondInit)?;
                // Apart, so that a socket does not keep the room that this takes for as long as it is open.
                let admitted = Box::pin(admit(&headers, &payload, &self.services.access)).await;
                let principal = admitted.map_err(Close::from)?;
                let permit = self.services.quotas.open(&principal);
                self.permit = Some(permit.map_err(|_| Close::TooMany)?);
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
                let principal = self.principal.as_ref().ok_or(Close::Unauthorized)?;
                self.operations
                    .start(id, payload, principal, &self.services)
            }
            ClientMessageKind::Complete => {
                self.operations.stop(&message.id.ok_or(WITHOUT_ID)?);
                Ok(None)
            }
        }
    }
}

const WITHOUT_ID: Close = Close::BadMessage("a message about an operation has its id");

/// Sends messages to a client that takes them; one that does not for too long is left.
async fn send(
    services: &Services,
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
        sent = time::timeout(services.limits.send_time, sending) => match sent {
            Ok(sent) => sent.map_err(|_| None),
            Err(_) => Err(Some(Close::TooSlow)),
        },
        () = services.stopping.cancelled() => Err(Some(Close::GoingAway)),
    }
}

/// Who a socket is: as its first message says, or else the request that opened it.
async fn admit(
    headers: &HeaderMap,
    payload: &Value,
    access: &Access,
) -> Result<Arc<Principal>, Denied> {
    match access::admit_by_payload(payload, access).await {
        Some(admitted) => admitted,
        None => access::admit(headers, access).await,
    }
}

/// Waits until somebody is to be let in no longer.
fn ended(principal: Arc<Principal>, services: &Services) -> BoxFuture<'static, ()> {
    if !principal.may_end() {
        return pending().boxed();
    }
    let now = services.access.clock().now();
    async move { principal.ended(now).await }.boxed()
}

/// A payload that may be left out.
fn read_object(payload: &str, values: usize) -> Result<Value, Close> {
    request::check_values(payload, values).map_err(|_| Close::TooLarge)?;
    match serde_json::from_str(payload) {
        Ok(payload @ (Value::Null | Value::Object(_))) => Ok(payload),
        _ => Err(Close::BadMessage("a payload is an object")),
    }
}
