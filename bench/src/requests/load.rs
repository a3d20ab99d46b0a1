//! Load: connections that ask one request after the other, as cheaply as possible, since they share
//! the machine with what is measured.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Instant,
};

use anyhow::{Context, Result, bail};
use memchr::memmem;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime,
    task::JoinSet,
};

use super::template::{Ids, Template};

/// Bytes read at once, at first.
const BUFFER: usize = 32 * 1024;

/// One connection that is kept.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: vec![0; BUFFER],
        })
    }

    /// Sends a request, and reads its answer's body; one that is no success is an error.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Result<&[u8]> {
        self.stream.write_all(request).await?;
        let mut filled = 0;
        let (head, length) = loop {
            filled += self.read(filled).await?;
            if let Some(head) = memmem::find(&self.buffer[..filled], b"\r\n\r\n") {
                break (head + 4, content_length(&self.buffer[..head + 2])?);
            }
        };
        while filled < head + length {
            filled += self.read(filled).await?;
        }
        let answer = &self.buffer[..head + length];
        let body = &answer[head..];
        if !answer.starts_with(b"HTTP/1.1 200") || memmem::find(body, b"\"errors\":[").is_some() {
            bail!(
                "{} was answered with {}",
                String::from_utf8_lossy(request),
                String::from_utf8_lossy(answer)
            );
        }
        Ok(body)
    }

    async fn read(&mut self, filled: usize) -> Result<usize> {
        if filled == self.buffer.len() {
            self.buffer.resize(2 * filled, 0);
        }
        let read = self.stream.read(&mut self.buffer[filled..]).await?;
        if read == 0 {
            bail!("the connection was closed in the middle of an answer");
        }
        Ok(read)
    }
}

/// What the head of an answer says of its body.
fn content_length(head: &[u8]) -> Result<usize> {
    let name = b"\r\ncontent-length: ";
    let at = memmem::find(head, name).context("an answer without a length")? + name.len();
    let digits = &head[at..];
    let end = memmem::find(digits, b"\r\n").unwrap_or(digits.len());
    Ok(std::str::from_utf8(&digits[..end])?.parse()?)
}

/// What all connections do, and have seen.
#[derive(Debug)]
struct Shared {
    templates: Vec<Template>,
    ids: Arc<Ids>,
    turn: AtomicU64,
    answered: AtomicU64,
    counts: AtomicBool,
    enough: AtomicBool,
    latencies: Mutex<Vec<u32>>,
}

/// Load that runs, on a thread of its own.
#[derive(Debug)]
pub(crate) struct Load {
    shared: Arc<Shared>,
    thread: JoinHandle<Result<()>>,
}

impl Load {
    /// Sets so many connections to work, which ask the templates by turns.
    pub(crate) fn start(
        address: SocketAddr,
        connections: usize,
        templates: Vec<Template>,
        ids: &Arc<Ids>,
    ) -> Self {
        let shared = Arc::new(Shared {
            templates,
            ids: Arc::clone(ids),
            turn: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            counts: AtomicBool::new(false),
            enough: AtomicBool::new(false),
            latencies: Mutex::default(),
        });
        let work = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
            runtime.block_on(ask_all(address, connections, work))
        });
        Self { shared, thread }
    }

    /// Requests answered so far.
    pub(crate) fn answered(&self) -> u64 {
        self.shared.answered.load(Relaxed)
    }

    /// Whether it ended by itself, which only an error makes it do.
    pub(crate) fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Begins or ends counting how long answers take.
    pub(crate) fn count(&self, counts: bool) {
        self.shared.counts.store(counts, Relaxed);
    }

    /// Lets the connections finish what they are at; tells the microseconds that each answer took.
    pub(crate) fn stop(self) -> Result<Vec<u32>> {
        self.shared.enough.store(true, Relaxed);
        let ended = self.thread.join();
        ended.map_err(|_| anyhow::anyhow!("the load panicked"))??;
        let mut latencies = self
            .shared
            .latencies
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Ok(std::mem::take(&mut latencies))
    }
}

async fn ask_all(address: SocketAddr, connections: usize, shared: Arc<Shared>) -> Result<()> {
    let mut tasks = JoinSet::new();
    for _ in 0..connections {
        let connection = Connection::open(address).await?;
        tasks.spawn(ask_on(connection, Arc::clone(&shared)));
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}

async fn ask_on(mut connection: Connection, shared: Arc<Shared>) -> Result<()> {
    let mut templates = shared.templates.clone();
    let mut latencies = Vec::new();
    while !shared.enough.load(Relaxed) {
        let turn = usize::try_from(shared.turn.fetch_add(1, Relaxed))?;
        let which = turn % templates.len();
        let request = templates[which].fill(&shared.ids);
        let asked = Instant::now();
        connection.ask(request).await?;
        shared.answered.fetch_add(1, Relaxed);
        if shared.counts.load(Relaxed) {
            let took = asked.elapsed().as_micros();
            latencies.push(u32::try_from(took).unwrap_or(u32::MAX));
        }
    }
    let mut all = shared
        .latencies
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    all.append(&mut latencies);
    Ok(())
}
