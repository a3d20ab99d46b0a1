//! GraphQL over WebSocket, subprotocol `graphql-transport-ws`.

mod operations;
mod protocol;
mod session;

use std::{future::pending, sync::Arc};

use async_graphql_axum::GraphQLProtocol;
use axum::{
    extract::{
        FromRequestParts, WebSocketUpgrade,
        ws::{Message, WebSocket},
    },
    http::{HeaderMap, StatusCode, header::SEC_WEBSOCKET_KEY, request::Parts},
    response::{IntoResponse, Response},
};
use base64::prelude::{BASE64_STANDARD, Engine};
use tokio::time;
use tracing::{Instrument, Span};

use super::{connection::Client, state::AppState};
use crate::request_id::RequestId;
use protocol::CloseReason;
use session::Session;

const SUBPROTOCOL: &str = "graphql-transport-ws";
/// Length of the value in `Sec-WebSocket-Key`.
const KEY_BYTES: usize = 16;
/// Size of the read buffer in bytes. The default of 128 KiB is zeroed on each read.
const READ_BUFFER: usize = 2048;
/// Size of the write buffer in bytes, allocated for the lifetime of the socket.
const WRITE_BUFFER: usize = 4096;

/// What is known of a client before its first message.
struct Handshake {
    headers: HeaderMap,
    client: Client,
    /// Whether the client offered any GraphQL subprotocol.
    offers_graphql: bool,
}

/// Upgrades a request to a WebSocket.
pub(super) async fn upgrade(mut parts: Parts, client: Client, state: Arc<AppState>) -> Response {
    let offered = GraphQLProtocol::from_request_parts(&mut parts, &state).await;
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &state).await {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    if !has_valid_key(&parts.headers) {
        let message = "Sec-WebSocket-Key must be 16 bytes in base64";
        return (StatusCode::BAD_REQUEST, message).into_response();
    }
    client.place.upgrade(client.address);
    let tracker = state.sockets.clone();
    let connection = Span::current();
    let request_id = RequestId::current();
    // Twice the limit, so that messages slightly above it are rejected with the right close code.
    let max_size = 2 * state.limits.max_body_bytes;
    upgrade
        .protocols([SUBPROTOCOL])
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_message_size(max_size)
        .max_frame_size(max_size)
        .on_upgrade(move |socket| {
            let handshake = Handshake {
                headers: parts.headers,
                client,
                offers_graphql: offered.is_ok(),
            };
            let served = serve(socket, handshake, state).instrument(connection);
            let served = async move {
                match request_id {
                    Some(id) => id.scope(served).await,
                    None => served.await,
                }
            };
            tracker.track_future(served)
        })
}

/// RFC 6455, 4.2.1. Axum accepts any key.
fn has_valid_key(headers: &HeaderMap) -> bool {
    let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).iter();
    let (Some(key), None) = (keys.next(), keys.next()) else {
        return false;
    };
    let key = BASE64_STANDARD.decode(key.as_bytes().trim_ascii());
    key.is_ok_and(|key| key.len() == KEY_BYTES)
}

async fn serve(mut socket: WebSocket, handshake: Handshake, state: Arc<AppState>) {
    let is_negotiated = socket
        .protocol()
        .is_some_and(|protocol| protocol == SUBPROTOCOL);
    let reason = if is_negotiated {
        // Consumes the session, so that its operations end before the close handshake.
        let session = Session::new(Arc::clone(&state), handshake.headers, handshake.client);
        session.run(&mut socket).await
    } else if handshake.offers_graphql {
        Some(CloseReason::UnsupportedSubprotocol(
            "use graphql-transport-ws instead of the legacy graphql-ws",
        ))
    } else {
        Some(CloseReason::UnsupportedSubprotocol(
            "offer the subprotocol graphql-transport-ws",
        ))
    };
    tracing::debug!(?reason, "closing a WebSocket");
    let timeout = match reason {
        Some(CloseReason::TooSlow) => state.limits.slow_close_timeout,
        _ => state.limits.close_timeout,
    };
    let shutdown = async {
        state.shutdown.cancelled().await;
        time::sleep(state.limits.close_timeout).await;
    };
    tokio::select! {
        _ = time::timeout(timeout, close(socket, reason)) => {}
        () = shutdown => {}
    }
}

/// Performs the close handshake, and reads until the client closes: closing a connection with unread data
/// may discard the last messages sent.
async fn close(mut socket: WebSocket, reason: Option<CloseReason>) {
    if let Some(reason) = reason {
        let frame = Message::Close(Some(reason.frame()));
        if socket.send(frame).await.is_err() {
            return;
        }
    }
    let mut is_closed = false;
    while let Some(Ok(message)) = socket.recv().await {
        is_closed |= matches!(message, Message::Close(_));
    }
    if !is_closed && reason.is_some_and(CloseReason::ends_reading) {
        // The caller ends this: the client may still be sending what is not read.
        pending::<()>().await;
    }
}
