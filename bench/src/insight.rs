//! `bench insight`: the queries of operators, in databases of several sizes with a thousand runs a day.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::{Value, json};
use tokio::time;

use crate::{
    fill::Content,
    instance::{Cost, Instance},
    load::{Connection, RequestTemplate},
    progress,
    report::{Report, Row, Target},
    server::ServerBinary,
    stats::median,
};

const RUNS_PER_DAY: u64 = 1_000;
/// The smallest database has these days, and a few more.
const GROWTH_DAYS: &str = "2026-10-25T00:00:00Z";
const THIRTY_DAYS: &str = "2026-10-02T00:00:00Z";
const END: &str = "2026-11-01T00:00:00Z";
const ROUNDS: usize = 15;
/// Requests of one measurement.
const REQUESTS: u32 = 5;
/// How often to check whether the error messages of a filled database are indexed.
const INDEX_INTERVAL: Duration = Duration::from_secs(1);

const FRESHNESS: &str = "query { syncFreshness { entityType source state lastRun { id } \
    lastSuccess { id } expectedIntervalSeconds consecutiveFailures lateAt } }";
const STATISTICS: &str = "query($filter: SyncRunFilter) { \
    syncRunStats(filter: $filter, groupBy: [ENTITY_TYPE, SOURCE], bucket: DAY) { \
    entityType source bucketStart runs failed successRate averageDurationSeconds p50DurationSeconds \
    p95DurationSeconds maxDurationSeconds recordsProcessed } }";
const FAILURE_GROUPS: &str = "query($filter: SyncRunFilter) { syncFailureGroups(filter: $filter) { \
    groups { fingerprint message runs firstFailedAt lastFailedAt pairs { entityType source } \
    sampleRun { id } } runsRead isComplete } }";
const SEARCH: &str = "query($filter: SyncRunFilter) { syncRuns(filter: $filter, first: 20) { \
    nodes { id startedAt errorMessage } } }";

/// Measure freshness, statistics, failure groups and text search in databases of several sizes
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// PostgreSQL database on this machine, on whose server scratch databases are created, as a superuser
    /// [default: scratch SQLite files]
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// Numbers of runs of the databases; the others are compared with the first
    #[arg(
        long,
        default_value = "10000,1000000",
        value_delimiter = ',',
        value_name = "NUMBER"
    )]
    sizes: Vec<u64>,
    /// Databases filled by `bench fill --runs-per-day 1000 --events 0`, the smallest first, instead of scratch databases
    #[arg(long, value_delimiter = ',', conflicts_with_all = ["database_url", "sizes"], value_name = "URL")]
    databases: Vec<String>,
    /// Repetitions of the whole measurement
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..), value_name = "NUMBER")]
    times: u32,
    #[command(flatten)]
    server: ServerBinary,
}

/// A query and its target.
struct Query {
    name: &'static str,
    text: &'static str,
    filter: Value,
    /// A list of the response that must not be empty, since it would cost less than a useful one.
    expects: Option<&'static str>,
    /// Milliseconds in the larger databases.
    target: Milliseconds,
    /// Whether it reads the same number of runs in every database.
    is_constant: bool,
}

enum Milliseconds {
    Latency(f64),
    Cpu(f64),
    Any,
}

pub(crate) async fn run(options: Options) -> Result<()> {
    let instances = start(&options).await?;
    for instance in &instances {
        instance.wait_until_indexed().await?;
    }
    let report = measure_all(&options, &instances).await;
    for instance in instances {
        instance.stop().await?;
    }
    report?.print();
    Ok(())
}

async fn start(options: &Options) -> Result<Vec<Instance>> {
    let mut instances = Vec::new();
    for url in &options.databases {
        instances.push(Instance::open(&options.server, url).await?);
    }
    if !instances.is_empty() {
        return Ok(instances);
    }
    for runs in &options.sizes {
        let content = Content {
            runs: *runs,
            runs_per_day: RUNS_PER_DAY,
            events_per_run: 0,
        };
        let url = options.database_url.as_deref();
        instances.push(Instance::start(&options.server, url, content).await?);
    }
    Ok(instances)
}

async fn measure_all(options: &Options, instances: &[Instance]) -> Result<Report> {
    let first = instances.first().context("no sizes")?;
    let mut report = Report::new(["smallest", "larger"]);
    options.server.describe(&mut report).await?;
    report.condition("database", first.client.version().await?);
    report.condition(
        "figures",
        format!("per request, medians of {ROUNDS} rounds; CPU of server and database"),
    );
    let queries = queries();
    for query in &queries {
        for instance in instances.iter().skip(1) {
            query.check(instance).await?;
        }
    }
    for time in 1..=options.times {
        progress(&format!("repetition {time} of {}", options.times));
        for query in &queries {
            for row in query.measure(time, instances).await? {
                report.add(row);
            }
        }
    }
    Ok(report)
}

fn queries() -> Vec<Query> {
    let query = |name, text, filter| Query {
        name,
        text,
        filter,
        expects: None,
        target: Milliseconds::Any,
        is_constant: false,
    };
    let since = |start: &str| json!({"startedAt": {"gte": start, "lt": END}});
    let search = |name, text: &str| Query {
        target: Milliseconds::Latency(20.0),
        ..query(name, SEARCH, json!({"errorContains": text}))
    };
    vec![
        Query {
            expects: Some("/data/syncFreshness"),
            target: Milliseconds::Latency(20.0),
            ..query("freshness of all pairs", FRESHNESS, json!(null))
        },
        Query {
            expects: Some("/data/syncRunStats"),
            target: Milliseconds::Cpu(250.0),
            ..query(
                "statistics of 30 days by pair and day",
                STATISTICS,
                since(THIRTY_DAYS),
            )
        },
        Query {
            expects: Some("/data/syncRunStats"),
            is_constant: true,
            ..query(
                "statistics of 7 days by pair and day",
                STATISTICS,
                since(GROWTH_DAYS),
            )
        },
        Query {
            expects: Some("/data/syncFailureGroups/groups"),
            target: Milliseconds::Latency(100.0),
            is_constant: true,
            ..query(
                "failure groups of 7 days",
                FAILURE_GROUPS,
                since(GROWTH_DAYS),
            )
        },
        Query {
            expects: Some("/data/syncRuns/nodes"),
            ..search("errorContains, a frequent term", "timeout")
        },
        Query {
            expects: Some("/data/syncRuns/nodes"),
            ..search("errorContains, a rare term", "checksum")
        },
        search("errorContains, no match", "segmentation"),
    ]
}

impl Query {
    fn variables(&self) -> Value {
        json!({"filter": self.filter})
    }

    async fn check(&self, instance: &Instance) -> Result<()> {
        let mut connection = Connection::open(instance.server.address).await?;
        let response = connection.query(self.text, &self.variables()).await?;
        let is_empty = self.expects.is_some_and(|path| {
            let list = response.pointer(path).and_then(Value::as_array);
            list.is_none_or(Vec::is_empty)
        });
        ensure!(
            !is_empty,
            "{}, {} runs: {response}",
            self.name,
            instance.size
        );
        Ok(())
    }

    async fn measure(&self, time: u32, instances: &[Instance]) -> Result<Vec<Row>> {
        let request = [RequestTemplate::graphql(self.text, &self.variables())];
        let mut costs = vec![Vec::new(); instances.len()];
        // The first round reads from disk, and does not count.
        for round in 0..=ROUNDS {
            for (instance, costs) in instances.iter().zip(&mut costs) {
                let cost = instance.send(&request, REQUESTS).await?;
                if round > 0 {
                    costs.push(cost);
                }
            }
        }
        let larger = instances.iter().zip(&costs).skip(1);
        let rows =
            larger.flat_map(|(instance, larger)| self.rows(time, instance.size, &costs[0], larger));
        Ok(rows.collect())
    }

    fn rows(&self, time: u32, size: u64, smallest: &[Cost], larger: &[Cost]) -> Vec<Row> {
        let row = |figure: &str, of: fn(&Cost) -> Duration| {
            let median = |costs: &[Cost]| median(costs.iter().map(|cost| milliseconds(of(cost))));
            let name = format!("{time}. {}, {size} runs: {figure} (ms)", self.name);
            Row::new(name, median(larger)).baseline(median(smallest))
        };
        let (latency, cpu) = match self.target {
            Milliseconds::Latency(bound) => (Some(Target::AtMost(bound)), None),
            Milliseconds::Cpu(bound) => (None, Some(Target::AtMost(bound))),
            Milliseconds::Any => (None, None),
        };
        let growth = self.is_constant.then_some(Target::RatioAtMost(1.3));
        vec![
            row("latency", |cost| cost.latency).target(latency),
            row("CPU", |cost| cost.cpu).target(growth.or(cpu)),
        ]
    }
}

impl Instance {
    /// Waits until the server has indexed all error messages.
    async fn wait_until_indexed(&self) -> Result<()> {
        while self.client.count_unindexed().await? > 0 {
            time::sleep(INDEX_INTERVAL).await;
        }
        self.client.vacuum().await
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
