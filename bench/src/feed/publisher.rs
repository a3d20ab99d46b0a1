//! What subscribers connect to, the baseline or the server, and the changes that are written to it.

use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use reqwest::{Client, header::CONTENT_TYPE};
use serde_json::json;
use tokio::{task::JoinSet, time};

use super::{
    changes::ChangeSequence,
    subscribers::{SOURCE, operation},
    websocket::Socket,
};
use crate::{process::Process, server::ServerBinary};

const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) enum Publisher<'a> {
    /// A bare broadcast of messages like the server's.
    Baseline(Messages),
    /// The server on the database with this URL.
    Server(&'a ServerBinary, String),
}

/// The messages that the server sends about one run.
#[derive(Clone, Debug)]
pub(crate) struct Messages {
    run_id: String,
    created: String,
    completed: String,
}

impl Publisher<'_> {
    pub(crate) async fn start(&self) -> Result<Process> {
        match self {
            Self::Baseline(_) => Process::start_baseline(&["feed-baseline"]).await,
            Self::Server(server, url) => server.start(url).await,
        }
    }

    /// Returns a writer of the changes that subscribers of the process receive.
    pub(crate) fn writer(&self, process: &Process) -> Result<Writer> {
        Writer::new(
            process,
            match self {
                Self::Baseline(messages) => Some(messages.clone()),
                Self::Server(..) => None,
            },
        )
    }
}

impl Messages {
    /// Creates and completes a run on the server, and takes the messages that a subscriber receives.
    pub(crate) async fn sample(server: &Publisher<'_>) -> Result<Self> {
        let process = server.start().await?;
        let changes = Arc::new(ChangeSequence::new(2, 1));
        let mut socket = Socket::connect(process.address).await?;
        socket.subscribe(0, &operation(0)).await?;
        process.wait_until_idle(Duration::from_secs(1)).await?;
        server.writer(&process)?.write(&changes, 0..1).await?;
        let [created, completed] = [socket.next().await?, socket.next().await?];
        for message in [&created, &completed] {
            let change = changes.find(message.as_bytes());
            change.with_context(|| format!("unexpected message {message}"))?;
        }
        process.stop().await?;
        Ok(Self {
            run_id: changes.run_id(0),
            created: created.to_string(),
            completed: completed.to_string(),
        })
    }

    /// Returns the message about a change of another run.
    fn of(&self, run_id: &str, completes: bool) -> String {
        let message = if completes {
            &self.completed
        } else {
            &self.created
        };
        message.replace(&self.run_id, run_id)
    }

    /// Returns the size of the longer message.
    pub(crate) fn max_bytes(&self) -> usize {
        self.created.len().max(self.completed.len())
    }
}

/// A client that makes changes over HTTP, each at its time, whether or not earlier ones have been responded to.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    client: Client,
    url: String,
    /// The messages to broadcast; None to send mutations.
    messages: Option<Arc<Messages>>,
}

/// A change that was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    pub(crate) change: usize,
    /// When the request was sent, in microseconds of the sequence.
    pub(crate) sent: u32,
    /// When the response was received, in microseconds of the sequence.
    pub(crate) responded: u32,
}

impl Written {
    /// Returns the microseconds from request to response.
    pub(crate) fn latency(&self) -> u32 {
        self.responded - self.sent
    }
}

impl Writer {
    pub(crate) fn new(process: &Process, messages: Option<Messages>) -> Result<Self> {
        let path = if messages.is_some() {
            "broadcast"
        } else {
            "graphql"
        };
        Ok(Self {
            client: Client::builder()
                .timeout(REQUEST_TIMEOUT)
                .no_proxy()
                .build()?,
            url: format!("http://{}/{path}", process.address),
            messages: messages.map(Arc::new),
        })
    }

    /// Makes the changes of some runs at the rate of the sequence. A run's completion waits for the response to
    /// its creation.
    pub(crate) async fn write(
        &self,
        changes: &Arc<ChangeSequence>,
        runs: Range<usize>,
    ) -> Result<Vec<Written>> {
        let begin = time::Instant::now();
        let first = ChangeSequence::of_run(runs.start).start;
        let mut tasks = JoinSet::new();
        for run in runs {
            let (writer, changes) = (self.clone(), Arc::clone(changes));
            tasks.spawn(async move {
                let mut written = Vec::new();
                for change in ChangeSequence::of_run(run) {
                    time::sleep_until(begin + changes.duration(change - first)).await;
                    written.push(writer.make(&changes, run, change).await?);
                }
                anyhow::Ok(written)
            });
        }
        let mut written = Vec::new();
        while let Some(of_run) = tasks.join_next().await {
            written.extend(of_run??);
        }
        Ok(written)
    }

    async fn make(&self, changes: &ChangeSequence, run: usize, change: usize) -> Result<Written> {
        let (run_id, completes) = (changes.run_id(run), ChangeSequence::completes(change));
        let body = match &self.messages {
            Some(messages) => messages.of(&run_id, completes),
            None => mutation(&run_id, completes),
        };
        let request = self
            .client
            .post(&self.url)
            .header(CONTENT_TYPE, "application/json")
            .body(body);
        let sent = changes.micros(Instant::now());
        let response = request.send().await?.error_for_status()?.text().await?;
        let responded = changes.micros(Instant::now());
        ensure!(
            !response.contains("\"errors\""),
            "a change was rejected: {response}"
        );
        Ok(Written {
            change,
            sent,
            responded,
        })
    }
}

fn mutation(run_id: &str, completes: bool) -> String {
    let query = if completes {
        "mutation($id: ID!) { completeSyncRun(input: {runId: $id, \
         counts: {recordsProcessed: 100, recordsUpdated: 100}}) { run { id version } } }"
    } else {
        "mutation($id: ID!, $source: SyncSource!) { createSyncRun(input: {id: $id, \
         entityType: STOCK, source: $source, status: RUNNING, recordsExpected: 100}) \
         { run { id version } } }"
    };
    json!({"query": query, "variables": {"id": run_id, "source": SOURCE}}).to_string()
}
