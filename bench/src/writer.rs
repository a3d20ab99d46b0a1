//! The one who makes changes, over HTTP.

use std::{
    net::SocketAddr,
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use reqwest::{Client, Url, header::CONTENT_TYPE};
use serde_json::json;
use tokio::{task::JoinSet, time};

use crate::{operations::SOURCE, series::Series, target::Messages};

/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// One who makes changes.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    client: Client,
    url: Url,
    sink: Arc<Sink>,
}

/// What changes are told to.
#[derive(Debug)]
pub(crate) enum Sink {
    /// The server, as mutations.
    Server,
    /// The floor, as the messages it broadcasts.
    Floor(Messages),
}

/// A change that was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    /// Its number.
    pub(crate) change: usize,
    /// When the request was sent, in microseconds of the series.
    pub(crate) sent: u32,
    /// When the answer was there, in microseconds of the series: by then it was committed.
    pub(crate) answered: u32,
}

impl Writer {
    pub(crate) fn new(address: SocketAddr, sink: Sink) -> Result<Self> {
        let path = match sink {
            Sink::Server => "graphql",
            Sink::Floor(_) => "broadcast",
        };
        Ok(Self {
            client: Client::builder().timeout(PATIENCE).no_proxy().build()?,
            url: format!("http://{address}/{path}").parse()?,
            sink: Arc::new(sink),
        })
    }

    /// Makes the changes of some runs, each when it is due, whether or not others are done; one of the
    /// same run's, though, waits for the one before. Tells which were made.
    pub(crate) async fn write(
        &self,
        series: &Arc<Series>,
        runs: Range<usize>,
    ) -> Result<Vec<Written>> {
        let start = time::Instant::now();
        let first = Series::changes_of(runs.start).start;
        let mut lives = JoinSet::new();
        let mut written = Vec::new();
        for run in runs {
            let changes = Series::changes_of(run);
            time::sleep_until(start + series.delay(changes.start - first)).await;
            let (writer, series) = (self.clone(), Arc::clone(series));
            lives.spawn(async move {
                let mut written = Vec::new();
                for change in changes {
                    time::sleep_until(start + series.delay(change - first)).await;
                    match writer.make(&series, run, change).await? {
                        Some(made) => written.push(made),
                        // What was not created cannot be completed.
                        None => break,
                    }
                }
                anyhow::Ok(written)
            });
            while let Some(life) = lives.try_join_next() {
                written.extend(life??);
            }
        }
        while let Some(life) = lives.join_next().await {
            written.extend(life??);
        }
        Ok(written)
    }

    /// Makes a change; None if it is refused because there are too many.
    async fn make(&self, series: &Series, run: usize, change: usize) -> Result<Option<Written>> {
        let body = self
            .sink
            .body(&series.run_id(run), Series::completes(change));
        let request = self.client.post(self.url.clone());
        let request = request.header(CONTENT_TYPE, "application/json").body(body);
        let sent = Instant::now();
        let response = request.send().await?.error_for_status()?;
        let answer = response.text().await?;
        let answered = Instant::now();
        if answer.contains("\"UNAVAILABLE\"") {
            return Ok(None);
        }
        if answer.contains("\"errors\"") {
            bail!("a change was refused: {answer}");
        }
        Ok(Some(Written {
            change,
            sent: series.micros(sent),
            answered: series.micros(answered),
        }))
    }
}

impl Sink {
    fn body(&self, run_id: &str, completes: bool) -> String {
        let query = match self {
            Self::Floor(messages) => return messages.of(run_id, completes),
            Self::Server if completes => {
                "mutation($id: ID!) { completeSyncRun(input: {runId: $id, \
                 counts: {recordsProcessed: 100, recordsUpdated: 100}}) { run { id version } } }"
            }
            Self::Server => {
                "mutation($id: ID!, $source: SyncSource!) { createSyncRun(input: {id: $id, \
                 entityType: STOCK, source: $source, status: RUNNING, recordsExpected: 100}) \
                 { run { id version } } }"
            }
        };
        json!({"query": query, "variables": {"id": run_id, "source": SOURCE}}).to_string()
    }
}
