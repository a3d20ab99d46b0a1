//! `bench sqlite-writes`: durable writes per second on SQLite, where the server commits concurrent writes
//! together, compared with one commit per write; and the latency of writes under load.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use clap::Args;
use tokio::{task::JoinSet, time};

use crate::{
    database::ScratchDatabase,
    feed::{
        changes::ChangeSequence,
        publisher::{Writer, Written},
        subscribers::Subscribers,
    },
    fill::{Content, fill},
    load::{IdSequence, Load},
    process::{Process, raise_file_limit},
    progress,
    report::{Report, Row, Target},
    requests::{
        rounds::{Cost, ROUNDS, Runner},
        workload::Workload,
    },
    server::ServerBinary,
    stats::{Percentiles, as_f64},
};

/// Time for subscriptions to start.
const SETTLE_TIME: Duration = Duration::from_millis(500);
/// Minimum number of connections for which the rate has a target.
const MANY_CONNECTIONS: usize = 64;
/// Workers, each of which writes once per second.
const WORKERS: usize = 64;
/// Connections that list runs without a pause.
const READERS: usize = 8;
/// Open files other than the subscribers' connections.
const OTHER_FILES: usize = 500;
/// Duration of a latency measurement, relative to that of rates: a 99th percentile needs more than a few
/// hundred writes.
const LATENCY_FACTOR: usize = 2;
/// Seconds of writes that are not counted in the latencies.
const LATENCY_WARM_UP: usize = 2;
/// Runs that readers list.
const RUNS: u64 = 20_000;

/// Compare durable writes on SQLite with one commit each (medians of 15 rounds), and measure their latency under load
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Numbers of concurrent connections to measure rates with
    #[arg(
        long,
        default_value = "1,64",
        value_delimiter = ',',
        value_name = "NUMBER"
    )]
    connections: Vec<usize>,
    /// Seconds of load on each side per number of connections, over all rounds; latencies take twice as long
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..), value_name = "NUMBER")]
    seconds: u32,
    /// Subscribers during the measurement of latencies
    #[arg(long, default_value_t = 1000, value_name = "NUMBER")]
    subscribers: usize,
    #[command(flatten)]
    server: ServerBinary,
}

pub(crate) async fn run(options: Options) -> Result<()> {
    raise_file_limit(2 * options.subscribers + OTHER_FILES)?;
    let mut report = Report::new(["baseline", "server"]);
    options.server.describe(&mut report).await?;
    report.condition("database", "SQLite, synchronous = FULL");
    report.condition(
        "rates",
        format!("alternating creations and events, medians of {ROUNDS} rounds"),
    );
    report.condition(
        "baseline",
        "of rates: hand-written statements on axum, one commit per write",
    );
    let subscribers = options.subscribers;
    let latency = format!(
        "of {WORKERS} workers that write once per second, with {READERS} readers and {subscribers} subscribers; \
         baseline: without these"
    );
    report.condition("latency", latency);
    measure_rates(&options, &mut report).await?;
    let seconds = LATENCY_FACTOR * options.seconds as usize;
    let alone = measure_latencies(&options.server, seconds, 0, 0).await?;
    let shared = measure_latencies(&options.server, seconds, READERS, subscribers).await?;
    add_latencies(&mut report, &alone, &shared);
    report.print();
    Ok(())
}

async fn measure_rates(options: &Options, report: &mut Report) -> Result<()> {
    let database = ScratchDatabase::create(None).await?;
    let url = database.url()?;
    options.server.migrate(&url).await?;
    let mut runner = Runner::start(&options.server, &url, options.seconds).await?;
    let run = IdSequence::new().nth(0);
    runner.database.insert_running(&[run]).await?;
    let creations = Workload::Create.requests(&run.into());
    let requests = creations.into_iter().flat_map(|creation| {
        std::iter::once(creation).chain(Workload::Event.requests(&run.into()))
    });
    let requests: Vec<_> = requests.collect();
    for connections in &options.connections {
        let name = format!("{connections} connections");
        progress(&name);
        let rounds = runner
            .measure(Workload::Create, &requests, *connections)
            .await?;
        let row = |figure: &str, of: fn(&Cost) -> f64| {
            Row::of_rounds(format!("{name}: {figure}"), &rounds, of)
        };
        let target = (*connections >= MANY_CONNECTIONS).then_some(Target::RatioAtLeast(5.0));
        report.add(row("durable writes per second", |cost| cost.rate).target(target));
        report.add(row("p50 (ms)", |cost| cost.latency.p50));
        report.add(row("p99 (ms)", |cost| cost.latency.p99));
    }
    runner.stop().await?;
    database.remove().await
}

struct Latencies {
    writes: Percentiles,
    lists_per_second: f64,
    deliveries: u64,
}

async fn measure_latencies(
    binary: &ServerBinary,
    seconds: usize,
    readers: usize,
    subscribers: usize,
) -> Result<Latencies> {
    progress(&format!(
        "latency with {readers} readers and {subscribers} subscribers"
    ));
    let database = ScratchDatabase::create(None).await?;
    let url = database.url()?;
    binary.migrate(&url).await?;
    fill(&url, Content::of_runs(RUNS)).await?;
    let server = binary.start(&url).await?;
    let runs_per_worker = (LATENCY_WARM_UP + seconds).div_ceil(2);
    let changes = Arc::new(ChangeSequence::new(2 * runs_per_worker * WORKERS, 1));
    let mut subscribed = Subscribers::connect(server.address, subscribers, 1, &changes).await?;
    time::sleep(SETTLE_TIME).await;
    let ids = Arc::new(IdSequence::new());
    let lists = Workload::List.requests(&ids.nth(0).into());
    let lists = lists.into_iter().map(|pair| pair.server).collect();
    let reading = Load::start(server.address, readers, lists, &ids);

    let begin = Instant::now();
    let written = write_evenly(&server, &changes, runs_per_worker).await?;
    let lists_per_second = as_f64(reading.completed()) / begin.elapsed().as_secs_f64();
    reading.stop()?;
    subscribed
        .wait_for_deliveries(written.len() * subscribers)
        .await?;
    subscribed.disconnect().await?;
    server.stop().await?;
    database.remove().await?;
    let warm = changes.micros(begin + Duration::from_secs(LATENCY_WARM_UP as u64));
    let counted = written.iter().filter(|one| one.sent >= warm);
    Ok(Latencies {
        writes: Percentiles::of_micros(counted.map(Written::latency).collect()),
        lists_per_second,
        deliveries: (written.len() * subscribers) as u64,
    })
}

/// Lets each worker create and complete its runs, one write per second. The workers start one after the other.
async fn write_evenly(
    server: &Process,
    changes: &Arc<ChangeSequence>,
    runs_per_worker: usize,
) -> Result<Vec<Written>> {
    let begin = time::Instant::now();
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        let writer = Writer::new(server, None)?;
        let changes = Arc::clone(changes);
        let delay = Duration::from_secs(1) * u32::try_from(worker)? / u32::try_from(WORKERS)?;
        workers.spawn(async move {
            time::sleep_until(begin + delay).await;
            let runs = worker * runs_per_worker..(worker + 1) * runs_per_worker;
            writer.write(&changes, runs).await
        });
    }
    let mut written = Vec::new();
    while let Some(worker) = workers.join_next().await {
        written.extend(worker??);
    }
    Ok(written)
}

fn add_latencies(report: &mut Report, alone: &Latencies, shared: &Latencies) {
    let [before, after] = [alone.writes, shared.writes];
    report.add(Row::new("latency: p50 (ms)", after.p50).baseline(before.p50));
    report.add(Row::new("latency: p99 (ms)", after.p99).baseline(before.p99));
    report.add(Row::new("latency: maximum (ms)", after.max).baseline(before.max));
    let spread = |latency: Percentiles| latency.p99 / latency.p50;
    let row = Row::new("latency: p99 / p50", spread(after)).baseline(spread(before));
    report.add(row.target(Target::AtMost(5.0)));
    report.add(Row::new(
        "latency: lists per second",
        shared.lists_per_second,
    ));
    report.add(Row::new("latency: deliveries", as_f64(shared.deliveries)));
}
