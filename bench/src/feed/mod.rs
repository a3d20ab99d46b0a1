//! `bench feed`: the cost of delivering changes to subscribers, compared with a bare broadcast.

mod baseline;
pub(crate) mod changes;
mod measure;
pub(crate) mod publisher;
pub(crate) mod subscribers;
pub(crate) mod websocket;

use anyhow::Result;
use clap::Args;

use crate::{
    database::{DatabaseClient, ScratchDatabase},
    process::raise_file_limit,
    progress,
    report::{Report, Row, Target},
    server::ServerBinary,
    stats::as_f64,
};
pub(crate) use baseline::serve as serve_baseline;
use measure::{Load, Measurement, measure};
use publisher::{Messages, Publisher};

/// Open files other than the subscribers' connections.
const OTHER_FILES: usize = 500;

/// Compare deliveries of changes with a bare broadcast over WebSocket (medians of several rounds)
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// PostgreSQL database, on whose server a scratch database is created [default: a scratch SQLite file]
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// Subscribers, each of which receives every change
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..), value_name = "NUMBER")]
    subscribers: u32,
    /// Changes per second
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(2..), value_name = "NUMBER")]
    rate: u32,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..), value_name = "NUMBER")]
    seconds: u32,
    /// Rounds, each of which starts the baseline and the server anew
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..), value_name = "NUMBER")]
    rounds: u32,
    /// Numbers of different operations that the subscribers share
    #[arg(
        long,
        default_value = "1,50",
        value_delimiter = ',',
        value_name = "NUMBER"
    )]
    operations: Vec<usize>,
    #[command(flatten)]
    server: ServerBinary,
}

pub(crate) async fn run(options: Options) -> Result<()> {
    raise_file_limit(2 * options.subscribers as usize + OTHER_FILES)?;
    let database = ScratchDatabase::create(options.database_url.as_deref()).await?;
    let report = measure_all(&options, &database).await;
    database.remove().await?;
    report?.print();
    Ok(())
}

async fn measure_all(options: &Options, database: &ScratchDatabase) -> Result<Report> {
    let Options {
        subscribers,
        rate,
        seconds,
        rounds,
        ..
    } = *options;
    let url = database.url()?;
    options.server.migrate(&url).await?;
    let mut report = Report::new(["baseline", "server"]);
    options.server.describe(&mut report).await?;
    let client = DatabaseClient::open(&url).await?;
    report.condition("database", client.version().await?);
    client.close().await;
    let server = Publisher::Server(&options.server, url);
    let messages = Messages::sample(&server).await?;
    let bytes = messages.max_bytes();
    let load = format!(
        "{subscribers} subscribers, {rate} changes per second for {seconds} s, messages of {bytes} bytes"
    );
    report.condition("load", load);
    report.condition("figures", format!("medians of {rounds} rounds"));
    let baseline = Publisher::Baseline(messages);
    for operations in &options.operations {
        let load = Load {
            subscribers: subscribers as usize,
            operations: *operations,
            rate,
            seconds,
        };
        let mut measured = Vec::new();
        for round in 1..=rounds {
            progress(&format!(
                "{operations} operations, round {round} of {rounds}"
            ));
            measured.push([
                measure(&baseline, load).await?,
                measure(&server, load).await?,
            ]);
        }
        add_rows(&mut report, *operations, &measured);
    }
    Ok(report)
}

fn add_rows(report: &mut Report, operations: usize, rounds: &[[Measurement; 2]]) {
    let name = match operations {
        1 => "1 operation".to_owned(),
        _ => format!("{operations} operations"),
    };
    let mut add = |figure: &str, target: Option<Target>, of: fn(&Measurement) -> f64| {
        let row = Row::of_rounds(format!("{name}: {figure}"), rounds, of);
        report.add(row.target(target));
    };
    let ratio = Some(Target::RatioAtMost(if operations == 1 { 1.3 } else { 2.0 }));
    add("CPU per delivery, without writes (us)", ratio, |m| {
        m.cpu_per_delivery(m.write_cpu)
    });
    add("CPU per delivery, with writes (us)", ratio, |m| {
        m.cpu_per_delivery(0.0)
    });
    add("deliveries per second", None, |m| {
        as_f64(m.deliveries) / m.seconds
    });
    add("response to delivery, p50 (ms)", None, |m| m.delivery.p50);
    add(
        "response to delivery, p99 (ms)",
        Some(Target::AtMost(100.0)),
        |m| m.delivery.p99,
    );
    add("response to a write, p50 (ms)", None, |m| m.write.p50);
    add("response to a write, p99 (ms)", None, |m| m.write.p99);
    add("memory without subscribers (MiB)", None, |m| m.memory_idle);
    add("memory per idle subscriber (KiB)", None, |m| {
        m.memory_per_subscriber
    });
    add("memory, maximum (MiB)", None, |m| m.memory_maximum);
}
