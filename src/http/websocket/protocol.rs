//! What is said on a socket.

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::auth::AuthError;

/// Why the server closes a socket.
#[derive(Clone, Copy, Debug)]
pub(super) enum CloseReason {
    GoingAway,
    BadMessage(&'static str),
    TooLarge,
    TooSlow,
    Unauthorized,
    /// It cannot be told at the moment who the client is.
    TryAgain,
    TooMany,
    BadProtocol(&'static str),
    InitTimeout,
    Silent,
    DuplicateOperation,
    SecondInit,
}

impl CloseReason {
    /// The frame that says so.
    pub(super) fn frame(self) -> CloseFrame {
        let (code, reason) = match self {
            Self::GoingAway => (1001, "the server is stopping"),
            Self::TooLarge => (1009, "Message too big"),
            Self::TooSlow => (1013, "Too slow: come back when you keep up"),
            Self::BadMessage(reason) => (4400, reason),
            Self::TooMany => (1013, "Too many sockets at once"),
            Self::TryAgain => (1013, "Try again later"),
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

impl From<AuthError> for CloseReason {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Invalid(_) => Self::Unauthorized,
            AuthError::Unavailable => Self::TryAgain,
        }
    }
}

/// What a client says. What is in it is read when it is known what it is for.
#[derive(Debug, Deserialize)]
pub(super) struct ClientMessage<'a> {
    /// What it says.
    #[serde(rename = "type")]
    pub(super) kind: ClientMessageKind,
    /// Of the operation that it is about.
    #[serde(default)]
    pub(super) id: Option<String>,
    #[serde(default, borrow)]
    pub(super) payload: Option<&'a RawValue>,
}

/// The types of messages from clients.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ClientMessageKind {
    ConnectionInit,
    Ping,
    Pong,
    Subscribe,
    Complete,
}

/// What the server says without an operation.
pub(super) enum ServerMessage {
    ConnectionAck,
    Ping,
    Pong,
}

impl ServerMessage {
    /// The message as it is sent.
    pub(super) fn write(&self) -> Message {
        Message::Text(Utf8Bytes::from_static(match self {
            Self::ConnectionAck => r#"{"type":"connection_ack"}"#,
            Self::Ping => r#"{"type":"ping"}"#,
            Self::Pong => r#"{"type":"pong"}"#,
        }))
    }
}

/// An operation, as its messages name it. Their payloads are written once for all who get them, so
/// they are put together as text.
pub(super) struct Operation {
    /// Of a message that says `next`: what stands before the payload.
    next: String,
    /// Its id as JSON.
    id: String,
}

impl Operation {
    pub(super) fn new(id: &str) -> Self {
        let id = Value::from(id).to_string();
        let next = format!(r#"{{"type":"next","id":{id},"payload":"#);
        Self { next, id }
    }

    /// A response.
    pub(super) fn next(&self, response: &str) -> Message {
        let mut text = String::with_capacity(self.next.len() + response.len() + 1);
        text.push_str(&self.next);
        text.push_str(response);
        text.push('}');
        Message::Text(text.into())
    }

    /// The errors that end it.
    pub(super) fn error(&self, errors: &str) -> Message {
        let id = &self.id;
        Message::Text(format!(r#"{{"type":"error","id":{id},"payload":{errors}}}"#).into())
    }

    /// That it has come to its end.
    pub(super) fn complete(&self) -> Message {
        let id = &self.id;
        Message::Text(format!(r#"{{"type":"complete","id":{id}}}"#).into())
    }
}
