//! A client of graphql-transport-ws.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

/// Longer than anything takes that comes at all.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    /// A socket that has been acknowledged.
    pub(crate) async fn open(url: &str) -> Self {
        Self::open_as(url, json!({})).await
    }

    /// The same, for one who says this in its first message.
    pub(crate) async fn open_as(url: &str, payload: Value) -> Self {
        let mut socket = Self::connect(url, None).await;
        socket
            .say(&json!({"type": "connection_init", "payload": payload}))
            .await;
        assert_eq!(socket.hear().await, json!({"type": "connection_ack"}));
        socket
    }

    /// A socket on which nothing has been said yet; `authorization` is a header of its request's.
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

    /// Starts an operation, under the id 1.
    pub(crate) async fn subscribe(&mut self, query: &str, variables: Value) {
        let payload = json!({"query": query, "variables": variables});
        self.say(&json!({"type": "subscribe", "id": "1", "payload": payload}))
            .await;
    }

    pub(crate) async fn say(&mut self, message: &Value) {
        self.0
            .send(Message::text(message.to_string()))
            .await
            .unwrap();
    }

    /// The next message.
    pub(crate) async fn hear(&mut self) -> Value {
        match self.next().await {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// The data of the next message, which is a `next`.
    pub(crate) async fn data(&mut self) -> Value {
        let mut message = self.hear().await;
        assert_eq!(message["type"], "next", "{message:#}");
        assert!(message["payload"].get("errors").is_none(), "{message:#}");
        message["payload"]["data"].take()
    }

    /// The code that the server closes the socket with.
    pub(crate) async fn close_code(&mut self) -> u16 {
        loop {
            if let Message::Close(frame) = self.next().await {
                return frame.unwrap().code.into();
            }
        }
    }

    async fn next(&mut self) -> Message {
        let message = time::timeout(PATIENCE, self.0.next()).await;
        message
            .expect("nothing came")
            .expect("the socket ended")
            .unwrap()
    }
}
