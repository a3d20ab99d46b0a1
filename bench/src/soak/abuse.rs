//! Kinds of abuse.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, Result, ensure};
use futures_util::future::{BoxFuture, FutureExt};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time,
};

use crate::{feed::websocket::Socket, load::IdSequence};

/// How long a client waits that does not go on.
const STALL_TIME: Duration = Duration::from_secs(2);
/// Bytes of the message of an event, which large responses repeat.
const EVENT_BYTES: usize = 10_000;
/// How long a response to a worker may take.
const MAX_RESPONSE_TIME: Duration = Duration::from_secs(10);

/// A client that abuses the server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Abuse {
    address: SocketAddr,
    number: usize,
}

/// A kind of abuse, and how many clients commit it at the same time.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) clients: usize,
    once: fn(Abuse) -> BoxFuture<'static, Result<()>>,
}

impl Kind {
    const fn new(
        name: &'static str,
        clients: usize,
        once: fn(Abuse) -> BoxFuture<'static, Result<()>>,
    ) -> Self {
        Self {
            name,
            clients,
            once,
        }
    }

    pub(super) async fn run(self, abuse: &Abuse) -> Result<()> {
        (self.once)(*abuse).await
    }
}

/// All kinds of abuse.
pub(super) const KINDS: &[Kind] = &[
    Kind::new("rejected documents", 4, |abuse| {
        abuse.reject_documents().boxed()
    }),
    Kind::new("wrong credentials", 2, |abuse| {
        abuse.use_wrong_credentials().boxed()
    }),
    Kind::new("large responses", 2, |abuse| {
        abuse.request_large_responses().boxed()
    }),
    Kind::new("scans", 4, |abuse| abuse.scan().boxed()),
    Kind::new("idle connections", 2, |abuse| abuse.stay_idle().boxed()),
    Kind::new("slow heads and bodies", 4, |abuse| {
        abuse.send_slowly().boxed()
    }),
    Kind::new("cancelled mutations", 4, |abuse| {
        abuse.cancel_mutations().boxed()
    }),
    Kind::new("sockets without init", 2, |abuse| {
        abuse.open_sockets().boxed()
    }),
    Kind::new("subscriptions that are dropped", 4, |abuse| {
        abuse.drop_subscriptions().boxed()
    }),
    Kind::new("malformed messages", 2, |abuse| {
        abuse.send_malformed_messages().boxed()
    }),
    Kind::new("event streams that are dropped", 2, |abuse| {
        abuse.drop_event_streams().boxed()
    }),
];

impl Abuse {
    pub(super) fn new(address: SocketAddr, number: usize) -> Self {
        Self { address, number }
    }

    /// Reports a run with a key, as a worker does.
    pub(super) async fn report_run(&self, key: &str) -> Result<()> {
        let report = "mutation($id: ID!, $message: String!) {
            createSyncRun(input: {id: $id, entityType: STOCK, source: API}) { run { status } }
            addSyncEvent(input: {runId: $id, event: {eventType: \"row\", message: $message}}) { replayed } }";
        let id = IdSequence::new().next();
        let variables = json!({"id": id, "message": "m".repeat(EVENT_BYTES)});
        let header = format!("Authorization: Bearer {key}\r\n");
        let request = self.graphql(report, &variables, &header);
        let response = time::timeout(MAX_RESPONSE_TIME, self.exchange(request.as_bytes())).await;
        let response = response.context("no response in time")??;
        let is_reported = response.contains("\"PENDING\"") && !response.contains("\"errors\"");
        ensure!(is_reported, "{response}");
        Ok(())
    }

    async fn reject_documents(self) -> Result<()> {
        for document in [
            format!("{{ {} }}", "a { b } ".repeat(900)),
            "{ a ".repeat(5001),
            format!("{{ syncRuns {{ nodes {{ {} }} }} }}", "id ".repeat(3000)),
            "{".repeat(100_000),
        ] {
            let request = self.graphql(&document, &json!({}), "");
            self.exchange(request.as_bytes()).await?;
        }
        Ok(())
    }

    async fn use_wrong_credentials(self) -> Result<()> {
        let credentials = ["synchistory_nothing", "eyJhbGciOiJub25lIn0.e30.", "x"];
        for credential in credentials {
            let header = format!("Authorization: Bearer {credential}\r\n");
            let request = self.graphql("{ viewer { name } }", &json!({}), &header);
            self.exchange(request.as_bytes()).await?;
        }
        Ok(())
    }

    /// Requests responses that are too large, and does not read those that are not.
    async fn request_large_responses(self) -> Result<()> {
        let aliases: Vec<_> = (0..90)
            .map(|number| format!("a{number}: message"))
            .collect();
        let aliases = aliases.join(" ");
        let list = format!(
            "{{ syncEvents(first: 100) {{ nodes {{ run {{ events(first: 20) {{ nodes {{ {aliases} }} }} }} }} }} }}"
        );
        let mut stream = TcpStream::connect(self.address).await?;
        let request = self.graphql(&list, &json!({}), "");
        stream.write_all(request.as_bytes()).await?;
        time::sleep(STALL_TIME).await;
        Ok(())
    }

    async fn scan(self) -> Result<()> {
        let variables = json!({"filter": {"errorContains": "x".repeat(500)}});
        let query = "query($filter: SyncRunFilter) { syncRuns(filter: $filter) { totalCount nodes { id } } }";
        let request = self.graphql(query, &variables, "");
        self.exchange(request.as_bytes()).await.map(drop)
    }

    async fn stay_idle(self) -> Result<()> {
        let mut streams = Vec::new();
        for _ in 0..100 {
            streams.push(TcpStream::connect(self.address).await?);
        }
        time::sleep(STALL_TIME).await;
        Ok(())
    }

    async fn send_slowly(self) -> Result<()> {
        let mut stream = TcpStream::connect(self.address).await?;
        let request = self.graphql("{ __typename }", &json!({"a": "x".repeat(500_000)}), "");
        // Within the head, or within the body.
        let end = if self.number.is_multiple_of(2) {
            30
        } else {
            400_000
        };
        stream.write_all(&request.as_bytes()[..end]).await?;
        for _ in 0..4 {
            stream.write_all(b"x").await?;
            time::sleep(STALL_TIME / 4).await;
        }
        Ok(())
    }

    /// Sends mutations, and disconnects before they are answered.
    async fn cancel_mutations(self) -> Result<()> {
        let create = "mutation($e: JSON) { createSyncRun(input: {entityType: STOCK, source: API, details: $e}) { replayed } }";
        let details = json!({"e": {"a": "x".repeat(10_000)}});
        let mut stream = TcpStream::connect(self.address).await?;
        let request = self.graphql(create, &details, "");
        stream.write_all(request.as_bytes()).await?;
        time::sleep(Duration::from_millis(20)).await;
        Ok(())
    }

    async fn open_sockets(self) -> Result<()> {
        let mut streams = Vec::new();
        for _ in 0..20 {
            let mut stream = TcpStream::connect(self.address).await?;
            stream.write_all(self.upgrade().as_bytes()).await?;
            streams.push(stream);
        }
        time::sleep(STALL_TIME).await;
        Ok(())
    }

    async fn drop_subscriptions(self) -> Result<()> {
        let mut socket = Socket::connect(self.address).await?;
        for number in 0..25 {
            // Each has a filter of its own, so that none is shared.
            let text = format!("{}-{number}", self.number);
            let query = "subscription($text: String) { syncRunChanged(filter: {errorContains: $text}) { run { id } } }";
            let payload = json!({"query": query, "variables": {"text": text}});
            socket.subscribe(number, &payload).await?;
        }
        // All but those that are one too many are running.
        let _ = time::timeout(Duration::from_millis(200), socket.next()).await;
        Ok(())
    }

    async fn send_malformed_messages(self) -> Result<()> {
        for garbage in [
            &[0xff_u8; 64][..],
            &[0x81, 0xfe, 0xff, 0xff],
            b"\x81\x05hello",
        ] {
            let mut stream = TcpStream::connect(self.address).await?;
            stream.write_all(self.upgrade().as_bytes()).await?;
            stream.write_all(garbage).await?;
            let _ = time::timeout(STALL_TIME, stream.read(&mut [0; 1024])).await;
        }
        Ok(())
    }

    async fn drop_event_streams(self) -> Result<()> {
        let watch = "subscription { syncRunChanged(after: \"forged\") { status } }";
        let header = "Accept: text/event-stream\r\n";
        self.exchange(self.graphql(watch, &json!({}), header).as_bytes())
            .await?;
        let watch = "subscription { syncRunChanged { status run { events { nodes { id } } } } }";
        let mut stream = TcpStream::connect(self.address).await?;
        stream
            .write_all(self.graphql(watch, &json!({}), header).as_bytes())
            .await?;
        let _ = time::timeout(STALL_TIME, stream.read(&mut [0; 1024])).await;
        Ok(())
    }

    /// Returns a request with these further headers, after which the connection is closed.
    fn graphql(&self, query: &str, variables: &Value, headers: &str) -> String {
        let body = json!({"query": query, "variables": variables}).to_string();
        let (address, length) = (self.address, body.len());
        format!(
            "POST /graphql HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n{headers}\
             Connection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        )
    }

    fn upgrade(&self) -> String {
        format!(
            "GET /graphql HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\
             Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n",
            self.address
        )
    }

    /// Sends a request, and returns the whole response.
    async fn exchange(&self, request: &[u8]) -> Result<String> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.write_all(request).await?;
        let mut response = Vec::new();
        stream.read_to_end(&mut response).await?;
        Ok(String::from_utf8_lossy(&response).into_owned())
    }
}
