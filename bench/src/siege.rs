//! The command `siege`: how long those are let stay who hold connections without using them, and what
//! workers notice of it.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{Mutex, watch},
    task::JoinSet,
    time,
};

use crate::{
    database::Database,
    feed::{server_binary, version},
    process,
    report::{Limit, Report, Row},
    series::Series,
    target::serve,
};

/// Reports of all workers in a second, at an even pace.
const REPORTS: u32 = 100;
const WORKERS: usize = 8;
/// How long the server is used before anything is measured.
const WARM_UP: Duration = Duration::from_secs(2);
/// Between the bytes of a slow body.
const DRIP: Duration = Duration::from_millis(500);
/// Connections that are made at once, and how long until the next ones: a thousand in a second, so that
/// the crowd is measured and not its arrival.
const AT_ONCE: usize = 10;
const BETWEEN: Duration = Duration::from_millis(10);
/// When those are given up who are let stay.
const PATIENCE: Duration = Duration::from_secs(30);
const UPGRADE: &str = "GET /graphql HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\n\
    upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    sec-websocket-protocol: graphql-transport-ws\r\n\r\n";
const POST: &str = "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
    content-length: 1000\r\n\r\n{";

/// Measure how long silent connections are let stay, and what workers notice of them
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A database of a PostgreSQL server on this machine, where one of the bench's own is made
    /// [default: an SQLite file in a scratch folder]
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// How long workers report undisturbed
    #[arg(long, default_value_t = 10, value_name = "NUMBER")]
    seconds: u64,
    /// Connections that say nothing; every other one is a socket that does not greet
    #[arg(long, default_value_t = 2000, value_name = "NUMBER")]
    silent: usize,
    /// Requests whose body comes a byte at a time
    #[arg(long, default_value_t = 1000, value_name = "NUMBER")]
    slow: usize,
    /// The server's binary [default: sync-history beside this one]
    #[arg(long, value_name = "PATH")]
    server: Option<PathBuf>,
    /// Write the figures to a file as well, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Measures, and prints.
pub(crate) async fn run(options: Options) -> Result<()> {
    let program = server_binary(options.server.as_ref())?;
    let connections = options.silent + options.slow;
    process::raise_file_limit(connections as u64 + 100)?;
    let database = Database::create(options.database_url.as_deref()).await?;
    let mut report = Report::new(["usual", "besieged"]);
    report.about("server", version(&program).await?);
    report.about("database", database.kind().await?);
    let server = serve(&program, &database.url()?).await?;
    let (over, ended) = watch::channel(false);
    let latencies = Arc::new(Mutex::new(Vec::new()));
    let workers = work(server.address, &latencies, &ended)?;
    time::sleep(WARM_UP).await;
    latencies.lock().await.clear();
    time::sleep(Duration::from_secs(options.seconds)).await;
    let mut usual = std::mem::take(&mut *latencies.lock().await);
    let stays = besiege(server.address, options.silent, options.slow).await?;
    let mut besieged = std::mem::take(&mut *latencies.lock().await);
    over.send(true)?;
    for worked in workers.join_all().await {
        worked?;
    }
    server.stop().await?;
    database.remove().await?;

    report.about("reports", format!("{} and {}", usual.len(), besieged.len()));
    let [mut longest_silent, mut longest_slow] = [Duration::ZERO; 2];
    for (is_slow, stay) in stays {
        let longest = if is_slow {
            &mut longest_slow
        } else {
            &mut longest_silent
        };
        *longest = stay.max(*longest);
    }
    let limit = Limit::Figure(10.0);
    let silent = format!("{} silent connections gone, s", options.silent);
    report.add(Row::new(silent, longest_silent.as_secs_f64()).limit(limit));
    let slow = format!("{} slow bodies gone, s", options.slow);
    report.add(Row::new(slow, longest_slow.as_secs_f64()).limit(limit));
    for (percent, limit) in [(50, None), (99, Some(Limit::Ratio(2.0)))] {
        let figure = format!("p{percent} of a report, ms");
        let row = Row::new(figure, percentile(&mut besieged, percent))
            .base(percentile(&mut usual, percent))
            .ratio();
        report.add(match limit {
            Some(limit) => row.limit(limit),
            None => row,
        });
    }
    report.publish(options.json.as_deref())
}

/// Lets workers create and complete runs at an even pace until it is over.
fn work(
    address: SocketAddr,
    latencies: &Arc<Mutex<Vec<Duration>>>,
    over: &watch::Receiver<bool>,
) -> Result<JoinSet<Result<()>>> {
    let client = reqwest::Client::builder().timeout(PATIENCE).build()?;
    let series = Arc::new(Series::new(usize::MAX / 2, REPORTS));
    let pace = Duration::from_secs(1) * u32::try_from(WORKERS)? / REPORTS;
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        let (client, series) = (client.clone(), Arc::clone(&series));
        let (latencies, over) = (Arc::clone(latencies), over.clone());
        workers.spawn(async move {
            let first = time::Instant::now() + pace * u32::try_from(worker)? / 8;
            let mut ticks = time::interval_at(first, pace);
            let mut number = worker * 1_000_000;
            while !*over.borrow() {
                let id = series.run_id(number);
                for report in [create(&id), complete(&id)] {
                    ticks.tick().await;
                    let began = Instant::now();
                    let request = client
                        .post(format!("http://{address}/graphql"))
                        .json(&report);
                    let answer = request.send().await?.text().await?;
                    ensure!(!answer.contains("\"errors\""), "{answer}");
                    latencies.lock().await.push(began.elapsed());
                }
                number += 1;
            }
            Ok(())
        });
    }
    Ok(workers)
}

fn create(id: &str) -> serde_json::Value {
    let input = json!({"id": id, "entityType": "STOCK", "source": "AS400"});
    json!({"query": "mutation($input: CreateSyncRunInput!) { createSyncRun(input: $input) { run { version } } }",
        "variables": {"input": input}})
}

fn complete(id: &str) -> serde_json::Value {
    json!({"query": "mutation($input: CompleteSyncRunInput!) { completeSyncRun(input: $input) { run { version } } }",
        "variables": {"input": {"runId": id}}})
}

/// Holds connections until the server lets go of all; tells of each whether it was a slow body, and
/// how long it was let stay.
async fn besiege(address: SocketAddr, silent: usize, slow: usize) -> Result<Vec<(bool, Duration)>> {
    let mut held = JoinSet::new();
    for number in 0..silent + slow {
        if number % AT_ONCE == 0 {
            time::sleep(BETWEEN).await;
        }
        let stream = TcpStream::connect(address).await;
        let stream = stream.context("the server takes no more connections")?;
        let is_slow = number >= silent;
        let begin = if is_slow {
            POST
        } else if number % 2 == 0 {
            UPGRADE
        } else {
            ""
        };
        held.spawn(async move { (is_slow, hold(stream, begin, is_slow).await) });
    }
    Ok(held.join_all().await)
}

/// How long a connection is let stay.
async fn hold(stream: TcpStream, begin: &str, drips: bool) -> Duration {
    let since = Instant::now();
    let (mut from, mut to) = stream.into_split();
    let held = async {
        // Whatever fails here, fails because the server has let go.
        if to.write_all(begin.as_bytes()).await.is_err() {
            return;
        }
        let drip = async {
            loop {
                time::sleep(DRIP).await;
                if drips && to.write_all(b" ").await.is_err() {
                    return;
                }
            }
        };
        let hear = async {
            let mut heard = [0; 512];
            while matches!(from.read(&mut heard).await, Ok(1..)) {}
        };
        tokio::select! {
            () = drip => {}
            () = hear => {}
        }
    };
    let _ = time::timeout(PATIENCE, held).await;
    since.elapsed()
}

/// Milliseconds.
fn percentile(latencies: &mut [Duration], percent: usize) -> f64 {
    latencies.sort_unstable();
    let place = (latencies.len() * percent / 100).min(latencies.len().saturating_sub(1));
    latencies
        .get(place)
        .map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
}
