//! The command `writers`: what the server's triggers, and the server, cost writers of plain SQL.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use clap::Args;
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time;

use crate::{
    cluster::Cluster,
    crowd::Crowd,
    database::Database,
    feed::{note, server_binary, version},
    measure::as_f64,
    operations,
    process::{self, Process},
    report::{Limit, Report, Row},
    series::Series,
    target::serve,
    workload::Writers,
};

/// How many write at a time.
const CONNECTIONS: [u32; 2] = [8, 32];
/// How often each way of writing is measured.
const ROUNDS: usize = 5;
/// How long each measurement of the first round takes, which is not counted.
const WARM_UP: Duration = Duration::from_secs(1);
const TABLES: [&str; 2] = ["sync_history.sync_history", "sync_history.sync_event"];

/// Measure what writers of plain SQL pay for the triggers, and for a server that follows them
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A database of a PostgreSQL server on this machine, where one of the bench's own is made
    #[arg(long, value_name = "URL")]
    database_url: String,
    /// How long each measurement takes
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
    let program = server_binary(options.server.as_ref())?;
    let mut report = Report::new(["without", "with"]);
    report.about("server", version(&program).await?);
    let database = Database::create(Some(&options.database_url)).await?;
    report.about("database", database.kind().await?);
    report.about("processor", process::processor()?);
    report.about(
        "with",
        "the triggers; and then, besides, a server that tells one subscriber of every new run and status",
    );
    report.about(
        "without",
        "the same tables, their triggers disabled, and no server",
    );
    report.about("commits", "synchronous, as by default");
    let measured = measure_all(&database, program, options.seconds, &mut report).await;
    database.remove().await?;
    measured?;
    report.publish(options.json.as_deref())
}

/// What one measurement saw.
#[derive(Clone, Copy, Debug)]
struct Cost {
    /// Microseconds of the cluster's CPU for each write.
    cluster: f64,
    /// Microseconds of the server's CPU for each write.
    server: f64,
    /// Writes a second.
    rate: f64,
}

async fn measure_all(
    database: &Database,
    program: PathBuf,
    seconds: u32,
    report: &mut Report,
) -> Result<()> {
    migrate(&program, &database.url()?).await?;
    for connections in CONNECTIONS {
        let pool = PgPoolOptions::new().max_connections(connections + 1);
        let options: PgConnectOptions = database.url()?.parse()?;
        // A cluster for tests may have it off, which would make a write cheaper than it is.
        let options = options.options([("synchronous_commit", "on")]);
        let pool = pool.connect_with(options).await?;
        let bench = Bench {
            cluster: Cluster::of(&pool).await?,
            pool,
            connections,
            program: program.clone(),
            url: database.url()?,
        };
        let time = Duration::from_secs(seconds.into());
        note(&format!("{connections} connections"));
        bench.round(WARM_UP).await?;
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            rounds.push(bench.round(time).await?);
        }
        add_rows(report, connections, &rounds);
        bench.pool.close().await;
    }
    Ok(())
}

/// Brings the tables of a new database up to date.
pub(crate) async fn migrate(program: &Path, url: &str) -> Result<()> {
    let migrate = tokio::process::Command::new(program)
        .args(["migrate", "--database-url", url])
        .env("RUST_LOG", "warn")
        .status();
    let status = migrate.await.context("cannot run the server")?;
    if status.success() {
        return Ok(());
    }
    bail!("the tables cannot be made: {status}")
}

/// So many writers on one database.
struct Bench {
    cluster: Cluster,
    pool: PgPool,
    connections: u32,
    program: PathBuf,
    url: String,
}

impl Bench {
    /// Measures without triggers, with them, and with a server besides.
    async fn round(&self, time: Duration) -> Result<[Cost; 3]> {
        self.set_triggers("DISABLE").await?;
        let without = self.measure(time, None).await?;
        self.set_triggers("ENABLE").await?;
        let triggers = self.measure(time, None).await?;
        let server = serve(&self.program, &self.url).await?;
        let payloads = operations::of_everything();
        let nothing = Arc::new(Series::new(2, 1));
        let subscriber = Crowd::gather(server.address, payloads, nothing).await?;
        let followed = self.measure(time, Some(&server)).await?;
        let heard = subscriber.dismiss().await?;
        // These changes are of no series, so that the first is kept as what it did not understand.
        let first = heard.first().and_then(|heard| heard.trouble.as_deref());
        if !first.is_some_and(|first| first.contains("syncRunChanged")) {
            bail!("the subscriber was told of nothing: {first:?}");
        }
        server.stop().await?;
        Ok([without, triggers, followed])
    }

    async fn set_triggers(&self, how: &str) -> Result<()> {
        for table in TABLES {
            let sql = format!("ALTER TABLE {table} {how} TRIGGER USER");
            sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
                .execute(&self.pool)
                .await?;
        }
        Ok(())
    }

    async fn measure(&self, time: Duration, server: Option<&Process>) -> Result<Cost> {
        let writers = Writers::start(&self.pool, self.connections).await;
        let server_cpu = || match server {
            Some(server) => anyhow::Ok(server.usage()?.cpu),
            None => Ok(Duration::ZERO),
        };
        let begin = Instant::now();
        let before = (self.cluster.cpu()?, server_cpu()?, writers.written());
        time::sleep(time).await;
        let after = (self.cluster.cpu()?, server_cpu()?, writers.written());
        let seconds = begin.elapsed().as_secs_f64();
        writers.stop().await?;
        let count = as_f64(after.2 - before.2);
        Ok(Cost {
            cluster: after.0.saturating_sub(before.0).as_secs_f64() * 1e6 / count,
            server: after.1.saturating_sub(before.1).as_secs_f64() * 1e6 / count,
            rate: count / seconds,
        })
    }
}

fn add_rows(report: &mut Report, connections: u32, rounds: &[[Cost; 3]]) {
    let name = format!("{connections} connections");
    let median_of = |side: usize, of: fn(&Cost) -> f64| {
        median(rounds.iter().map(|round| of(&round[side])).collect())
    };
    for (side, with) in [(1, "triggers"), (2, "triggers and server")] {
        let mut add = |figure: &str, of: fn(&Cost) -> f64, limit: Option<Limit>| {
            let row = Row::new(format!("{name}, {with}: {figure}"), median_of(side, of));
            let row = row.base(median_of(0, of)).ratio();
            report.add(match limit {
                Some(limit) => row.limit(limit),
                None => row,
            });
        };
        let limit = (side == 1).then_some(Limit::Ratio(1.3));
        add("PostgreSQL's CPU us a write", |cost| cost.cluster, limit);
        add("server's CPU us a write", |cost| cost.server, None);
        add("writes a second", |cost| cost.rate, None);
        let ratios = rounds
            .iter()
            .map(|round| round[side].cluster / round[0].cluster);
        let ratios: Vec<_> = ratios.map(|ratio| format!("{ratio:.2}")).collect();
        report.add(Row::remark(
            format!("{name}, {with}: ratio of each round"),
            ratios.join(", "),
        ));
    }
}

/// The middle one of an odd number of figures.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
