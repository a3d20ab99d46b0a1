//! A load generator: connections that each send one request after the other. It shares the machine with what
//! is measured, and uses hyper's connections without a pool to take little of its CPU time.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Result, anyhow, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, StatusCode,
    client::conn::http1::{self, SendRequest},
    header::{CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use memchr::memmem;
use serde_json::{Value, json};
use tokio::{net::TcpStream, runtime, task::JoinSet};
use uuid::{Builder, Uuid, fmt::Hyphenated};

/// Ids in ascending order, none of which is used twice.
#[derive(Debug)]
pub(crate) struct IdSequence {
    first: u128,
    used: AtomicU64,
}

impl IdSequence {
    /// Creates a sequence of version 7 UUIDs that share the current time and end with their number.
    pub(crate) fn new() -> Self {
        let clock = SystemTime::now().duration_since(UNIX_EPOCH);
        let clock = clock.unwrap_or_default();
        let millis = u64::try_from(clock.as_millis()).unwrap_or(u64::MAX);
        let mut random = [0; 10];
        random[..4].copy_from_slice(&clock.subsec_nanos().to_be_bytes());
        let first = Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
        Self {
            first: first.as_u128(),
            used: AtomicU64::new(0),
        }
    }

    pub(crate) fn next(&self) -> Uuid {
        self.nth(self.used.fetch_add(1, Relaxed))
    }

    /// Returns the id with this number, counted from 0, used or not.
    pub(crate) fn nth(&self, number: u64) -> Uuid {
        Uuid::from_u128(self.first + u128::from(number))
    }

    pub(crate) fn used(&self) -> u64 {
        self.used.load(Relaxed)
    }

    /// Leaves out the ids below this number.
    pub(crate) fn skip_to(&self, number: u64) {
        self.used.fetch_max(number, Relaxed);
    }
}

/// A request with a JSON body, in which each nil UUID is a placeholder for a new id.
#[derive(Clone, Debug)]
pub(crate) struct RequestTemplate {
    path: String,
    body: Vec<u8>,
    placeholders: Vec<usize>,
}

impl RequestTemplate {
    pub(crate) fn new(path: impl Into<String>, body: &Value) -> Self {
        let body = body.to_string().into_bytes();
        let nil = Uuid::nil().to_string();
        Self {
            path: path.into(),
            placeholders: memmem::find_iter(&body, nil.as_bytes()).collect(),
            body,
        }
    }

    /// Creates a GraphQL request.
    pub(crate) fn graphql(query: &str, variables: &Value) -> Self {
        Self::new("/graphql", &json!({"query": query, "variables": variables}))
    }

    fn body(&self, ids: &IdSequence) -> Bytes {
        let mut body = self.body.clone();
        for start in &self.placeholders {
            let placeholder = &mut body[*start..*start + Hyphenated::LENGTH];
            ids.next().hyphenated().encode_lower(placeholder);
        }
        body.into()
    }
}

/// A keep-alive connection.
#[derive(Debug)]
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { sender })
    }

    /// Sends a request, and returns the body of the response.
    ///
    /// # Errors
    /// Fails if the status is not 200, or if the body contains GraphQL errors.
    pub(crate) async fn send(
        &mut self,
        template: &RequestTemplate,
        ids: &IdSequence,
    ) -> Result<Bytes> {
        let request = Request::post(&template.path)
            .header(HOST, "localhost")
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(template.body(ids)))?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if status != StatusCode::OK || memmem::find(&body, b"\"errors\":[").is_some() {
            let request = String::from_utf8_lossy(&template.body);
            let response = String::from_utf8_lossy(&body);
            bail!("response {status} {response} to the request {request}");
        }
        Ok(body)
    }

    /// Sends a GraphQL query, and returns the response as JSON.
    pub(crate) async fn query(&mut self, query: &str, variables: &Value) -> Result<Value> {
        let template = RequestTemplate::graphql(query, variables);
        let body = self.send(&template, &IdSequence::new()).await?;
        Ok(serde_json::from_slice(&body)?)
    }
}

/// Load from a separate thread, until it is stopped.
#[derive(Debug)]
pub(crate) struct Load {
    shared: Arc<Shared>,
    thread: JoinHandle<Result<Vec<u32>>>,
}

#[derive(Debug)]
struct Shared {
    templates: Vec<RequestTemplate>,
    ids: Arc<IdSequence>,
    next_template: AtomicUsize,
    completed: AtomicU64,
    records_latency: AtomicBool,
    stops: AtomicBool,
}

impl Load {
    /// Opens the connections, which take the templates in turn.
    pub(crate) fn start(
        address: SocketAddr,
        connections: usize,
        templates: Vec<RequestTemplate>,
        ids: &Arc<IdSequence>,
    ) -> Self {
        let shared = Arc::new(Shared {
            templates,
            ids: Arc::clone(ids),
            next_template: AtomicUsize::new(0),
            completed: AtomicU64::new(0),
            records_latency: AtomicBool::new(false),
            stops: AtomicBool::new(false),
        });
        let of_thread = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
            runtime.block_on(run_connections(address, connections, of_thread))
        });
        Self { shared, thread }
    }

    /// Returns the number of completed requests.
    pub(crate) fn completed(&self) -> u64 {
        self.shared.completed.load(Relaxed)
    }

    /// Returns whether the load has ended before it was stopped, which happens on errors only.
    pub(crate) fn has_failed(&self) -> bool {
        self.thread.is_finished()
    }

    /// Starts or ends recording latencies.
    pub(crate) fn record_latency(&self, records: bool) {
        self.shared.records_latency.store(records, Relaxed);
    }

    /// Waits for the requests in flight; returns the recorded latencies in microseconds.
    pub(crate) fn stop(self) -> Result<Vec<u32>> {
        self.shared.stops.store(true, Relaxed);
        self.thread
            .join()
            .map_err(|_| anyhow!("the load panicked"))?
    }
}

async fn run_connections(
    address: SocketAddr,
    connections: usize,
    shared: Arc<Shared>,
) -> Result<Vec<u32>> {
    let mut tasks = JoinSet::new();
    for _ in 0..connections {
        let connection = Connection::open(address).await?;
        tasks.spawn(run_connection(connection, Arc::clone(&shared)));
    }
    let mut latencies = Vec::new();
    while let Some(task) = tasks.join_next().await {
        latencies.extend(task??);
    }
    Ok(latencies)
}

async fn run_connection(mut connection: Connection, shared: Arc<Shared>) -> Result<Vec<u32>> {
    let mut latencies = Vec::new();
    while !shared.stops.load(Relaxed) {
        let next = shared.next_template.fetch_add(1, Relaxed) % shared.templates.len();
        let sent = Instant::now();
        connection
            .send(&shared.templates[next], &shared.ids)
            .await?;
        shared.completed.fetch_add(1, Relaxed);
        if shared.records_latency.load(Relaxed) {
            latencies.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
        }
    }
    Ok(latencies)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_gets_new_ids() {
        let nil = Uuid::nil();
        let template = RequestTemplate::new("/", &json!({"a": nil, "b": [nil]}));
        let ids = IdSequence::new();
        let [first, second] = [template.body(&ids), template.body(&ids)];
        assert_eq!(ids.used(), 4);
        assert_eq!(first.len(), second.len());
        assert_ne!(first, second);
        assert!(memmem::find(&first, nil.to_string().as_bytes()).is_none());
    }
}
