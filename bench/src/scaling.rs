//! `bench scaling`: pages and counts in databases of several sizes, which should cost the same.

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::{Value, json};

use crate::{
    fill::Content,
    instance::Instance,
    load::{Connection, RequestTemplate},
    progress,
    report::{Report, Row, Target},
    requests::sample,
    server::ServerBinary,
    stats::median,
};

/// Visits to each query. All others are measured between two of them, so that a short disturbance of the machine
/// affects a part of a query's rounds only.
const VISITS: usize = 5;
/// Rounds of a visit, each over all databases.
const ROUNDS: usize = 5;
/// Requests of one measurement.
const REQUESTS: u32 = 60;
/// Cursors in the middle of the list, used in turn.
const CURSORS: usize = 20;
/// Filters of lists in order of `startedAt`.
const FILTERS: [&str; 8] = [
    "",
    "status: FAILED",
    "source: API",
    "entityType: STOCK",
    "status: FAILED, source: API",
    "status: FAILED, entityType: STOCK",
    "entityType: STOCK, source: API",
    "status: [FAILED, CANCELLED]",
];
/// Other orders of the list of all runs.
const ORDERS: [&str; 4] = [
    "COMPLETED_AT",
    "DURATION",
    "RECORDS_PROCESSED",
    "RECORDS_FAILED",
];
const PAGE_SIZE: usize = 20;
/// Upper limit of counts, which the smallest database reaches too.
const COUNT_LIMIT: u64 = 50;
const FIELDS: &str = "id status startedAt recordsProcessed";

/// Compare the cost of pages and counts in databases of several sizes (medians of 25 rounds)
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
    /// Repetitions of the whole measurement
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..), value_name = "NUMBER")]
    times: u32,
    #[command(flatten)]
    server: ServerBinary,
}

pub(crate) async fn run(options: Options) -> Result<()> {
    let mut instances = Vec::new();
    for size in &options.sizes {
        instances.push(SampledInstance::start(&options, *size).await?);
    }
    let report = measure_all(&options, &instances).await;
    for SampledInstance { instance, .. } in instances {
        instance.stop().await?;
    }
    report?.print();
    Ok(())
}

async fn measure_all(options: &Options, instances: &[SampledInstance]) -> Result<Report> {
    let first = instances.first().context("no sizes")?;
    let mut report = Report::new(["smallest", "larger"]);
    options.server.describe(&mut report).await?;
    report.condition("database", first.instance.client.version().await?);
    let rounds = VISITS * ROUNDS;
    report.condition(
        "figures",
        format!("CPU of server and database per request, medians of {rounds} rounds"),
    );
    let is_postgres = options.database_url.is_some();
    let target = Target::RatioAtMost(if is_postgres { 1.2 } else { 1.3 });
    for time in 1..=options.times {
        progress(&format!("repetition {time} of {}", options.times));
        for Measured { name, costs, .. } in measure(instances).await? {
            let costs: Vec<_> = costs.into_iter().map(median).collect();
            for (SampledInstance { instance, .. }, cost) in instances.iter().zip(&costs).skip(1) {
                let figure = format!("{time}. {name}, {} runs: CPU (us)", instance.size);
                report.add(Row::new(figure, *cost).baseline(costs[0]).target(target));
            }
        }
    }
    Ok(report)
}

struct SampledInstance {
    instance: Instance,
    /// Runs of all ages.
    runs: Vec<sample::Position>,
}

/// A page or a count.
struct Query {
    name: String,
    text: String,
    /// The order in which the page is in the middle; `None` if it is the first or the last.
    middle_of: Option<&'static str>,
}

/// The measurements of a query; those of each database at the index of its instance.
struct Measured {
    name: String,
    requests: Vec<Vec<RequestTemplate>>,
    /// CPU time per request in microseconds, of each round.
    costs: Vec<Vec<f64>>,
}

fn queries() -> Vec<Query> {
    let filters = FILTERS.map(|filter| (filter, "STARTED_AT"));
    let orders = ORDERS.map(|order| ("", order));
    let lists = filters.into_iter().chain(orders);
    let queries = lists.flat_map(|(filter, order)| {
        let query = |page: &str, arguments: &str, selection: &str, middle_of| Query {
            name: format!("{order} {filter}: {page}").replace(" :", ":"),
            text: format!(
                "query($after: String) {{ syncRuns(filter: {{{filter}}}, \
                 orderBy: {{field: {order}, direction: DESC}}, after: $after, {arguments}) \
                 {{ {selection} }} }}"
            ),
            middle_of,
        };
        let nodes = format!("nodes {{ {FIELDS} }}");
        let [first, last] = ["first", "last"].map(|end| format!("{end}: {PAGE_SIZE}"));
        let count = format!("totalCount(upTo: {COUNT_LIMIT})");
        [
            query("first page", &first, &nodes, None),
            query("middle", &first, &nodes, Some(order)),
            query("last page", &last, &nodes, None),
            query("count", "first: 1", &count, None),
        ]
    });
    queries.collect()
}

async fn measure(instances: &[SampledInstance]) -> Result<Vec<Measured>> {
    let mut all = Vec::new();
    for query in queries() {
        let mut requests = Vec::new();
        for instance in instances {
            requests.push(instance.requests(&query).await?);
        }
        all.push(Measured {
            name: query.name,
            requests,
            costs: vec![Vec::new(); instances.len()],
        });
    }
    for _ in 0..VISITS {
        for measured in &mut all {
            measured.visit(instances).await?;
        }
    }
    Ok(all)
}

impl Measured {
    async fn visit(&mut self, instances: &[SampledInstance]) -> Result<()> {
        // The first round reads from disk, and does not count.
        for round in 0..=ROUNDS {
            for (n, instance) in instances.iter().enumerate() {
                let cost = instance.instance.send(&self.requests[n], REQUESTS).await?;
                if round > 0 {
                    self.costs[n].push(cost.cpu.as_secs_f64() * 1e6);
                }
            }
        }
        Ok(())
    }
}

impl SampledInstance {
    async fn start(options: &Options, size: u64) -> Result<Self> {
        let database_url = options.database_url.as_deref();
        let content = Content::of_runs(size);
        let instance = Instance::start(&options.server, database_url, content).await?;
        let mut connection = Connection::open(instance.server.address).await?;
        Ok(Self {
            runs: sample::evenly_spread(&mut connection).await?,
            instance,
        })
    }

    /// Returns requests that are sent in turn.
    ///
    /// # Errors
    /// Fails if a page is not full or a count below its limit: they would cost less than in other databases.
    async fn requests(&self, query: &Query) -> Result<Vec<RequestTemplate>> {
        let mut connection = Connection::open(self.instance.server.address).await?;
        let cursors = match query.middle_of {
            Some(order) => self.middle(order, &mut connection).await?,
            None => vec![Value::Null],
        };
        let mut requests = Vec::new();
        for cursor in cursors {
            let variables = json!({"after": cursor});
            let response = connection.query(&query.text, &variables).await?;
            let runs = &response["data"]["syncRuns"];
            let is_full = match runs["nodes"].as_array() {
                Some(nodes) => nodes.len() == PAGE_SIZE,
                None => runs["totalCount"] == COUNT_LIMIT,
            };
            ensure!(
                is_full,
                "{}, {} runs: too few runs: {response}",
                query.name,
                self.instance.size
            );
            requests.push(RequestTemplate::graphql(&query.text, &variables));
        }
        ensure!(!requests.is_empty(), "{}: no cursors", query.name);
        Ok(requests)
    }

    /// Returns cursors of runs in the middle half of the list in some order.
    async fn middle(&self, order: &str, connection: &mut Connection) -> Result<Vec<Value>> {
        let (first, step) = (self.runs.len() / 4, self.runs.len() / 2 / CURSORS);
        let query = format!(
            "query($id: ID!) {{ syncRuns(filter: {{id: [$id]}}, \
             orderBy: {{field: {order}, direction: DESC}}) {{ edges {{ cursor }} }} }}"
        );
        let mut cursors = Vec::new();
        for run in self.runs.iter().skip(first).step_by(step).take(CURSORS) {
            let mut response = connection.query(&query, &json!({"id": run.id})).await?;
            let cursor = response.pointer_mut("/data/syncRuns/edges/0/cursor");
            cursors.push(cursor.context("the run is not found by its id")?.take());
        }
        Ok(cursors)
    }
}
