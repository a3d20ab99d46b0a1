//! A client's end of a socket that speaks `graphql-transport-ws`, as cheap as can be.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use uuid::Uuid;

use crate::frames::{self, Frame, Frames};

/// The longest answer to a handshake.
const LONGEST_ANSWER: usize = 2048;

/// An acknowledged socket.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    frames: Frames,
}

/// What came of reading.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Something: look at the frames.
    Something,
    /// The connection has ended.
    End,
}

impl Socket {
    /// Connects, and is acknowledged.
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        Self::open_on(TcpStream::connect(address).await?, address).await
    }

    /// The same on a connection that is there.
    pub(crate) async fn open_on(stream: TcpStream, address: SocketAddr) -> Result<Self> {
        stream.set_nodelay(true)?;
        let frames = Frames::new();
        let mut socket = Self { stream, frames };
        socket.shake_hands(address).await?;
        socket.say(&json!({"type": "connection_init"})).await?;
        let first = socket.message().await?;
        if !first.is_some_and(|message| message.contains("\"connection_ack\"")) {
            bail!("the socket was not acknowledged");
        }
        Ok(socket)
    }

    /// Starts an operation. Its id is as long as common clients' are, and is that of no other `number`.
    pub(crate) async fn subscribe(&mut self, number: usize, payload: &Value) -> Result<()> {
        let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, &number.to_be_bytes());
        self.say(&json!({"type": "subscribe", "id": id, "payload": payload}))
            .await
    }

    async fn shake_hands(&mut self, address: SocketAddr) -> Result<()> {
        let request = format!(
            "GET /graphql HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
             Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
        );
        self.stream.write_all(request.as_bytes()).await?;
        loop {
            if self.read().await? == Heard::End || self.frames.unread().len() > LONGEST_ANSWER {
                bail!("the handshake was not answered");
            }
            let answer = self.frames.unread();
            if let Some(end) = memchr::memmem::find(answer, b"\r\n\r\n") {
                if !answer.starts_with(b"HTTP/1.1 101 ") {
                    bail!("refused: {}", String::from_utf8_lossy(answer));
                }
                self.frames.take(end + 4);
                return Ok(());
            }
        }
    }

    async fn say(&mut self, message: &Value) -> Result<()> {
        let frame = frames::text(message.to_string().as_bytes());
        Ok(self.stream.write_all(&frame).await?)
    }

    /// Waits for something to come, and reads what is there.
    pub(crate) async fn read(&mut self) -> Result<Heard> {
        let bytes = self.stream.read(self.frames.room()).await?;
        self.frames.fill(bytes);
        Ok(if bytes == 0 {
            Heard::End
        } else {
            Heard::Something
        })
    }

    /// The next frame of what was read.
    pub(crate) fn next_frame(&mut self) -> Result<Option<Frame<'_>>> {
        self.frames.next()
    }

    /// Sends a frame.
    pub(crate) async fn send(&mut self, frame: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(frame).await?)
    }

    /// The next message other than a ping; None if the server closes.
    pub(crate) async fn message(&mut self) -> Result<Option<String>> {
        loop {
            match self.frames.next()? {
                Some(Frame::Text(message)) if is_ping(message) => self.send(&pong()).await?,
                Some(Frame::Text(message)) => {
                    let message = std::str::from_utf8(message).context("not UTF-8")?;
                    return Ok(Some(message.to_owned()));
                }
                Some(Frame::Ping(payload)) => {
                    let pong = frames::pong(payload);
                    self.send(&pong).await?;
                }
                Some(Frame::Close(_)) => return Ok(None),
                None => {
                    if self.read().await? == Heard::End {
                        return Ok(None);
                    }
                }
            }
        }
    }
}

/// Whether a message asks whether the client is there.
pub(crate) fn is_ping(message: &[u8]) -> bool {
    memchr::memmem::find(message, b"\"type\":\"ping\"").is_some()
}

/// The answer to such a message.
pub(crate) fn pong() -> Vec<u8> {
    frames::text(br#"{"type":"pong"}"#)
}
