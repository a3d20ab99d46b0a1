//! The command `flat`: whether pages cost the same in a small ledger and in a large one.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::{Value, json};

use crate::{
    cluster::Cluster,
    cpu::CpuClock,
    database::Database,
    feed::{note, server_binary, version},
    fill::fill,
    process::{self, Process},
    report::{Limit, Report, Row},
    requests::{Connection, Ids, Store, Template},
    writers::{median, migrate},
};

/// How often each page is come back to, after all the others: what disturbs the machine for a second or two
/// is not in all that is known of one page.
const VISITS: usize = 5;
/// How often a page is measured in each ledger, by turns, at each visit.
const ROUNDS: usize = 5;
/// Requests of one measurement.
const REQUESTS: u32 = 60;
/// Places in the middle of the list, asked for by turns.
const PLACES: usize = 20;
/// Filters of lists, newest first.
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
/// Other orders of the list of all.
const ORDERS: [&str; 4] = [
    "COMPLETED_AT",
    "DURATION",
    "RECORDS_PROCESSED",
    "RECORDS_FAILED",
];
/// Runs on a page.
const PAGE: usize = 20;
/// How far is counted: as many as there are in the smallest ledger, too.
const COUNT: u64 = 50;
/// A run as a list shows it.
const FIELDS: &str = "id status startedAt recordsProcessed";

/// Measure pages and counts in ledgers of several sizes, which are filled for it
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A database of a PostgreSQL server on this machine, where the bench's own are made, as a superuser
    /// [default: SQLite files in scratch folders]
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// How many runs each ledger has; the first is what the others are compared with
    #[arg(
        long,
        default_value = "10000,1000000",
        value_delimiter = ',',
        value_name = "NUMBER"
    )]
    sizes: Vec<u64>,
    /// How often all is measured, one run after the other
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..), value_name = "NUMBER")]
    times: u32,
    /// The server's binary [default: sync-history beside this one]
    #[arg(long, value_name = "PATH")]
    server: Option<PathBuf>,
    /// Write the figures to a file as well, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// A ledger of some size, and its server.
struct Ledger {
    size: u64,
    database: Database,
    store: Store,
    cluster: Option<Cluster>,
    server: Process,
    ids: Ids,
}

/// A page, or a count: what is asked for, and of which list it is in the middle, if it is.
struct Shape {
    name: String,
    query: String,
    middle: Option<&'static str>,
}

/// A shape as it is measured.
struct Measured {
    name: String,
    /// What is asked of each of the ledgers by turns.
    requests: Vec<Vec<Template>>,
    /// Microseconds of CPU for each request, round by round, in each of the ledgers.
    costs: Vec<Vec<f64>>,
}

/// Measures, and prints.
pub(crate) async fn run(options: Options) -> Result<()> {
    let program = server_binary(options.server.as_ref())?;
    let mut ledgers = Vec::new();
    for size in &options.sizes {
        let database = Database::create(options.database_url.as_deref()).await?;
        note(&format!("{size} runs"));
        ledgers.push(Ledger::start(&program, database, *size).await?);
    }
    let [first, ..] = &ledgers[..] else {
        anyhow::bail!("no sizes");
    };
    let mut report = Report::new(["smallest", "larger"]);
    report.about("server", version(&program).await?);
    report.about("database", first.store.kind().await?);
    report.about("processor", process::processor()?);
    let rounds = VISITS * ROUNDS;
    let cpu = format!("of server and database, for each request; medians of {rounds} rounds");
    report.about("CPU", cpu);
    let limit = if options.database_url.is_some() {
        1.2
    } else {
        1.3
    };
    for time in 1..=options.times {
        note(&format!("time {time} of {}", options.times));
        for Measured { name, costs, .. } in measure(&ledgers).await? {
            let costs: Vec<_> = costs.into_iter().map(median).collect();
            for (ledger, cost) in ledgers.iter().zip(&costs).skip(1) {
                let figure = format!("{time}. {name}, {} runs: CPU us", ledger.size);
                let row = Row::new(figure, *cost).base(costs[0]).ratio();
                report.add(row.limit(Limit::Ratio(limit)));
            }
        }
    }
    for ledger in ledgers {
        ledger.server.stop().await?;
        ledger.store.close().await;
        ledger.database.remove().await?;
    }
    report.publish(options.json.as_deref())
}

/// Everything that is said to cost the same.
fn shapes() -> Vec<Shape> {
    let filters = FILTERS.map(|filter| (filter, "STARTED_AT"));
    let orders = ORDERS.map(|order| ("", order));
    let lists = filters.into_iter().chain(orders);
    let shapes = lists.flat_map(|(filter, order)| {
        let query = |page: &str, select: &str| {
            let variables = if page.contains("$at") {
                "($at: String)"
            } else {
                ""
            };
            format!(
                "query{variables} {{ syncRuns(filter: {{{filter}}}, \
                 orderBy: {{field: {order}, direction: DESC}}, {page}) {{ {select} }} }}"
            )
        };
        let nodes = format!("nodes {{ {FIELDS} }}");
        let pages = [
            ("first page", query(&format!("first: {PAGE}"), &nodes), None),
            (
                "middle",
                query(&format!("first: {PAGE}, after: $at"), &nodes),
                Some(order),
            ),
            ("last page", query(&format!("last: {PAGE}"), &nodes), None),
            (
                "count",
                query("first: 1", &format!("totalCount(upTo: {COUNT})")),
                None,
            ),
        ];
        pages.map(|(page, query, middle)| Shape {
            name: format!("{order} {filter}: {page}").replace(" :", ":"),
            query,
            middle,
        })
    });
    shapes.collect()
}

/// What everything costs in each of the ledgers.
async fn measure(ledgers: &[Ledger]) -> Result<Vec<Measured>> {
    let mut all = Vec::new();
    for shape in shapes() {
        let mut requests = Vec::new();
        for ledger in ledgers {
            requests.push(ledger.requests(&shape).await?);
        }
        all.push(Measured {
            name: shape.name,
            requests,
            costs: vec![Vec::new(); ledgers.len()],
        });
    }
    for _ in 0..VISITS {
        for one in &mut all {
            one.visit(ledgers).await?;
        }
    }
    Ok(all)
}

impl Measured {
    /// Adds what it costs, several times.
    async fn visit(&mut self, ledgers: &[Ledger]) -> Result<()> {
        // The first round is not counted: what it asks for is read from disk.
        for round in 0..=ROUNDS {
            for (which, ledger) in ledgers.iter().enumerate() {
                let cost = ledger.ask(&mut self.requests[which]).await?;
                if round > 0 {
                    self.costs[which].push(cost.as_secs_f64() * 1e6 / f64::from(REQUESTS));
                }
            }
        }
        Ok(())
    }
}

impl Ledger {
    async fn start(program: &std::path::Path, database: Database, size: u64) -> Result<Self> {
        let url = database.url()?;
        migrate(program, &url).await?;
        fill(&url, size).await?;
        let store = Store::open(&url).await?;
        let arguments = ["--database-url", &url, "--listen", "127.0.0.1:0"];
        let rates = ["--max-rate", "4000000000", "--max-burst", "4000000000"];
        let server = Process::start(program, &[&arguments[..], &rates[..]].concat()).await?;
        Ok(Self {
            size,
            cluster: store.cluster().await?,
            database,
            store,
            server,
            ids: Ids::new(),
        })
    }

    /// What is asked by turns; each is answered in full, since half a page costs less than a page.
    async fn requests(&self, shape: &Shape) -> Result<Vec<Template>> {
        let mut requests = self.templates(shape).await?;
        let mut connection = Connection::open(self.server.address).await?;
        for request in &mut requests {
            let answer: Value =
                serde_json::from_slice(connection.ask(request.fill(&self.ids)).await?)?;
            let runs = &answer["data"]["syncRuns"];
            let is_full = match runs["nodes"].as_array() {
                Some(nodes) => nodes.len() == PAGE,
                None => runs["totalCount"] == COUNT,
            };
            ensure!(
                is_full,
                "{}, {} runs: too few: {answer}",
                shape.name,
                self.size
            );
        }
        Ok(requests)
    }

    async fn templates(&self, shape: &Shape) -> Result<Vec<Template>> {
        let template = |at: Value| {
            Template::new(
                "/graphql",
                &json!({"query": shape.query, "variables": {"at": at}}),
            )
        };
        let Some(order) = shape.middle else {
            return Ok(vec![template(Value::Null)]);
        };
        let places = self.store.places().await?;
        // Of the half in the middle, behind each of which is a page, whatever is filtered.
        let (first, step) = (places.len() / 4, places.len() / 2 / PLACES);
        let mut connection = Connection::open(self.server.address).await?;
        let mut requests = Vec::new();
        for (at, id) in places.into_iter().skip(first).step_by(step).take(PLACES) {
            let query = format!(
                "{{ syncRuns(filter: {{id: \"{id}\"}}, orderBy: {{field: {order}, direction: DESC}}) \
                 {{ edges {{ cursor }} }} }}"
            );
            let mut question = Template::new("/graphql", &json!({"query": query}));
            let answer = connection.ask(question.fill(&self.ids)).await?;
            let mut answer: Value = serde_json::from_slice(answer)?;
            let cursor = answer.pointer_mut("/data/syncRuns/edges/0/cursor");
            let cursor = cursor.with_context(|| format!("no run of {at}"))?;
            requests.push(template(cursor.take()));
        }
        ensure!(!requests.is_empty(), "no places");
        Ok(requests)
    }

    /// The CPU that so many requests take.
    async fn ask(&self, requests: &mut [Template]) -> Result<Duration> {
        // A new one: the server closes those that rest, as they do while another ledger is filled.
        let mut connection = Connection::open(self.server.address).await?;
        let before = self.clocks()?;
        for turn in 0..REQUESTS as usize {
            let which = turn % requests.len();
            connection.ask(requests[which].fill(&self.ids)).await?;
        }
        let after = self.clocks()?;
        let taken = after.iter().zip(&before);
        Ok(taken.map(|(after, before)| after.since(before)).sum())
    }

    fn clocks(&self) -> Result<Vec<CpuClock>> {
        let mut clocks = vec![self.server.cpu()?];
        if let Some(cluster) = &self.cluster {
            clocks.push(cluster.clock()?);
        }
        Ok(clocks)
    }
}
