//! The filters by which runs are listed and followed.

use sync_history::runs::failures::Fingerprint;

use super::TIMES;
use crate::support::{Value, json};

fn fingerprint(message: &str) -> String {
    Fingerprint::of(Some(message)).to_string()
}

/// Returns filters of runs, of which some have these ids.
pub(super) fn filters(ids: &[String]) -> Vec<Value> {
    let mut filters = vec![
        json!({}),
        json!({"id": [ids[0], ids[9], ids[17]]}),
        json!({"status": ["PENDING", "RUNNING"]}),
        json!({"status": "COMPLETED", "source": ["API", "FILE"]}),
        json!({"status": ["FAILED", "UNKNOWN"]}),
        json!({"source": "AS400", "entityType": "STOCK"}),
        json!({"startedAt": {"gte": TIMES[1], "lt": TIMES[0]}}),
        json!({"startedAt": {"gte": TIMES[0]}}),
        json!({"completedAt": {"gte": TIMES[1]}}),
        json!({"completedAt": {"lt": TIMES[0]}}),
        json!({"durationSeconds": {"gte": 3600, "lte": 3600}}),
        json!({"durationSeconds": {"lte": 0}}),
        json!({"recordsProcessed": {"gte": 1, "lte": 2}}),
        json!({"recordsFailed": {"gte": 1}}),
        json!({"triggeredById": []}),
        json!({"not": {"completedAt": {"gte": TIMES[2]}}}),
        json!({"anyOf": [{"status": "CANCELLED"}, {"errorContains": "i"}]}),
        json!({"not": {"errorContains": "ß"}, "source": ["AS400", "API", "FILE"]}),
        json!({"errorContains": ""}),
        json!({"errorFingerprint": [fingerprint(""), fingerprint("disk 1 full")]}),
        json!({"not": {"errorFingerprint": [fingerprint("")]}, "status": ["FAILED", "CANCELLED"]}),
        json!({"recordsProcessed": {"gt": 1, "lt": 3}}),
        json!({"completedAt": {"gt": TIMES[2], "lte": TIMES[1]}}),
        json!({"updatedAt": {"gt": TIMES[0]}}),
        json!({"triggeredByUser": false, "recordsUpdated": {"lte": 0}}),
        json!({"idStartsWith": &ids[17][..9]}),
        json!({"not": {"idStartsWith": &ids[0][..4]}}),
        json!({"details": {"path": ["n"], "exists": true}}),
        json!({"details": {"path": ["n"], "equals": 8}, "status": ["PENDING", "RUNNING"]}),
        json!({"not": {"details": {"path": ["n"], "equals": 8.0}}, "errorContains": "i"}),
    ];
    let parts = [
        "i",
        "I",
        "ı",
        "İ",
        "FEHLGESCHLAGEN",
        "strasse",
        "straße",
        "ä",
        "σ",
        "ς",
        "K",
        "ǆ",
        "100%",
        "100_",
        "[1]",
        ".*",
        "\\B",
        "\n",
    ];
    filters.extend(parts.map(|part| json!({"errorContains": part})));
    filters
}
