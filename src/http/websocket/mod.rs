//! GraphQL over WebSocket, sub-protocol `graphql-transport-ws`.
//!
//! The code a socket is closed with decides whether a live view heals: common clients come back on
//! 1001, 1006, 1012, 1013 and 4408, and give up for good on 4400, 4401, 4409 and 4429. Hence a
//! defect of the client's gets one of the latter, and anything that passes one of the former.

mod message;
mod operations;

use async_graphql_axum::GraphQLProtocol;
use axum::{
    extract::{
        FromRequestParts, WebSocketUpgrade,
        ws::{Message, WebSocket},
    },
    http::request::Parts,
    response::{IntoResponse, Response},
};
use serde_json::Value;
use tokio::{sync::mpsc, time};

use super::Services;
use message::{Bare, ClientMessage, Close};
use operations::{Operations, Outgoing};

const PROTOCOL: &str = "graphql-transport-ws";
/// Pings that may go unanswered.
const PINGS: u32 = 2;
/// The library's default of 128 KiB is zeroed again and again.
const READ_BUFFER: usize = 4096;

/// Makes a socket of a request.
pub(super) async fn upgrade(mut parts: Parts, services: Services) -> Response {
    let offered = GraphQLProtocol::from_request_parts(&mut parts, &services).await;
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &services).await {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    let tracker = services.sockets.clone();
    upgrade
        .protocols([PROTOCOL])
        .read_buffer_size(READ_BUFFER)
        // Twice what is taken, so that a message somewhat too large is told to be.
        .max_message_size(2 * services.limits.body_bytes)
        .max_frame_size(2 * services.limits.body_bytes)
        .on_upgrade(move |socket| tracker.track_future(serve(socket, offered.is_ok(), services)))
}

/// Serves a socket, whose client offered some sub-protocol of GraphQL's or none.
async fn serve(mut socket: WebSocket, offered: bool, services: Services) {
    let close_time = services.limits.close_time;
    let speaks = socket
        .protocol()
        .is_some_and(|protocol| protocol == PROTOCOL);
    let reason = if speaks {
        // Its operations end with it, before the goodbye.
        Session::new(services).run(&mut socket).await
    } else if offered {
        Some(Close::BadProtocol(
            "speak graphql-transport-ws instead of the older graphql-ws",
        ))
    } else {
        Some(Close::BadProtocol(
            "offer the sub-protocol graphql-transport-ws",
        ))
    };
    tracing::debug!(?reason, "closing a socket");
    let _ = time::timeout(close_time, say_goodbye(socket, reason)).await;
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
    initialised: bool,
    /// Pings since the client last said anything.
    unanswered: u32,
    operations: Operations,
    inbox: mpsc::Receiver<Outgoing>,
}

impl Session {
    fn new(services: Services) -> Self {
        let (operations, inbox) = Operations::new();
        Self {
            services,
            initialised: false,
            unanswered: 0,
            operations,
            inbox,
        }
    }

    /// Talks until one side has had enough; tells why if it is this one.
    async fn run(&mut self, socket: &mut WebSocket) -> Option<Close> {
        let stopping = self.services.stopping.clone();
        let init_deadline = time::sleep(self.services.limits.init_time);
        tokio::pin!(init_deadline);
        let every = self.services.limits.ping_interval;
        let mut ping = time::interval_at(time::Instant::now() + every, every);
        loop {
            tokio::select! {
                () = stopping.cancelled() => return Some(Close::GoingAway),
                () = &mut init_deadline, if !self.initialised => return Some(Close::InitTimeout),
                _ = ping.tick(), if self.initialised => {
                    if self.unanswered == PINGS {
                        return Some(Close::Silent);
                    }
                    self.unanswered += 1;
                    self.send(socket, Bare::Ping.write()).await?;
                }
                received = socket.recv() => match received {
                    Some(Ok(Message::Text(text))) if text.len() > self.services.limits.body_bytes => {
                        return Some(Close::TooLarge);
                    }
                    Some(Ok(Message::Text(text))) => match self.answer(&text) {
                        Ok(Some(message)) => self.send(socket, message).await?,
                        Ok(None) => {}
                        Err(reason) => return Some(reason),
                    },
                    Some(Ok(Message::Binary(_))) => {
                        return Some(Close::BadMessage("messages are text"));
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                },
                Some(outgoing) = self.inbox.recv() => {
                    if self.operations.may_send(&outgoing) {
                        self.send(socket, outgoing.message).await?;
                    }
                }
                Some(()) = self.operations.ended() => {}
            }
        }
    }

    /// Sends a message to a client that still takes them; one that does not is left.
    async fn send(&self, socket: &mut WebSocket, message: Message) -> Option<()> {
        let sent = time::timeout(self.services.limits.send_time, socket.send(message)).await;
        sent.ok()?.ok()
    }

    /// Acts on a message; tells what to answer at once.
    fn answer(&mut self, text: &str) -> Result<Option<Message>, Close> {
        // Whoever talks is there.
        self.unanswered = 0;
        let message = serde_json::from_str(text)
            .map_err(|_| Close::BadMessage("not a message of graphql-transport-ws"))?;
        match message {
            ClientMessage::ConnectionInit { payload } => {
                check_payload(&payload)?;
                if std::mem::replace(&mut self.initialised, true) {
                    return Err(Close::SecondInit);
                }
                Ok(Some(Bare::ConnectionAck.write()))
            }
            ClientMessage::Ping { payload } => {
                check_payload(&payload)?;
                Ok(Some(Bare::Pong.write()))
            }
            ClientMessage::Pong { payload } => check_payload(&payload).map(|()| None),
            ClientMessage::Subscribe { .. } if !self.initialised => Err(Close::Unauthorized),
            ClientMessage::Subscribe { id, payload } => {
                self.operations.start(id, payload, &self.services)
            }
            ClientMessage::Complete { id } => {
                self.operations.stop(&id);
                Ok(None)
            }
        }
    }
}

fn check_payload(payload: &Value) -> Result<(), Close> {
    match payload {
        Value::Null | Value::Object(_) => Ok(()),
        _ => Err(Close::BadMessage("a payload is an object")),
    }
}
