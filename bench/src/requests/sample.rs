//! Existing runs that requests refer to. The same database yields the same sample.

use anyhow::{Context, Result};
use chrono::{DateTime, SecondsFormat, SubsecRound, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{database::DatabaseClient, load::Connection};

/// Runs of the sample, at even distances in time.
const RUNS: i32 = 500;
/// Greatest offset of the deep pages in the list of all runs.
const MAX_DEPTH: i64 = 500_000;
const LIST: &str = "query($from: DateTime, $to: DateTime, $first: Int, $direction: OrderDirection!) { \
    syncRuns(first: $first, filter: {startedAt: {gte: $from, lt: $to}}, \
    orderBy: {field: STARTED_AT, direction: $direction}) { edges { cursor node { id startedAt } } } }";

/// A run in the list of all runs, and its cursor there.
#[derive(Clone, Debug)]
pub(crate) struct Position {
    pub(crate) id: Uuid,
    pub(crate) started_at: DateTime<Utc>,
    pub(crate) cursor: String,
}

#[derive(Debug)]
pub(crate) struct Sample {
    /// Runs of all ages, in no order.
    pub(crate) runs: Vec<Position>,
    /// 100 consecutive runs far from the start of the list.
    pub(crate) deep: Vec<Position>,
    /// Offset of the deep runs in the list.
    pub(crate) depth: i64,
}

impl Sample {
    pub(crate) async fn take(database: &DatabaseClient, server: &mut Connection) -> Result<Self> {
        let runs = evenly_spread(server).await?;
        let depth = MAX_DEPTH.min(database.count_runs().await? / 2);
        let to = timestamp(database.started_at(depth).await?);
        let deep = json!({"to": to, "first": 100, "direction": "DESC"});
        let count = runs.len();
        Ok(Self {
            // In order of time, a request would find the pages that the previous one has read.
            runs: (0..count).map(|n| runs[n * 7 % count].clone()).collect(),
            deep: list(server, deep).await?,
            depth,
        })
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = Uuid> {
        self.runs.iter().map(|run| run.id)
    }
}

impl From<Uuid> for Sample {
    /// Creates a sample of one run, for workloads that need no more than its id.
    fn from(id: Uuid) -> Self {
        let run = Position {
            id,
            started_at: DateTime::UNIX_EPOCH,
            cursor: String::new(),
        };
        Self {
            runs: vec![run],
            deep: Vec::new(),
            depth: 0,
        }
    }
}

/// Returns runs at even distances in time, oldest first.
pub(crate) async fn evenly_spread(server: &mut Connection) -> Result<Vec<Position>> {
    let mut bounds = Vec::new();
    for direction in ["ASC", "DESC"] {
        let run = list(server, json!({"first": 1, "direction": direction})).await?;
        bounds.extend(run.first().map(|run| run.started_at));
    }
    let [oldest, newest] = bounds[..].try_into().context("there are no runs")?;
    let mut runs = Vec::new();
    for n in 0..RUNS {
        let from = oldest + (newest - oldest) / RUNS * n;
        let from = timestamp(from.trunc_subsecs(6));
        runs.extend(
            list(
                server,
                json!({"from": from, "first": 1, "direction": "ASC"}),
            )
            .await?,
        );
    }
    Ok(runs)
}

fn timestamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

async fn list(server: &mut Connection, variables: Value) -> Result<Vec<Position>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Node {
        id: Uuid,
        started_at: DateTime<Utc>,
    }
    #[derive(Deserialize)]
    struct Edge {
        cursor: String,
        node: Node,
    }
    let mut response = server.query(LIST, &variables).await?;
    let edges: Vec<Edge> = serde_json::from_value(response["data"]["syncRuns"]["edges"].take())?;
    let positions = edges.into_iter().map(|Edge { cursor, node }| Position {
        id: node.id,
        started_at: node.started_at,
        cursor,
    });
    Ok(positions.collect())
}
