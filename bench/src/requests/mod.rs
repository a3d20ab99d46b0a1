//! The command `requests`: what requests cost the server, beside the same work written by hand.

mod compare;
mod floor;
pub(crate) mod load;
mod rounds;
pub(crate) mod sample;
mod store;
pub(crate) mod template;
pub(crate) mod work;

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Result;
use chrono::{DateTime, SubsecRound, Utc};
use clap::{Args, ValueEnum};

use crate::{
    feed::{note, server_binary, version},
    fill::fill,
    process::{self, Process},
    report::{Limit, Report, Row},
    writers::{median, migrate},
};
pub(crate) use floor::{Options as FloorOptions, serve as serve_floor};
pub(crate) use load::Connection;
use rounds::{Bench, Cost, ROUNDS, Side};
use sample::Sample;
pub(crate) use store::Store;
pub(crate) use template::{Ids, Template};
use work::Work;

/// Measure requests: the server, and statements written by hand, by turns
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The database, in which writes leave what they write: with runs, it is used as it is; without, it is filled [default: an SQLite file]
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// How many runs a database without is filled with
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1000..), value_name = "NUMBER")]
    runs: u64,
    /// How many ask at a time
    #[arg(
        long,
        default_value = "1,16,64",
        value_delimiter = ',',
        value_name = "NUMBER"
    )]
    connections: Vec<usize>,
    /// How long each side is measured for a kind of work, in fifteen rounds together
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..), value_name = "NUMBER")]
    seconds: u32,
    /// Only these kinds of work
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    work: Vec<Work>,
    /// The server's binary [default: sync-history beside this one]
    #[arg(long, value_name = "PATH")]
    server: Option<PathBuf>,
    /// Write the figures to a file as well, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Measures, and prints.
pub(crate) async fn run(options: Options) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let url = match &options.database_url {
        Some(url) => synchronous(url),
        None => format!("sqlite://{}/bench.db?mode=rwc", folder.path().display()),
    };
    let program = server_binary(options.server.as_ref())?;
    migrate(&program, &url).await?;
    let store = Store::open(&url).await?;
    if store.runs().await? == 0 {
        fill(&url, options.runs).await?;
    }
    let mut report = Report::new(["floor", "server"]);
    about(&mut report, &program, &store).await?;
    let bench = start(&program, &url, store, options.seconds).await?;
    measure(bench, &options, &mut report).await?;
    report.publish(options.json.as_deref())
}

/// The URL with commits as durable as they are by default, which a cluster for tests may have turned off.
fn synchronous(url: &str) -> String {
    if url.starts_with("sqlite:") {
        return url.to_owned();
    }
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}options[synchronous_commit]=on")
}

async fn about(report: &mut Report, program: &PathBuf, store: &Store) -> Result<()> {
    report.about("server", version(program).await?);
    report.about("database", store.kind().await?);
    report.about("runs", store.runs().await?.to_string());
    if let Ok(rustc) = version(&PathBuf::from("rustc")).await {
        report.about("rust", rustc);
    }
    report.about("processor", process::processor()?);
    report.about(
        "floor",
        "the same work on axum by one statement written by hand for each request; no GraphQL, no feed",
    );
    report.about(
        "CPU",
        "of the process and of all the database's, for each request; medians of the rounds",
    );
    Ok(())
}

async fn start(program: &std::path::Path, url: &str, store: Store, seconds: u32) -> Result<Bench> {
    let this = std::env::current_exe()?;
    let floor = Process::start(&this, &["requests-floor", "--database-url", url]).await?;
    // All limits are in force; only that one client asks for so much is let pass.
    let arguments = ["--database-url", url, "--listen", "127.0.0.1:0"];
    let rates = ["--max-rate", "4000000000", "--max-burst", "4000000000"];
    let server = Process::start(program, &[&arguments[..], &rates[..]].concat()).await?;
    let side = |process, is_server| Side { process, is_server };
    Ok(Bench {
        cluster: store.cluster().await?,
        store,
        sides: [side(floor, false), side(server, true)],
        ids: Arc::new(Ids::new()),
        begun: 0,
        time: Duration::from_secs(seconds.into()) / u32::try_from(ROUNDS)?,
    })
}

async fn measure(mut bench: Bench, options: &Options, report: &mut Report) -> Result<()> {
    let mut server = Connection::open(bench.sides[1].process.address).await?;
    let sample = Sample::take(&bench.store, &mut server).await?;
    drop(server);
    report.about("deep", format!("{} runs down the list", sample.depth));
    let all = Work::value_variants();
    let works = if options.work.is_empty() {
        all
    } else {
        &options.work
    };
    for work in works {
        let mut questions = work.questions(&sample);
        note(&format!(
            "{}: whether the answers are the same",
            work.name()
        ));
        bench.compare(*work, &mut questions).await?;
        for connections in &options.connections {
            note(&format!("{}, {connections} connections", work.name()));
            let rounds = bench.rounds(*work, &questions, *connections).await?;
            add_rows(report, *work, *connections, &rounds);
        }
    }
    for side in bench.sides {
        side.process.resume()?;
        side.process.stop().await?;
    }
    Ok(())
}

/// Now, as precise as what is stored.
#[expect(
    clippy::disallowed_methods,
    reason = "the floor tells the time itself, as the server does"
)]
fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}

fn add_rows(report: &mut Report, work: Work, connections: usize, rounds: &[[Cost; 2]]) {
    let name = format!("{}, {connections} conn.", work.name());
    let row = |figure: &str, of: fn(&Cost) -> f64| {
        let [floor, server] =
            [0, 1].map(|side: usize| median(rounds.iter().map(|round| of(&round[side])).collect()));
        Row::new(format!("{name}: {figure}"), server)
            .base(floor)
            .ratio()
    };
    // Of each round, since a slow moment of the machine's is one for both in it.
    let ratios = rounds
        .iter()
        .map(|[floor, server]| server.cpu() / floor.cpu());
    let mut ratios: Vec<_> = ratios.collect();
    ratios.sort_unstable_by(f64::total_cmp);
    let cpu = row("CPU us", Cost::cpu).ratio_of(median(ratios.clone()));
    report.add(cpu.limit(Limit::Ratio(work.limit())));
    let quarters =
        (0..=4).map(|quarter| format!("{:.2}", ratios[quarter * (ratios.len() - 1) / 4]));
    report.add(Row::remark(
        format!("{name}: ratios of the rounds"),
        format!(
            "from least to most, by quarters: {}",
            quarters.collect::<Vec<_>>().join(", ")
        ),
    ));
    if rounds.iter().any(|[floor, _]| floor.database > 0.0) {
        report.add(row("CPU us, the database's", |cost| cost.database));
    }
    report.add(row("requests a second", |cost| cost.rate));
    report.add(row("p50 ms", |cost| cost.latency.p50));
    report.add(row("p99 ms", |cost| cost.latency.p99));
}
