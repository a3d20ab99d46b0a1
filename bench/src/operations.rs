//! The operations that subscribers ask for. Every change that the writer makes matches all of them.

use serde_json::{Value, json};

/// The source of the runs that the writer creates.
pub(crate) const SOURCE: &str = "API";
/// Sources that filters may name besides.
const OTHERS: [&str; 4] = ["AS400", "FILEMAKER", "FILE", "EXTERNAL"];
/// Lists of sources: all those of the others, beside the writer's.
const LISTS: usize = 1 << OTHERS.len();
/// Fields that a selection may have besides, one or none.
const BESIDES: [&str; 8] = [
    "",
    "startedAt",
    "recordsCreated",
    "recordsUpdated",
    "recordsFailed",
    "recordsExpected",
    "progress",
    "durationSeconds",
];
/// How often the large selection repeats a field under another name.
const REPETITIONS: usize = 90;

/// How many different operations there are.
pub(crate) const DIFFERENT: usize = LISTS * BESIDES.len();

/// The payloads of so many subscribers' operations, of which so many are different, by turns.
pub(crate) fn by_turns(subscribers: usize, different: usize) -> Vec<Value> {
    let different = different.clamp(1, DIFFERENT);
    (0..subscribers).map(|n| nth(n % different)).collect()
}

/// An operation: no other `n` below [`DIFFERENT`] has both its variables and its selection.
pub(crate) fn nth(n: usize) -> Value {
    let mut sources = vec![SOURCE];
    let chosen = OTHERS.iter().enumerate();
    sources.extend(chosen.filter_map(|(bit, other)| (n >> bit & 1 == 1).then_some(other)));
    payload(&sources, BESIDES[n / LISTS % BESIDES.len()])
}

/// An operation whose messages take some 5 kB.
pub(crate) fn large() -> Value {
    let repeated: Vec<_> = (0..REPETITIONS).map(|n| format!("id{n}: id")).collect();
    payload(&[SOURCE], &repeated.join(" "))
}

/// One subscriber's operation that everything matches, whoever writes it.
pub(crate) fn of_everything() -> Vec<Value> {
    let query = "subscription { syncRunChanged { cursor kind run { id status version } } }";
    vec![json!({"query": query})]
}

fn payload(sources: &[&str], besides: &str) -> Value {
    let query = format!(
        "subscription($source: [SyncSource!]) {{ syncRunChanged(filter: {{source: $source}}) {{ \
         cursor kind changedAt matchesFilter run {{ id status source entityType recordsProcessed \
         version updatedAt {besides} }} }} }}"
    );
    json!({"query": query, "variables": {"source": sources}})
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_operations_are_equal() {
        let operations: HashSet<_> = by_turns(2 * DIFFERENT, DIFFERENT)
            .iter()
            .map(Value::to_string)
            .collect();
        assert_eq!(operations.len(), DIFFERENT);
    }
}
