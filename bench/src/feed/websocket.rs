//! A WebSocket client that speaks `graphql-transport-ws`.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{ClientRequestBuilder, Message, Utf8Bytes, protocol::WebSocketConfig},
};
use uuid::Uuid;

/// Bytes of the read buffer, because the default of 128 KiB is much for thousands of sockets.
const READ_BUFFER_SIZE: usize = 4096;

#[derive(Debug)]
pub(crate) struct Socket {
    stream: WebSocketStream<TcpStream>,
}

impl Socket {
    /// Connects, and waits for the acknowledgement.
    pub(crate) async fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let request = ClientRequestBuilder::new(format!("ws://{address}/graphql").parse()?)
            .with_sub_protocol("graphql-transport-ws");
        let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER_SIZE);
        let (stream, _) = client_async_with_config(request, stream, Some(config)).await?;
        let mut socket = Self { stream };
        socket.send(&json!({"type": "connection_init"})).await?;
        let first = socket.next().await?;
        if !first.contains("\"connection_ack\"") {
            bail!("unexpected first message {first}");
        }
        Ok(socket)
    }

    /// Starts a subscription. Its id is a UUID unique to the number, as common clients send.
    pub(crate) async fn subscribe(&mut self, number: usize, payload: &Value) -> Result<()> {
        let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, &number.to_be_bytes());
        self.send(&json!({"type": "subscribe", "id": id, "payload": payload}))
            .await
    }

    async fn send(&mut self, message: &Value) -> Result<()> {
        Ok(self.stream.send(Message::text(message.to_string())).await?)
    }

    /// Returns the next message; replies to pings until then.
    ///
    /// # Errors
    /// Fails if the connection ends.
    pub(crate) async fn next(&mut self) -> Result<Utf8Bytes> {
        loop {
            match self.stream.next().await.context("the connection ended")?? {
                Message::Text(text) if text.contains("\"type\":\"ping\"") => {
                    self.send(&json!({"type": "pong"})).await?;
                }
                Message::Text(text) => return Ok(text),
                Message::Close(frame) => bail!("the server closed the connection: {frame:?}"),
                _ => {}
            }
        }
    }
}
