//! Messages of the `graphql-transport-ws` protocol.

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use tungstenite::error::ProtocolError::ResetWithoutClosingHandshake;

use crate::{auth::AuthError, http::auth};

/// Why the server closes a WebSocket.
///
/// The close code decides whether a subscription recovers: common clients reconnect on 1001, 1006, 1012, 1013
/// and 4408, and give up on 4400, 4401, 4409 and 4429. Client errors use the latter, transient conditions
/// the former.
#[derive(Clone, Copy, Debug)]
pub(super) enum CloseReason {
    GoingAway,
    /// The client does not follow RFC 6455.
    ProtocolError,
    /// A text message is not UTF-8.
    InvalidText,
    InvalidMessage(&'static str),
    MessageTooBig,
    TooSlow,
    Unauthorized,
    /// Authentication or the database is unavailable.
    TryAgainLater,
    TooManySockets,
    UnsupportedSubprotocol(&'static str),
    InitTimeout,
    PingTimeout,
    DuplicateOperation,
    SecondInit,
}

impl CloseReason {
    /// Returns the close frame.
    pub(super) fn frame(self) -> CloseFrame {
        let (code, reason) = match self {
            Self::GoingAway => (1001, "Server is shutting down"),
            Self::ProtocolError => (1002, "WebSocket protocol error"),
            Self::InvalidText => (1007, "Text messages must be UTF-8"),
            Self::MessageTooBig => (1009, "Message too big"),
            Self::TooSlow => (1013, "Too slow: messages are not received fast enough"),
            Self::InvalidMessage(reason) => (4400, reason),
            Self::TooManySockets => (1013, "Too many open WebSockets"),
            Self::TryAgainLater => (1013, "Try again later"),
            Self::Unauthorized => (4401, "Unauthorized"),
            Self::UnsupportedSubprotocol(reason) => (4406, reason),
            Self::InitTimeout => (4408, "Connection initialisation timeout"),
            Self::PingTimeout => (4408, "Ping timeout"),
            Self::DuplicateOperation => (4409, "Subscriber for this id already exists"),
            Self::SecondInit => (4429, "Too many initialisation requests"),
        };
        CloseFrame {
            code,
            reason: Utf8Bytes::from_static(reason),
        }
    }
}

impl CloseReason {
    /// Returns how a socket is closed from which no message can be read; `None` if the connection is lost.
    pub(super) fn of_read_error(error: axum::Error) -> Option<Self> {
        match *error.into_inner().downcast::<tungstenite::Error>().ok()? {
            // Includes the loss of the connection.
            tungstenite::Error::Protocol(ResetWithoutClosingHandshake) => None,
            tungstenite::Error::Protocol(_) => Some(Self::ProtocolError),
            tungstenite::Error::Utf8(_) => Some(Self::InvalidText),
            tungstenite::Error::Capacity(_) => Some(Self::MessageTooBig),
            _ => None,
        }
    }

    /// Returns whether the rest of what the client sends cannot be read.
    pub(super) fn ends_reading(self) -> bool {
        matches!(
            self,
            Self::ProtocolError | Self::InvalidText | Self::MessageTooBig
        )
    }
}

impl From<auth::Rejection> for CloseReason {
    fn from(rejection: auth::Rejection) -> Self {
        match rejection {
            auth::Rejection::Credential(AuthError::Invalid(_)) => Self::Unauthorized,
            auth::Rejection::Credential(AuthError::Unavailable) | auth::Rejection::RateLimit(_) => {
                Self::TryAgainLater
            }
        }
    }
}

/// A message from a client. The payload is parsed once its type is known.
#[derive(Debug, Deserialize)]
pub(super) struct ClientMessage<'a> {
    #[serde(rename = "type")]
    pub(super) kind: ClientMessageKind,
    /// Id of the operation.
    #[serde(default)]
    pub(super) id: Option<String>,
    #[serde(default, borrow)]
    pub(super) payload: Option<&'a RawValue>,
}

/// The type of a message from a client.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ClientMessageKind {
    ConnectionInit,
    Ping,
    Pong,
    Subscribe,
    Complete,
}

/// A message from the server that does not belong to an operation.
pub(super) enum ServerMessage {
    ConnectionAck,
    Ping,
    Pong,
}

impl From<ServerMessage> for Message {
    fn from(message: ServerMessage) -> Self {
        Self::Text(Utf8Bytes::from_static(match message {
            ServerMessage::ConnectionAck => r#"{"type":"connection_ack"}"#,
            ServerMessage::Ping => r#"{"type":"ping"}"#,
            ServerMessage::Pong => r#"{"type":"pong"}"#,
        }))
    }
}

/// Formats the messages of an operation. Payloads are serialised once for all subscribers, so messages are
/// concatenated as text.
pub(super) struct OperationMessages {
    /// The beginning of a `next` message, up to its payload.
    next_prefix: String,
    /// The id of the operation in JSON.
    id: String,
}

impl OperationMessages {
    pub(super) fn new(id: &str) -> Self {
        let id = Value::from(id).to_string();
        let next_prefix = format!(r#"{{"type":"next","id":{id},"payload":"#);
        Self { next_prefix, id }
    }

    /// Returns a `next` message with a response in JSON.
    pub(super) fn next(&self, response: &str) -> Message {
        let mut text = String::with_capacity(self.next_prefix.len() + response.len() + 1);
        text.push_str(&self.next_prefix);
        text.push_str(response);
        text.push('}');
        Message::Text(text.into())
    }

    /// Returns an `error` message with a list of errors in JSON. It ends the operation.
    pub(super) fn error(&self, errors: &str) -> Message {
        let id = &self.id;
        Message::Text(format!(r#"{{"type":"error","id":{id},"payload":{errors}}}"#).into())
    }

    /// Returns a `complete` message.
    pub(super) fn complete(&self) -> Message {
        let id = &self.id;
        Message::Text(format!(r#"{{"type":"complete","id":{id}}}"#).into())
    }
}
