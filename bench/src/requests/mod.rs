//! `bench requests`: the cost of requests to the server, compared with hand-written statements on axum.

mod baseline;
pub(crate) mod rounds;
pub(crate) mod sample;
mod verify;
pub(crate) mod workload;

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::{
    database::{DatabaseClient, ScratchDatabase},
    fill::{Content, fill},
    load::Connection,
    progress,
    report::{Report, Row, Target},
    server::ServerBinary,
};
pub(crate) use baseline::{Options as BaselineOptions, serve as serve_baseline};
use rounds::{Cost, ROUNDS, Runner};
use sample::Sample;
use workload::Workload;

/// Compare requests to the server with hand-written statements on axum (medians of 15 rounds)
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Database to measure on, filled first if it has no runs; writes remain in it [default: a scratch SQLite file]
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// Runs to fill an empty database with
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1000..), value_name = "NUMBER")]
    runs: u64,
    /// Numbers of concurrent connections to measure with
    #[arg(
        long,
        default_value = "1,16,64",
        value_delimiter = ',',
        value_name = "NUMBER"
    )]
    connections: Vec<usize>,
    /// Seconds of load on each side per workload and number of connections, over all rounds
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..), value_name = "NUMBER")]
    seconds: u32,
    /// Workloads to measure [default: all]
    #[arg(long = "work", value_delimiter = ',', value_name = "NAME")]
    workloads: Vec<Workload>,
    #[command(flatten)]
    server: ServerBinary,
}

pub(crate) async fn run(options: Options) -> Result<()> {
    let scratch = ScratchDatabase::create(None).await?;
    let url = match &options.database_url {
        Some(url) => with_synchronous_commit(url),
        None => scratch.url()?,
    };
    options.server.migrate(&url).await?;
    let database = DatabaseClient::open(&url).await?;
    if database.count_runs().await? == 0 {
        fill(&url, Content::of_runs(options.runs)).await?;
    }
    let mut report = Report::new(["baseline", "server"]);
    options.server.describe(&mut report).await?;
    report.condition("database", database.version().await?);
    report.condition("runs", database.count_runs().await?.to_string());
    database.close().await;
    report.condition(
        "baseline",
        "the same work on axum, one hand-written statement per request",
    );
    report.condition("CPU", "of the process and the database, per request");
    let figures = format!("medians of {ROUNDS} rounds; ratios are medians of the rounds' ratios");
    report.condition("figures", figures);
    let runner = Runner::start(&options.server, &url, options.seconds).await?;
    let startup = runner.server.startup.as_millis();
    report.condition("startup", format!("{startup} ms until the server listens"));
    measure(runner, &options, &mut report).await?;
    report.print();
    scratch.remove().await
}

/// Makes commits durable, which clusters for tests may have turned off.
fn with_synchronous_commit(url: &str) -> String {
    if url.starts_with("sqlite:") {
        return url.to_owned();
    }
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}options[synchronous_commit]=on")
}

async fn measure(mut runner: Runner, options: &Options, report: &mut Report) -> Result<()> {
    let mut server = Connection::open(runner.server.address).await?;
    let sample = Sample::take(&runner.database, &mut server).await?;
    drop(server);
    report.condition("deep", format!("{} runs after the first", sample.depth));
    let workloads = match &options.workloads[..] {
        [] => Workload::value_variants(),
        workloads => workloads,
    };
    for workload in workloads {
        let requests = workload.requests(&sample);
        progress(&format!("{}: comparing responses", workload.name()));
        runner.verify(*workload, &requests).await?;
        for connections in &options.connections {
            progress(&format!("{}, {connections} connections", workload.name()));
            let rounds = runner.measure(*workload, &requests, *connections).await?;
            add_rows(report, *workload, *connections, &rounds);
        }
    }
    runner.stop().await
}

fn add_rows(report: &mut Report, workload: Workload, connections: usize, rounds: &[[Cost; 2]]) {
    let name = format!("{}, {connections} connections", workload.name());
    let row = |figure: &str, of: fn(&Cost) -> f64| {
        Row::of_rounds(format!("{name}: {figure}"), rounds, of)
    };
    let ratios = rounds
        .iter()
        .map(|[baseline, server]| server.cpu() / baseline.cpu());
    let mut ratios: Vec<_> = ratios.collect();
    ratios.sort_unstable_by(f64::total_cmp);
    let [lower, upper] = [1, 3].map(|quarter| ratios[quarter * (ratios.len() - 1) / 4]);
    let cpu = row("CPU (us)", Cost::cpu).target(Target::RatioAtMost(workload.target()));
    report.add(cpu.note(format!("quartiles {lower:.2}, {upper:.2}")));
    if rounds
        .iter()
        .any(|[baseline, _]| baseline.database_cpu > 0.0)
    {
        report.add(row("CPU of the database (us)", |cost| cost.database_cpu));
    }
    report.add(row("requests per second", |cost| cost.rate));
    report.add(row("p50 (ms)", |cost| cost.latency.p50));
    report.add(row("p99 (ms)", |cost| cost.latency.p99));
}
