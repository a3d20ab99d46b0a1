//! The baseline of the feed: a bare broadcast over WebSocket on axum. It takes a message by POST, and sends
//! it unchanged to every socket.

use anyhow::Result;
use axum::{
    Router,
    extract::{
        State, WebSocketUpgrade,
        ws::{Message, Utf8Bytes, WebSocket},
    },
    response::Response,
    routing::{get, post},
};
use tokio::sync::broadcast;

use crate::server::serve_baseline;

/// Messages kept for slow sockets.
const CAPACITY: usize = 1024;
/// Bytes of a socket's read buffer, as in the server.
const READ_BUFFER_SIZE: usize = 4096;

type Sender = broadcast::Sender<Utf8Bytes>;

pub(crate) async fn serve() -> Result<()> {
    let router = Router::new()
        .route("/graphql", get(upgrade))
        .route("/broadcast", post(publish))
        .with_state(Sender::new(CAPACITY));
    serve_baseline(router).await
}

async fn publish(State(sender): State<Sender>, message: String) {
    // Fails without subscribers only.
    let _ = sender.send(message.into());
}

async fn upgrade(State(sender): State<Sender>, upgrade: WebSocketUpgrade) -> Response {
    upgrade
        .protocols(["graphql-transport-ws"])
        .read_buffer_size(READ_BUFFER_SIZE)
        .on_upgrade(async move |socket| {
            // The client notices that its socket ends.
            let _ = forward(socket, sender.subscribe()).await;
        })
}

async fn forward(
    mut socket: WebSocket,
    mut messages: broadcast::Receiver<Utf8Bytes>,
) -> Result<()> {
    loop {
        tokio::select! {
            received = socket.recv() => match received.transpose()? {
                Some(Message::Text(text)) if text.contains("connection_init") => {
                    let ack = Utf8Bytes::from_static(r#"{"type":"connection_ack"}"#);
                    socket.send(Message::Text(ack)).await?;
                }
                Some(Message::Close(_)) | None => return Ok(()),
                Some(_) => {}
            },
            message = messages.recv() => socket.send(Message::Text(message?)).await?,
        }
    }
}
