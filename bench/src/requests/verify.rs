//! Verification before measurements: the server returns and stores the same as the baseline.

use anyhow::{Context, Result, bail, ensure};
use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value, json};

use super::workload::{RequestPair, Workload};
use crate::load::{Connection, IdSequence};

/// Requests of each workload that are compared.
const COMPARED: usize = 50;
const STORED: &str = "query($ids: [ID!]!) { nodes(ids: $ids) { \
    ... on SyncRun { entityType source status recordsProcessed recordsCreated recordsUpdated \
        recordsFailed recordsExpected version details } \
    ... on SyncEvent { eventType message details } } }";

/// Sends the same requests to both.
///
/// # Errors
/// Fails on the first difference, or if the requests find nothing.
pub(crate) async fn verify(
    work: Workload,
    requests: &[RequestPair],
    mut baseline: Connection,
    mut server: Connection,
    ids: &IdSequence,
) -> Result<()> {
    let mut rows = 0;
    for pair in requests.iter().take(COMPARED) {
        let by_baseline = ids.nth(ids.used());
        let expected: Value = serde_json::from_slice(&baseline.send(&pair.baseline, ids).await?)?;
        let by_server = ids.nth(ids.used());
        let response: Value = serde_json::from_slice(&server.send(&pair.server, ids).await?)?;
        let actual = response.pointer(work.pointer());
        let actual = actual.with_context(|| format!("no data in {response}"))?;
        ensure_equal(
            work,
            &normalize(work, &expected, ""),
            &normalize(work, actual, ""),
        )?;
        rows += expected.as_array().map_or(1, Vec::len);
        if work.writes() {
            let stored = json!({"ids": [by_baseline, by_server]});
            let mut stored = server.query(STORED, &stored).await?;
            let mut stored = |n: usize| stored["data"]["nodes"][n].take();
            let expected = stored(0);
            ensure!(expected.is_object(), "{}: nothing was stored", work.name());
            ensure_equal(work, &expected, &stored(1))?;
        }
    }
    ensure!(rows > 0, "{}: the requests find nothing", work.name());
    Ok(())
}

fn ensure_equal(work: Workload, baseline: &Value, server: &Value) -> Result<()> {
    if baseline != server {
        bail!(
            "{} differs\n  baseline: {baseline}\n  server:   {server}",
            work.name()
        );
    }
    Ok(())
}

/// Removes differences in form: case of enum values, precision of timestamps and numbers, connections as
/// objects or arrays, and the ids of new runs.
fn normalize(work: Workload, value: &Value, key: &str) -> Value {
    match value {
        Value::Array(items) => items
            .iter()
            .map(|item| normalize(work, item, key))
            .collect(),
        Value::Object(fields) if fields.len() == 1 && fields.contains_key("nodes") => {
            normalize(work, &fields["nodes"], key)
        }
        Value::Object(fields) => {
            let fields = fields.iter();
            let fields = fields.map(|(key, value)| (key.clone(), normalize(work, value, key)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        Value::String(_)
            if key == "id" && matches!(work, Workload::Create | Workload::Complete) =>
        {
            json!("new")
        }
        Value::String(text) if matches!(key, "status" | "source" | "entityType") => {
            json!(text.to_lowercase())
        }
        Value::String(text) if matches!(key, "startedAt" | "completedAt" | "timestamp") => {
            let at = DateTime::parse_from_rfc3339(text).map(|at| at.to_utc());
            json!(
                at.map(|at| at.to_rfc3339_opts(SecondsFormat::Micros, true))
                    .ok()
            )
        }
        Value::Number(number) => json!(format!("{:.6}", number.as_f64().unwrap_or(f64::NAN))),
        other => other.clone(),
    }
}
