//! `bench feed`: the cost of delivering changes to subscribers, beside a bare broadcast.

mod baseline;
pub(crate) mod changes;
mod measure;
pub(crate) mod publisher;
pub(crate) mod subscribers;
mod websocket;

use anyhow::Result;
use clap::Args;

use crate::{
    database::{DatabaseClient, ScratchDatabase},
    process::raise_file_limit,
    progress,
    report::{Report, Row, Target},
    server::ServerBinary,
    stats::{as_f64, median},
};
pub(crate) use baseline::serve as serve_baseline;
use measure::{Load, Measurement, measure};
use publisher::{Messages, Publisher};

/// Open files besides the subscribers' connections.
const OTHER_FILES: usize = 500;

/// Compare deliveries of changes with a bare broadcast over WebSocket (medians of several rounds)
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// PostgreSQL database, beside which a scratch database is created [default: a scratch SQLite file]
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

/// The measurements of one round.
struct Round {
    baseline: Measurement,
    server: Measurement,
    /// CPU seconds that the same changes take without subscribers, of baseline and server.
    writes: [f64; 2],
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
        let mut measured = Vec::new();
        for round in 1..=rounds {
            progress(&format!(
                "{operations} operations, round {round} of {rounds}"
            ));
            let load = Load {
                subscribers: subscribers as usize,
                operations: *operations,
                rate,
                seconds,
            };
            let unwatched = Load {
                subscribers: 0,
                ..load
            };
            measured.push(Round {
                writes: [
                    measure(&baseline, unwatched).await?.cpu,
                    measure(&server, unwatched).await?.cpu,
                ],
                baseline: measure(&baseline, load).await?,
                server: measure(&server, load).await?,
            });
        }
        add_rows(&mut report, *operations, &measured);
    }
    Ok(report)
}

fn add_rows(report: &mut Report, operations: usize, rounds: &[Round]) {
    let name = format!("{operations} operations");
    let row = |figure: &str, of: &dyn Fn(&Measurement, f64) -> f64| {
        let [baseline, server] = [
            median(
                rounds
                    .iter()
                    .map(|round| of(&round.baseline, round.writes[0])),
            ),
            median(
                rounds
                    .iter()
                    .map(|round| of(&round.server, round.writes[1])),
            ),
        ];
        let ratios = rounds
            .iter()
            .map(|round| of(&round.server, round.writes[1]) / of(&round.baseline, round.writes[0]));
        Row::new(format!("{name}: {figure}"), server)
            .baseline(baseline)
            .ratio(median(ratios))
    };
    let target = Target::RatioAtMost(if operations == 1 { 1.3 } else { 2.0 });
    let per_delivery = |cpu: f64, seen: &Measurement| cpu * 1e6 / as_f64(seen.deliveries);
    let deliveries = row(
        "CPU per delivery, without the writes (us)",
        &|seen, writes| per_delivery(seen.cpu - writes, seen),
    );
    report.add(deliveries.target(target));
    let all = row("CPU per delivery, with the writes (us)", &|seen, _| {
        per_delivery(seen.cpu, seen)
    });
    report.add(all.target(target));
    report.add(row("deliveries per second", &|seen, _| {
        as_f64(seen.deliveries) / seen.seconds
    }));
    report.add(row("response to delivery, p50 (ms)", &|seen, _| {
        seen.delivery.p50
    }));
    let p99 = row("response to delivery, p99 (ms)", &|seen, _| {
        seen.delivery.p99
    });
    report.add(p99.target(Target::AtMost(100.0)));
    report.add(row("response to a write, p50 (ms)", &|seen, _| {
        seen.write.p50
    }));
    report.add(row("response to a write, p99 (ms)", &|seen, _| {
        seen.write.p99
    }));
    report.add(row("memory without subscribers (MiB)", &|seen, _| {
        seen.memory_idle
    }));
    report.add(row("memory per idle subscriber (KiB)", &|seen, _| {
        seen.memory_per_subscriber
    }));
    report.add(row("memory, maximum (MiB)", &|seen, _| seen.memory_maximum));
}
