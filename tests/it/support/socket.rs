//! A WebSocket client that speaks graphql-transport-ws.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

/// Timeout of each expected message.
const TIMEOUT: Duration = Duration::from_mins(1);

pub(crate) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    /// Opens a socket and completes the `connection_init` handshake.
    pub(crate) async fn open(url: &str) -> Self {
        Self::open_with(url, json!({})).await
    }

    /// The same, with this payload of `connection_init`.
    pub(crate) async fn open_with(url: &str, payload: Value) -> Self {
        let mut socket = Self::connect(url, None).await;
        socket
            .send(&json!({"type": "connection_init", "payload": payload}))
            .await;
        assert_eq!(socket.receive().await, json!({"type": "connection_ack"}));
        socket
    }

    /// Opens a socket without a handshake; `authorization` is a header of the upgrade request.
    pub(crate) async fn connect(url: &str, authorization: Option<&str>) -> Self {
        let url = format!("{}/graphql", url.replace("http://", "ws://"));
        let mut request = url.into_client_request().unwrap();
        let protocol = "graphql-transport-ws".parse().unwrap();
        request
            .headers_mut()
            .insert("sec-websocket-protocol", protocol);
        if let Some(authorization) = authorization {
            let headers = request.headers_mut();
            headers.insert("authorization", authorization.parse().unwrap());
        }
        Self(connect_async(request).await.unwrap().0)
    }

    /// Sends `connection_init`; returns whether the server accepts it.
    pub(crate) async fn initialise(&mut self) -> bool {
        self.send(&json!({"type": "connection_init"})).await;
        matches!(self.next().await, Message::Text(_))
    }

    /// Starts an operation under the id 1.
    pub(crate) async fn subscribe(&mut self, query: &str, variables: Value) {
        let payload = json!({"query": query, "variables": variables});
        self.send(&json!({"type": "subscribe", "id": "1", "payload": payload}))
            .await;
    }

    pub(crate) async fn send(&mut self, message: &Value) {
        self.0
            .send(Message::text(message.to_string()))
            .await
            .unwrap();
    }

    /// Receives the next message.
    pub(crate) async fn receive(&mut self) -> Value {
        match self.next().await {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// Receives a `next` message without errors and returns its data. Replies to pings meanwhile.
    pub(crate) async fn data(&mut self) -> Value {
        let mut message = self.receive().await;
        while message["type"] == "ping" {
            self.send(&json!({"type": "pong"})).await;
            message = self.receive().await;
        }
        assert_eq!(message["type"], "next", "{message:#}");
        assert!(message["payload"].get("errors").is_none(), "{message:#}");
        message["payload"]["data"].take()
    }

    /// Receives messages until the server closes the socket; returns the close code.
    pub(crate) async fn close_code(&mut self) -> u16 {
        loop {
            if let Message::Close(frame) = self.next().await {
                return frame.unwrap().code.into();
            }
        }
    }

    async fn next(&mut self) -> Message {
        let message = time::timeout(TIMEOUT, self.0.next()).await;
        message
            .expect("no message in time")
            .expect("the connection is lost")
            .unwrap()
    }
}
