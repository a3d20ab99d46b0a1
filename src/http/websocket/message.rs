//! What is said on a socket.

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::http::request::Envelope;

/// Why the server closes a socket.
#[derive(Clone, Copy, Debug)]
pub(super) enum Close {
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
    /// The frame that says so.
    pub(super) fn frame(self) -> CloseFrame {
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
pub(super) enum ClientMessage {
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
pub(super) enum ServerMessage<'a, P> {
    ConnectionAck,
    Ping,
    Pong,
    Next { id: &'a str, payload: P },
    Error { id: &'a str, payload: P },
    Complete { id: &'a str },
}

impl<P: Serialize> ServerMessage<'_, P> {
    /// The message as it is sent.
    pub(super) fn write(&self) -> Message {
        // Strings, numbers and maps with text keys can always be written.
        Message::text(serde_json::to_string(self).unwrap_or_default())
    }
}

/// A message without a payload.
pub(super) type Bare<'a> = ServerMessage<'a, ()>;
