//! The command `feed`: what live views cost the server, beside what a bare broadcast costs.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use crate::{
    database::Database,
    idle::{self, Footprint},
    measure::{Measured, Pace, Spread, as_f64, measure},
    operations,
    process::{self, raise_file_limit},
    report::{Limit, Report, Row},
    stopped::{self, Outcome},
    target::{Messages, Target},
};

/// Files that are open besides the subscribers' sockets.
const OTHER_FILES: usize = 500;

/// Measure live views: the floor (a bare broadcast), then the server
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A database of a PostgreSQL server, where one of the bench's own is made [default: an SQLite file]
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// Subscribers that watch all changes
    #[arg(long, default_value_t = 1000, value_name = "NUMBER")]
    subscribers: usize,
    /// Changes a second
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(2..), value_name = "NUMBER")]
    rate: u32,
    /// How long each measurement takes
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..), value_name = "NUMBER")]
    seconds: u32,
    /// Subscribers that idle
    #[arg(long, default_value_t = 5000, value_name = "NUMBER")]
    idle_subscribers: usize,
    /// Measure only the subscribers that watch, with so many different operations
    #[arg(long, value_name = "NUMBER")]
    operations: Option<usize>,
    /// The server's binary [default: sync-history beside this one]
    #[arg(long, value_name = "PATH")]
    server: Option<PathBuf>,
    /// Write the figures to a file as well, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// The server's binary, as given, or beside this one.
pub(crate) fn server_binary(given: Option<&PathBuf>) -> Result<PathBuf> {
    match given {
        Some(path) => Ok(path.clone()),
        None => Ok(std::env::current_exe()?.with_file_name("sync-history")),
    }
}

/// What a program calls itself.
pub(crate) async fn version(program: &PathBuf) -> Result<String> {
    let output = tokio::process::Command::new(program)
        .arg("--version")
        .output();
    let output = output.await;
    let output = output.with_context(|| format!("cannot run {}", program.display()))?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// Measures, and prints.
pub(crate) async fn run(options: Options) -> Result<()> {
    let sockets = options.subscribers.max(options.idle_subscribers);
    raise_file_limit((sockets + OTHER_FILES) as u64)?;
    let database = Database::create(options.database_url.as_deref()).await?;
    let report = Scenario::new(&options, &database).await;
    let report = match report {
        Ok(scenario) => scenario.play().await,
        Err(error) => Err(error),
    };
    database.remove().await?;
    report?.publish(options.json.as_deref())
}

/// The measurements, one after the other, and what they are made with.
struct Scenario<'a> {
    options: &'a Options,
    pace: Pace,
    floor: Target,
    server: Target,
    report: Report,
}

/// What was seen of the floor.
struct Floor {
    measured: Measured,
    /// CPU time, in seconds, that the same changes take without subscribers.
    writes: f64,
}

impl<'a> Scenario<'a> {
    async fn new(options: &'a Options, database: &Database) -> Result<Self> {
        let program = server_binary(options.server.as_ref())?;
        let mut report = Report::new(["floor", "server"]);
        report.about("server", version(&program).await?);
        report.about("database", database.kind().await?);
        report.about("processor", process::processor()?);
        let server = Target::Server {
            program,
            database: database.url()?,
        };
        let messages = Messages::sample(&server).await?;
        let (rate, seconds) = (options.rate, options.seconds);
        report.about(
            "load",
            format!(
                "{} subscribers x {rate} changes a second for {seconds} s, messages of {} bytes",
                options.subscribers,
                messages.bytes()
            ),
        );
        Ok(Self {
            options,
            pace: Pace { rate, seconds },
            floor: Target::Floor(messages),
            server,
            report,
        })
    }

    async fn play(mut self) -> Result<Report> {
        let payloads = |different| operations::by_turns(self.options.subscribers, different);
        note("floor");
        let measured = measure(&self.floor, payloads(1), self.pace).await?;
        let writes = measure(&self.floor, Vec::new(), self.pace).await?.cpu;
        let floor = Floor { measured, writes };
        note("server, writes without subscribers");
        let writes = measure(&self.server, Vec::new(), self.pace).await?;
        self.add_writes(&floor, &writes);
        let different = self.options.operations;
        for different in different.map_or(vec![1, 50], |number| vec![number]) {
            note(&format!("server, {different} different operations"));
            let measured = measure(&self.server, payloads(different), self.pace).await?;
            self.add_live(different, &floor, &measured, writes.cpu);
        }
        if different.is_some() {
            return Ok(self.report);
        }
        let idle_subscribers = self.options.idle_subscribers;
        note("floor, idle");
        let base = idle::measure(&self.floor, idle_subscribers).await?;
        note("server, idle");
        let idle = idle::measure(&self.server, idle_subscribers).await?;
        self.add_idle(&base, &idle);
        note("server, with a reader that stops");
        let outcome = stopped::measure(&self.server, self.pace).await?;
        self.add_stopped(&outcome);
        Ok(self.report)
    }

    fn add_writes(&mut self, floor: &Floor, writes: &Measured) {
        let row = Row::new("no subscribers: CPU s", writes.cpu).base(floor.writes);
        self.report.add(row);
        self.add_spread("no subscribers: ms to be answered", None, writes.writing);
    }

    /// `writes` is the CPU time, in seconds, that the changes take without subscribers.
    fn add_live(&mut self, different: usize, floor: &Floor, live: &Measured, writes: f64) {
        let name = match different {
            1 => "1 operation".to_owned(),
            _ => format!("{different} operations"),
        };
        let base = &floor.measured;
        let limit = Limit::Ratio(if different == 1 { 1.3 } else { 2.0 });
        let cpu = |how, taken_off, base_taken_off| {
            let row = Row::new(
                format!("{name}: CPU us a delivery, writes {how}"),
                live.cpu_per_delivery(taken_off),
            );
            let base = base.cpu_per_delivery(base_taken_off);
            row.base(base).ratio().limit(limit)
        };
        self.report.add(cpu("taken off", writes, floor.writes));
        self.report.add(cpu("included", 0.0, 0.0));
        let mut rate = |what, of: fn(&Measured) -> f64| {
            let row = Row::new(format!("{name}: {what}"), of(live) / live.seconds);
            self.report.add(row.base(of(base) / base.seconds));
        };
        rate("deliveries a second", |seen| as_f64(seen.deliveries));
        rate("cores busy in it", |seen| seen.cpu);
        rate("cores busy in the load", |seen| seen.load_cpu);
        rate("cores busy elsewhere", |seen| seen.other_cpu);
        let mut count = |what, of: fn(&Measured) -> usize| {
            let [live, base] = [live, base].map(|seen| as_f64(of(seen) as u64));
            let row = Row::new(format!("{name}: {what}"), live).base(base);
            self.report.add(row.limit(Limit::Figure(0.0)));
        };
        count("changes refused", |seen| seen.refused);
        count("lost", |seen| seen.lost);
        count("came twice", |seen| seen.duplicates);
        count("out of order", |seen| seen.misordered);
        let growth = Row::new(format!("{name}: growth of memory, MiB"), live.growth);
        self.report.add(growth.base(base.growth));
        self.add_spreads(&name, base, live);
    }

    fn add_spreads(&mut self, name: &str, base: &Measured, live: &Measured) {
        let bases = (Some(base.since_answer), Some(base.since_request));
        self.add_spread(
            &format!("{name}: ms from answer to receipt"),
            bases.0,
            live.since_answer,
        );
        self.add_spread(
            &format!("{name}: ms from request to receipt"),
            bases.1,
            live.since_request,
        );
        self.add_spread(
            &format!("{name}: ms to be answered"),
            Some(base.writing),
            live.writing,
        );
        if let Some(trouble) = &live.trouble {
            self.report
                .add(Row::remark(format!("{name}: trouble"), trouble.clone()));
        }
    }

    fn add_spread(&mut self, name: &str, base: Option<Spread>, measured: Spread) {
        let figures = |spread: Spread| [spread.p50, spread.p95, spread.p99, spread.max];
        let bases = base.map(figures);
        let names = ["p50", "p95", "p99", "max"];
        for (n, (which, figure)) in names.into_iter().zip(figures(measured)).enumerate() {
            let mut row = Row::new(format!("{name}, {which}"), figure);
            if let Some(bases) = bases {
                row = row.base(bases[n]);
            }
            if which == "p99" && name.ends_with("receipt") {
                row = row.limit(Limit::Figure(100.0));
            }
            self.report.add(row);
        }
    }

    fn add_idle(&mut self, base: &Footprint, idle: &Footprint) {
        let name = format!("{} idle", self.options.idle_subscribers);
        let all = as_f64(self.options.idle_subscribers as u64);
        let reached = |footprint: &Footprint| as_f64(footprint.reached as u64);
        let rows = [
            Row::new(format!("{name}: KiB each, resident"), idle.resident)
                .base(base.resident)
                .ratio()
                .limit(Limit::Figure(12.0)),
            Row::new(format!("{name}: KiB each, proportional"), idle.proportional)
                .base(base.proportional)
                .ratio(),
            Row::new(
                format!("{name}: KiB each after a run's changes"),
                idle.after_changes,
            )
            .base(base.after_changes)
            .ratio(),
            Row::new(format!("{name}: cores busy"), idle.cores).base(base.cores),
            Row::new(format!("{name}: received a run's changes"), reached(idle))
                .base(reached(base))
                .limit(Limit::Least(all)),
        ];
        for row in rows {
            self.report.add(row);
        }
    }

    fn add_stopped(&mut self, outcome: &Outcome) {
        let Outcome { measured, end } = outcome;
        let growth = Row::new("stopped reader: growth of memory, MiB", measured.growth);
        self.report.add(growth);
        let others = Row::new(
            "stopped reader: lost by others",
            as_f64(measured.lost as u64),
        );
        self.report.add(others.limit(Limit::Figure(0.0)));
        self.report.add(Row::remark(
            "stopped reader: when it reads on",
            end.to_string(),
        ));
    }
}

/// Tells on standard error what is being measured.
pub(crate) fn note(what: &str) {
    eprintln!("measuring: {what}");
}
