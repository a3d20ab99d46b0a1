//! The command `reports`: how many durable reports SQLite takes, beside one commit for each; and how
//! long a report takes while others list and watch.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use clap::Args;
use tokio::{task::JoinSet, time};
use uuid::Uuid;

use crate::{
    crowd::Crowd,
    database::Database,
    feed::{note, server_binary, version},
    fill::fill,
    measure::{Spread, as_f64},
    operations,
    process::{self, Process},
    report::{Limit, Report, Row},
    requests::{
        load::{Connection, Load},
        sample::Sample,
        template::{Ids, Template},
        work::Work,
    },
    series::Series,
    writer::{Sink, Writer, Written},
    writers::{median, migrate},
};

/// How often each side is measured; odd, so that one of the rounds is the middle one.
const ROUNDS: usize = 3;
/// How long a side is under load before it is measured, and others have to begin and to end.
const LEAD: Duration = Duration::from_millis(500);
/// From so many connections on reports have to come together.
const MANY: usize = 64;
/// Those who report at an even pace, one report a second each.
const WORKERS: usize = 64;
/// Those who list as fast as they can meanwhile.
const READERS: usize = 8;
/// Those who watch meanwhile.
const SUBSCRIBERS: usize = 1000;
/// So many times as long as a rate an even pace is measured: a 99th percentile takes more than a few hundred reports.
const EVEN_PACE: usize = 4;
/// Seconds of the even pace that are not counted.
const WARM_UP: usize = 2;
/// Runs there are to be listed.
const RUNS: u64 = 20_000;

/// Measure durable reports on SQLite: how many, and how long each takes among readers and subscribers
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many report at a time
    #[arg(
        long,
        default_value = "1,64",
        value_delimiter = ',',
        value_name = "NUMBER"
    )]
    connections: Vec<usize>,
    /// How long each measurement of a rate takes
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..), value_name = "NUMBER")]
    seconds: u32,
    /// The server's binary [default: sync-history beside this one]
    #[arg(long, value_name = "PATH")]
    server: Option<PathBuf>,
    /// Write the figures to a file as well, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Measures, and prints.
pub(crate) async fn run(options: Options) -> Result<()> {
    process::raise_file_limit(SUBSCRIBERS as u64 + 500)?;
    let program = server_binary(options.server.as_ref())?;
    let mut report = Report::new(["one each", "server"]);
    report.about("server", version(&program).await?);
    report.about("database", "SQLite, synchronous FULL");
    report.about("processor", process::processor()?);
    report.about(
        "one each",
        "the same reports on axum by statements written by hand, each committed by itself",
    );
    let seconds = Duration::from_secs(options.seconds.into());
    compare_rates(&program, &options.connections, seconds, &mut report).await?;
    let seconds = EVEN_PACE * options.seconds as usize;
    let alone = at_even_pace(&program, seconds, false).await?;
    let among_others = at_even_pace(&program, seconds, true).await?;
    add_latencies(&mut report, &alone, &among_others);
    report.publish(options.json.as_deref())
}

/// One who takes reports: the server, or the hand-written floor.
struct Side {
    process: Process,
    database: Database,
    ids: Arc<Ids>,
    templates: Vec<Template>,
}

async fn compare_rates(
    program: &Path,
    connections: &[usize],
    time: Duration,
    report: &mut Report,
) -> Result<()> {
    let sides = [Side::floor(program).await?, Side::server(program).await?];
    for connections in connections {
        let name = format!("{connections} conn.");
        note(&format!("{name}, by turns"));
        let mut measured = [Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            for (side, measured) in sides.iter().zip(&mut measured) {
                measured.push(side.measure(*connections, time).await?);
            }
        }
        let middle = |side: usize, of: fn(&(f64, Spread)) -> f64| {
            median(measured[side].iter().map(of).collect())
        };
        let row = |figure: &str, of| {
            let row = Row::new(format!("{name}: {figure}"), middle(1, of));
            row.base(middle(0, of)).ratio()
        };
        let rate = row("durable reports a second", |(rate, _)| *rate);
        report.add(if *connections >= MANY {
            rate.limit(Limit::LeastRatio(5.0))
        } else {
            rate
        });
        report.add(row("p50 ms", |(_, spread)| spread.p50));
        report.add(row("p99 ms", |(_, spread)| spread.p99));
    }
    for side in sides {
        side.process.stop().await?;
        side.database.remove().await?;
    }
    Ok(())
}

impl Side {
    async fn floor(program: &Path) -> Result<Self> {
        let database = Database::create(None).await?;
        let url = database.url()?;
        migrate(program, &url).await?;
        let this = std::env::current_exe()?;
        let process = Process::start(&this, &["requests-floor", "--database-url", &url]).await?;
        Self::begin(process, database, false).await
    }

    async fn server(program: &Path) -> Result<Self> {
        let database = Database::create(None).await?;
        let process = serve_without_rates(program, &database.url()?).await?;
        Self::begin(process, database, true).await
    }

    /// Creates a run, and prepares the reports: by turns a new run and an event of that one.
    async fn begin(process: Process, database: Database, is_server: bool) -> Result<Self> {
        let ids = Arc::new(Ids::new());
        let run = ids.nth(0);
        let sample = sample(run);
        let of = |work: Work| {
            work.questions(&sample).into_iter().map(move |question| {
                if is_server {
                    question.server
                } else {
                    question.floor
                }
            })
        };
        let mut templates = Vec::new();
        for mut create in of(Work::Create) {
            if templates.is_empty() {
                let mut connection = Connection::open(process.address).await?;
                connection.ask(create.fill(&ids)).await?;
            }
            templates.push(create);
            templates.extend(of(Work::Event));
        }
        Ok(Self {
            process,
            database,
            ids,
            templates,
        })
    }

    /// Reports a second, and how long each takes.
    async fn measure(&self, connections: usize, time: Duration) -> Result<(f64, Spread)> {
        let templates = self.templates.clone();
        let load = Load::start(self.process.address, connections, templates, &self.ids);
        time::sleep(LEAD).await;
        load.count(true);
        let (begin, before) = (Instant::now(), load.answered());
        time::sleep(time).await;
        let (seconds, after) = (begin.elapsed().as_secs_f64(), load.answered());
        load.count(false);
        let latencies = load.stop()?;
        Ok((as_f64(after - before) / seconds, Spread::of(latencies)))
    }
}

/// All limits are in force; only that one client asks for so much is let pass.
async fn serve_without_rates(program: &Path, url: &str) -> Result<Process> {
    let arguments = ["--database-url", url, "--listen", "127.0.0.1:0"];
    let rates = ["--max-rate", "4000000000", "--max-burst", "4000000000"];
    Process::start(program, &[&arguments[..], &rates[..]].concat()).await
}

fn sample(run: Uuid) -> Sample {
    Sample {
        places: vec![(chrono::DateTime::UNIX_EPOCH, run)],
        deep: Vec::new(),
        depth: 0,
    }
}

/// What was seen at the even pace.
struct Latencies {
    reports: Spread,
    reads: f64,
    delivered: u64,
}

/// Workers report at an even pace, among readers and subscribers or alone.
async fn at_even_pace(program: &Path, seconds: usize, among_others: bool) -> Result<Latencies> {
    let who = ["alone", "among readers and subscribers"];
    note(who[usize::from(among_others)]);
    let database = Database::create(None).await?;
    let url = database.url()?;
    migrate(program, &url).await?;
    fill(&url, RUNS).await?;
    let server = serve_without_rates(program, &url).await?;
    let runs_each = (WARM_UP + seconds).div_ceil(2);
    let series = Arc::new(Series::new(2 * runs_each * WORKERS, 1));
    let subscribers = if among_others { SUBSCRIBERS } else { 0 };
    let payloads = operations::by_turns(subscribers, 1);
    let crowd = Crowd::gather(server.address, payloads, Arc::clone(&series)).await?;
    // They have sent what they ask for, which the server has yet to take up.
    time::sleep(LEAD).await;
    let readers = among_others.then(|| {
        let lists = Work::List.questions(&sample(Uuid::nil()));
        let lists = lists.into_iter().map(|question| question.server).collect();
        Load::start(server.address, READERS, lists, &Arc::new(Ids::new()))
    });
    let begin = Instant::now();
    let written = report_evenly(&server, &series, runs_each).await?;
    let seconds = begin.elapsed().as_secs_f64();
    let reads = readers.as_ref().map_or(0, Load::answered);
    if let Some(readers) = readers {
        readers.stop()?;
    }
    time::sleep(LEAD).await;
    let delivered = crowd.delivered();
    let receipts = crowd.dismiss().await?;
    server.stop().await?;
    database.remove().await?;
    ensure!(
        receipts.len() == subscribers && delivered == (written.len() * subscribers) as u64,
        "{delivered} changes were delivered of {} to {subscribers}",
        written.len()
    );
    let warm = series.micros(begin + Duration::from_secs(WARM_UP as u64));
    let counted = written.iter().filter(|one| one.sent >= warm);
    Ok(Latencies {
        reports: Spread::of(counted.map(|one| one.answered - one.sent).collect()),
        reads: as_f64(reads) / seconds,
        delivered,
    })
}

/// Each worker creates and completes its runs, one report a second; they begin one after the other.
async fn report_evenly(
    server: &Process,
    series: &Arc<Series>,
    runs_each: usize,
) -> Result<Vec<Written>> {
    let begin = time::Instant::now();
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        let writer = Writer::new(server.address, Sink::Server)?;
        let series = Arc::clone(series);
        let begin =
            begin + Duration::from_secs(1) * u32::try_from(worker)? / u32::try_from(WORKERS)?;
        workers.spawn(async move {
            time::sleep_until(begin).await;
            let runs = worker * runs_each..(worker + 1) * runs_each;
            writer.write(&series, runs).await
        });
    }
    let mut written = Vec::new();
    while let Some(worker) = workers.join_next().await {
        written.extend(worker??);
    }
    Ok(written)
}

fn add_latencies(report: &mut Report, alone: &Latencies, among: &Latencies) {
    let what = format!(
        "{WORKERS} workers, {WORKERS} reports a second, {READERS} readers, {SUBSCRIBERS} subscribers"
    );
    report.add(Row::remark(what, "base: without readers and subscribers"));
    for (figure, of) in [
        (
            "p50 of a report, ms",
            (|spread| spread.p50) as fn(&Spread) -> f64,
        ),
        ("p95 of a report, ms", |spread| spread.p95),
        ("p99 of a report, ms", |spread| spread.p99),
        ("slowest report, ms", |spread| spread.max),
    ] {
        let row = Row::new(figure, of(&among.reports));
        report.add(row.base(of(&alone.reports)).ratio());
    }
    let spread = |one: &Latencies| one.reports.p99 / one.reports.p50;
    let spread = Row::new("p99 / p50", spread(among)).base(spread(alone));
    report.add(spread.limit(Limit::Figure(5.0)));
    report.add(Row::new("lists a second", among.reads));
    report.add(Row::new("changes delivered", as_f64(among.delivered)));
}
