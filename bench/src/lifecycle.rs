//! `bench lifecycle`: what a run costs from its creation to its completion, beside another version of the server.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

use crate::{
    fill::Content,
    instance::{Cost, Instance},
    load::{Connection, IdSequence},
    progress,
    report::{Report, Row, Target},
    server::ServerBinary,
};

const ROUNDS: usize = 15;
/// Runs of one measurement.
const LIVES: u32 = 100;
const EVENTS: usize = 3;

const CREATE: &str = "mutation($id: ID!) { createSyncRun(input: \
    {id: $id, entityType: STOCK, source: API, recordsExpected: 100}) { run { id } } }";
const START: &str = "mutation($id: ID!) { startSyncRun(runId: $id) { run { id status } } }";
const ADD_EVENT: &str = "mutation($id: ID!, $event: ID!) { addSyncEvent(input: {runId: $id, \
    event: {id: $event, eventType: \"chunk\", message: \"Chunk 1/3 imported\"}}) { event { id } } }";
const COMPLETE: &str = "mutation($id: ID!) { completeSyncRun(input: \
    {runId: $id, counts: {recordsProcessed: 100, recordsUpdated: 100}}) { run { id status } } }";

/// Measure a run's creation, start, three events and completion, beside another version of the server
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Binary of the version to compare with
    #[arg(long, value_name = "PATH")]
    previous: PathBuf,
    /// PostgreSQL database on this machine, on whose server scratch databases are created, as a superuser
    /// [default: scratch SQLite files]
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// Repetitions of the whole measurement
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..), value_name = "NUMBER")]
    times: u32,
    #[command(flatten)]
    server: ServerBinary,
}

pub(crate) async fn run(options: Options) -> Result<()> {
    let previous = ServerBinary::at(options.previous);
    let url = options.database_url.as_deref();
    // Another version may lack a table that is filled.
    let content = Content::of_runs(0);
    let instances = [
        Instance::start(&previous, url, content).await?,
        Instance::start(&options.server, url, content).await?,
    ];
    let mut report = Report::new(["previous", "server"]);
    options.server.describe(&mut report).await?;
    report.condition("database", instances[0].client.version().await?);
    report.condition(
        "figures",
        format!("per run, medians of {ROUNDS} rounds; CPU of server and database"),
    );
    for time in 1..=options.times {
        progress(&format!("repetition {time} of {}", options.times));
        let rounds = measure(&instances).await?;
        let figure = format!("{time}. create, start, {EVENTS} events, complete: CPU (us)");
        let row = Row::of_rounds(figure, &rounds, |cost| cost.cpu.as_secs_f64() * 1e6);
        report.add(row.target(Target::RatioAtMost(1.05)));
        let figure = format!("{time}. create, start, {EVENTS} events, complete: latency (us)");
        report.add(Row::of_rounds(figure, &rounds, |cost| {
            cost.latency.as_secs_f64() * 1e6
        }));
    }
    for instance in instances {
        instance.stop().await?;
    }
    report.print();
    Ok(())
}

async fn measure(instances: &[Instance; 2]) -> Result<Vec<[Cost; 2]>> {
    let mut rounds = Vec::new();
    // The first round prepares statements, and does not count.
    for round in 0..=ROUNDS {
        let [previous, server] = instances;
        // In alternating order.
        let costs = if round % 2 == 0 {
            let first = live(previous).await?;
            [first, live(server).await?]
        } else {
            let first = live(server).await?;
            [live(previous).await?, first]
        };
        if round > 0 {
            rounds.push(costs);
        }
    }
    Ok(rounds)
}

async fn live(instance: &Instance) -> Result<Cost> {
    let ids = IdSequence::new();
    let work = async |connection: &mut Connection| {
        for _ in 0..LIVES {
            let id = ids.next();
            let run: Value = json!({"id": id});
            connection.query(CREATE, &run).await?;
            connection.query(START, &run).await?;
            for _ in 0..EVENTS {
                let event = json!({"id": id, "event": ids.next()});
                connection.query(ADD_EVENT, &event).await?;
            }
            connection.query(COMPLETE, &run).await?;
        }
        Ok(())
    };
    instance.measure(LIVES, work).await
}
