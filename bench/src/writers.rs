//! The command `writers`: what the server's triggers, and the server, cost writers of plain SQL.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use clap::Args;
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::time;

use crate::{
    cluster::Cluster,
    crowd::Crowd,
    database::Database,
    feed::{note, server_binary, version},
    measure::as_f64,
    operations,
    process::{self, Process},
    report::{Report, Row},
    series::Series,
    target::serve,
    workload::Writers,
};

/// How many write at a time.
const CONNECTIONS: [u32; 2] = [8, 32];
/// How often each way of writing is measured.
const PAIRS: usize = 3;
/// How long the first pair takes, which is not counted.
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
        "the triggers, and a server that tells one subscriber of every new run and status",
    );
    report.about(
        "without",
        "the same tables, their triggers disabled, and no server",
    );
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
        let pool = pool.connect(&database.url()?).await?;
        let bench = Bench {
            cluster: Cluster::of(&pool).await?,
            pool,
            connections,
            program: program.clone(),
            url: database.url()?,
        };
        let time = Duration::from_secs(seconds.into());
        note(&format!("{connections} connections"));
        bench.pair(WARM_UP).await?;
        let mut pairs = Vec::new();
        for _ in 0..PAIRS {
            pairs.push(bench.pair(time).await?);
        }
        add_rows(report, connections, &pairs);
        bench.pool.close().await;
    }
    Ok(())
}

/// Brings the tables of a new database up to date.
async fn migrate(program: &Path, url: &str) -> Result<()> {
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
    /// Measures without, then with.
    async fn pair(&self, time: Duration) -> Result<[Cost; 2]> {
        self.set_triggers("DISABLE").await?;
        let without = self.measure(time, None).await?;
        self.set_triggers("ENABLE").await?;
        let server = serve(&self.program, &self.url).await?;
        let payloads = operations::of_everything();
        let nothing = Arc::new(Series::new(2, 1));
        let subscriber = Crowd::gather(server.address, payloads, nothing).await?;
        let with = self.measure(time, Some(&server)).await?;
        let heard = subscriber.dismiss().await?;
        // These changes are of no series, so that the first is kept as what it did not understand.
        let first = heard.first().and_then(|heard| heard.trouble.as_deref());
        if !first.is_some_and(|first| first.contains("syncRunChanged")) {
            bail!("the subscriber was told of nothing: {first:?}");
        }
        server.stop().await?;
        Ok([without, with])
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

fn add_rows(report: &mut Report, connections: u32, pairs: &[[Cost; 2]]) {
    let name = format!("{connections} connections");
    let mut add = |figure: &str, of: fn(&Cost) -> f64| {
        let [without, with] = [0, 1].map(|side| {
            let figures = pairs.iter().map(|pair| of(&pair[side]));
            median(figures.collect())
        });
        let row = Row::new(format!("{name}: {figure}"), with).base(without);
        report.add(row.ratio());
    };
    add("PostgreSQL's CPU us a write", |cost| cost.cluster);
    add("server's CPU us a write", |cost| cost.server);
    add("writes a second", |cost| cost.rate);
    let ratios = pairs
        .iter()
        .map(|[without, with]| with.cluster / without.cluster);
    let ratios: Vec<_> = ratios.map(|ratio| format!("{ratio:.2}")).collect();
    report.add(Row::remark(
        format!("{name}: PostgreSQL's CPU, ratio of each pair"),
        ratios.join(", "),
    ));
}

/// The middle one of an odd number of figures.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
