//! GraphQL over WebSocket, sub-protocol `graphql-transport-ws`.
//!
//! The code a socket is closed with decides whether a live view heals: common clients come back on
//! 1001, 1006, 1012, 1013 and 4408, and give up for good on 4400, 4401, 4409 and 4429. Hence a
//! defect of the client's gets one of the latter, and anything that passes one of the former.

use std::{collections::HashMap, pin::pin};

use super::{Services, graphql::Body, request::Envelope};
use crate::graphql::{ErrorCode, refused, was_executed};
use async_graphql::{Response as GraphQlResponse, Value as GraphQlValue};
use async_graphql_axum::GraphQLProtocol;
use axum::{
    extract::{
        FromRequestParts, WebSocketUpgrade,
        ws::{CloseFrame, Message, Utf8Bytes, WebSocket},
    },
    http::request::Parts,
    response::{IntoResponse, Response},
};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::{
    sync::mpsc,
    task::{AbortHandle, JoinSet},
    time,
};

const PROTOCOL: &str = "graphql-transport-ws";
/// Messages of operations that wait for the client to take them; their operations wait with them.
const OUTBOX: usize = 16;
/// Pings that may go unanswered.
const PINGS: u32 = 2;
/// Bytes of an operation's id, which is said again with each of its messages.
const LONGEST_ID: usize = 256;
/// The library's default of 128 KiB is zeroed again and again.
const READ_BUFFER: usize = 4096;

/// Why the server closes a socket.
#[derive(Clone, Copy, Debug)]
enum Close {
    GoingAway,
    BadMessage(&'static str),
    TooLarge,
    Unauthorized,
    BadProtocol(&'static str),
    InitTimeout,
    Silent,
    DuplicateOperation,
    SecondInit,
}

impl Close {
    fn frame(self) -> CloseFrame {
        let (code, reason) = match self {
            Self::GoingAway => (1001, "the server is stopping"),
            Self::TooLarge => (1009, "Message too big"),
            Self::BadMessage(reason) => (4400, reason),
            Self::Unauthorized => (4401, "Unauthorized"),
            Self::BadProtocol(reason) => (4406, reason),
            Self::InitTimeout => (4408, "Connection initialisation timeout"),
            Self::Silent => (4408, "No answer to pings"),
            Self::DuplicateOperation => (4409, "Subscriber for this id already exists"),
            Self::SecondInit => (4429, "Too many initialisation requests"),
        };
        CloseFrame {
            code,
            reason: Utf8Bytes::from_static(reason),
        }
    }
}

/// What a client says.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ClientMessage {
    ConnectionInit {
        #[serde(default)]
        payload: Value,
    },
    Ping {
        #[serde(default)]
        payload: Value,
    },
    Pong {
        #[serde(default)]
        payload: Value,
    },
    Subscribe {
        id: String,
        payload: Envelope,
    },
    Complete {
        id: String,
    },
}

/// What the server says.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ServerMessage<'a, P> {
    ConnectionAck,
    Ping,
    Pong,
    Next { id: &'a str, payload: P },
    Error { id: &'a str, payload: P },
    Complete { id: &'a str },
}

impl<P: Serialize> ServerMessage<'_, P> {
    fn write(&self) -> Message {
        // Strings, numbers and maps with text keys can always be written.
        Message::text(serde_json::to_string(self).unwrap_or_default())
    }
}

/// A message without a payload.
type Bare<'a> = ServerMessage<'a, ()>;

/// An operation's message, and whether it is its last.
struct Outgoing {
    operation: Operation,
    message: Message,
    last: bool,
}

/// An operation: the client's id for it, and a number of its own, since the client may use an id again.
#[derive(Clone)]
struct Operation {
    id: String,
    number: u64,
}

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

/// The operations under way on one socket.
struct Operations {
    running: HashMap<String, (u64, AbortHandle)>,
    started: u64,
    tasks: JoinSet<()>,
    outbox: mpsc::Sender<Outgoing>,
}

impl Session {
    fn new(services: Services) -> Self {
        let (outbox, inbox) = mpsc::channel(OUTBOX);
        Self {
            services,
            initialised: false,
            unanswered: 0,
            operations: Operations {
                running: HashMap::new(),
                started: 0,
                tasks: JoinSet::new(),
                outbox,
            },
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
                Some(_) = self.operations.tasks.join_next() => {}
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
                if let Some((_, task)) = self.operations.running.remove(&id) {
                    task.abort();
                }
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

impl Operations {
    /// Starts an operation; tells what to answer at once.
    fn start(
        &mut self,
        id: String,
        payload: Envelope,
        services: &Services,
    ) -> Result<Option<Message>, Close> {
        if self.running.contains_key(&id) {
            return Err(Close::DuplicateOperation);
        }
        if id.len() > LONGEST_ID {
            return Err(Close::BadMessage("the id of the operation is too long"));
        }
        let most = services.limits.operations_per_socket;
        if self.running.len() >= most {
            let message =
                format!("{most} operations are under way on this socket; that is all it takes");
            let errors = refused(ErrorCode::RateLimited, message).errors;
            return Ok(Some(
                ServerMessage::Error {
                    id: &id,
                    payload: errors,
                }
                .write(),
            ));
        }
        let request = payload
            .into_request()
            .map_err(|_| Close::BadMessage("the payload of subscribe is no request"))?;
        self.started += 1;
        let number = self.started;
        let operation = Operation {
            id: id.clone(),
            number,
        };
        let execution = execute(operation, request, services.clone(), self.outbox.clone());
        let task = self.tasks.spawn(execution);
        self.running.insert(id, (number, task));
        Ok(None)
    }

    /// Whether a message is of an operation that is still running: the client may have completed it
    /// while the message waited. An operation's last message ends it.
    fn may_send(&mut self, outgoing: &Outgoing) -> bool {
        let Operation { id, number } = &outgoing.operation;
        let is_running = self
            .running
            .get(id)
            .is_some_and(|(running, _)| running == number);
        if is_running && outgoing.last {
            self.running.remove(id);
        }
        is_running
    }
}

/// Executes an operation, and says what comes of it until it ends.
async fn execute(
    operation: Operation,
    request: async_graphql::Request,
    services: Services,
    outbox: mpsc::Sender<Outgoing>,
) {
    let id = operation.id.as_str();
    let say = |message, last| {
        let operation = operation.clone();
        outbox.send(Outgoing {
            operation,
            message,
            last,
        })
    };
    let request_id = services.clock.new_id().to_string();
    let prepared = match services.graphql.prepare(request, &request_id) {
        Ok(prepared) => prepared,
        Err(response) => {
            let _ = say(
                ServerMessage::Error {
                    id,
                    payload: &response.errors,
                }
                .write(),
                true,
            )
            .await;
            return;
        }
    };
    let responses = services.graphql.execute_stream(prepared, request_id);
    let mut responses = pin!(responses);
    while let Some(response) = responses.next().await {
        let failed = has_failed(&response);
        let message = if failed {
            ServerMessage::Error {
                id,
                payload: &response.errors,
            }
            .write()
        } else {
            ServerMessage::Next {
                id,
                payload: Body::from(&response),
            }
            .write()
        };
        if say(message, failed).await.is_err() || failed {
            return;
        }
    }
    // A socket that is gone needs no goodbye.
    let _ = say(Bare::Complete { id }.write(), true).await;
}

/// Whether an operation ends with this response: it was not executed, or its source failed.
fn has_failed(response: &GraphQlResponse) -> bool {
    !was_executed(response) || response.data == GraphQlValue::Null && !response.errors.is_empty()
}
