//! Before anything is measured: that the server answers and stores what the floor does.

use anyhow::{Context, Result, bail, ensure};
use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value, json};

use super::{
    load::Connection,
    store::Store,
    template::{Ids, Template},
    work::{Question, Work},
};

/// Questions of each kind that are compared.
const COMPARED: usize = 50;

/// Asks both the same, and fails on the first difference.
pub(crate) async fn compare(
    work: Work,
    questions: &mut [Question],
    [floor, server]: [&mut Connection; 2],
    (store, ids): (&Store, &Ids),
) -> Result<()> {
    let mut rows = 0;
    for question in questions.iter_mut().take(COMPARED) {
        let first = ids.used();
        let by_floor = ask(floor, &mut question.floor, ids).await?;
        let second = ids.used();
        let answer = ask(server, &mut question.server, ids).await?;
        let by_server = answer.pointer(work.answer());
        let by_server = by_server.with_context(|| format!("no answer in {answer}"))?;
        let answers = [&by_floor, by_server].map(|answer| canonical(work, answer, ""));
        ensure_same(work, &answers)?;
        rows += by_floor.as_array().map_or(1, Vec::len);
        if work.writes() {
            let stored = [
                store.stored(work, ids.nth(first)).await?,
                store.stored(work, ids.nth(second)).await?,
            ];
            ensure_same(work, &stored)?;
        }
    }
    ensure!(rows > 0, "{}: nothing was found", work.name());
    Ok(())
}

async fn ask(connection: &mut Connection, template: &mut Template, ids: &Ids) -> Result<Value> {
    let answer = connection.ask(template.fill(ids)).await?;
    Ok(serde_json::from_slice(answer)?)
}

fn ensure_same<T: PartialEq + std::fmt::Display>(
    work: Work,
    [floor, server]: &[T; 2],
) -> Result<()> {
    if floor == server {
        return Ok(());
    }
    let work = work.name();
    bail!("{work} differs\n  floor:  {floor}\n  server: {server}")
}

/// An answer with what the two may write differently written in one way: words, instants, numbers,
/// lists that are pages; without ids that cannot be the same.
fn canonical(work: Work, answer: &Value, key: &str) -> Value {
    match answer {
        Value::Array(items) => items
            .iter()
            .map(|item| canonical(work, item, key))
            .collect(),
        Value::Object(fields) if fields.len() == 1 && fields.contains_key("nodes") => {
            canonical(work, &fields["nodes"], key)
        }
        Value::Object(fields) => {
            let fields = fields.iter();
            let fields = fields.map(|(key, value)| (key.clone(), canonical(work, value, key)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        Value::String(_) if key == "id" && matches!(work, Work::Create | Work::Complete) => {
            json!("new")
        }
        Value::String(text) if matches!(key, "status" | "source" | "entityType") => {
            json!(text.to_lowercase())
        }
        Value::String(text) if matches!(key, "startedAt" | "completedAt" | "timestamp") => {
            let instant = DateTime::parse_from_rfc3339(text).map(|instant| instant.to_utc());
            let text = instant.map(|at| at.to_rfc3339_opts(SecondsFormat::Micros, true));
            json!(text.ok())
        }
        Value::Number(number) => json!(format!("{:.6}", number.as_f64().unwrap_or(f64::NAN))),
        other => other.clone(),
    }
}
