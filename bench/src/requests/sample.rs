//! What requests ask for: runs that are there, and places in their list.

use anyhow::{Context, Result};
use chrono::{SecondsFormat, TimeDelta};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    load::Connection,
    store::{Place, Store},
    template::{Ids, Template},
};

const CURSOR: &str = "query($from: DateTime, $to: DateTime) { syncRuns(first: 1, \
    filter: {startedAt: {gte: $from, lt: $to}}) { edges { cursor node { id } } } }";

/// Runs and places, the same for the same database.
#[derive(Debug)]
pub(crate) struct Sample {
    /// Of runs of all ages.
    pub(crate) places: Vec<Place>,
    /// Far down the list, with the server's cursors.
    pub(crate) deep: Vec<(Place, String)>,
    /// How far.
    pub(crate) depth: i64,
}

impl Sample {
    pub(crate) async fn take(store: &Store, server: &mut Connection) -> Result<Self> {
        let (places, depth) = store.deep().await?;
        let mut deep = Vec::new();
        for place in places {
            if let Some(cursor) = cursor(server, place).await? {
                deep.push((place, cursor));
            }
        }
        let places = store.places().await?;
        let count = places.len();
        Ok(Self {
            // In no order, as requests come: those of neighbours would find their pages still at hand.
            places: (0..count).map(|n| places[n * 7 % count]).collect(),
            deep,
            depth,
        })
    }

    /// The runs' ids.
    pub(crate) fn ids(&self) -> impl Iterator<Item = Uuid> {
        self.places.iter().map(|(_, id)| *id)
    }
}

/// The server's cursor of a place; none if another run began in the same microsecond.
async fn cursor(server: &mut Connection, (at, id): Place) -> Result<Option<String>> {
    let next = at + TimeDelta::microseconds(1);
    let [from, to] = [at, next].map(|at| at.to_rfc3339_opts(SecondsFormat::Micros, true));
    let body = json!({"query": CURSOR, "variables": {"from": from, "to": to}});
    let answer = server
        .ask(Template::new("/graphql", &body).fill(&Ids::new()))
        .await?;
    let answer: Value = serde_json::from_slice(answer)?;
    let edge = answer.pointer("/data/syncRuns/edges/0");
    let edge = edge.with_context(|| format!("no run at {from}: {answer}"))?;
    let same = edge["node"]["id"] == id.to_string();
    Ok(edge["cursor"].as_str().filter(|_| same).map(str::to_owned))
}
