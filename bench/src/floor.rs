//! The floor: a bare broadcast over WebSocket, on what the server is made of too. It takes a message
//! by POST and sends it as it is to every socket; there is nothing that could be left out.

use anyhow::Result;
use axum::{
    Router,
    extract::{
        State, WebSocketUpgrade,
        ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code},
    },
    response::Response,
    routing::{get, post},
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::broadcast::{self, error::RecvError},
};

/// Messages kept for sockets that are slow.
const BACKLOG: usize = 1024;
/// As the server's.
const READ_BUFFER: usize = 4096;

type Broadcast = broadcast::Sender<Utf8Bytes>;

/// Serves on a free port of the loopback address until SIGTERM.
pub(crate) async fn serve() -> Result<()> {
    let router = Router::new()
        .route("/graphql", get(upgrade))
        .route("/broadcast", post(publish))
        .with_state(Broadcast::new(BACKLOG));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        served = async { axum::serve(listener, router).await } => served?,
        _ = terminate.recv() => {}
    }
    Ok(())
}

async fn publish(State(broadcast): State<Broadcast>, message: String) {
    // Nobody listening is no failure.
    let _ = broadcast.send(message.into());
}

async fn upgrade(State(broadcast): State<Broadcast>, upgrade: WebSocketUpgrade) -> Response {
    upgrade
        .protocols(["graphql-transport-ws"])
        .read_buffer_size(READ_BUFFER)
        .on_upgrade(async move |socket| {
            // A socket that fails is left.
            let _ = talk(socket, broadcast.subscribe()).await;
        })
}

/// Sends what is broadcast, one frame at a time, until either side has had enough.
async fn talk(
    mut socket: WebSocket,
    mut messages: broadcast::Receiver<Utf8Bytes>,
) -> Result<(), axum::Error> {
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
            message = messages.recv() => match message {
                Ok(message) => socket.send(Message::Text(message)).await?,
                Err(RecvError::Closed) => return Ok(()),
                Err(RecvError::Lagged(_)) => {
                    let code = close_code::AGAIN;
                    let reason = Utf8Bytes::from_static("too slow");
                    return socket.send(Message::Close(Some(CloseFrame { code, reason }))).await;
                }
            },
        }
    }
}
