//! Filters of runs, in lists and in the feed.

use std::collections::HashSet;

use sync_history::runs::failures::Fingerprint;

use crate::support::{
    Cluster, DatabaseKind, TestServer, Value, apply, json, on_both_databases, socket::Socket,
};

/// Starts a server with runs of every type and status; returns their ids in order of creation.
async fn seed(database: DatabaseKind) -> (TestServer, Vec<String>) {
    let server = TestServer::start(database).await;
    let mut ids = Vec::new();
    for (minute, entity, source, status) in [
        (0, "STOCK", "AS400", "PENDING"),
        (1, "STOCK", "AS400", "RUNNING"),
        (2, "ORDER", "API", "RUNNING"),
        (3, "PRICING", "FILE", "RUNNING"),
        (4, "CUSTOMER", "FILEMAKER", "RUNNING"),
        (5, "AUTOCARE", "EXTERNAL", "RUNNING"),
    ] {
        let started = format!("2026-11-23T08:0{minute}:00Z");
        let input =
            json!({"entityType": entity, "source": source, "status": status, "startedAt": started});
        ids.push(server.create_run(input).await);
    }
    for (index, outcome) in [
        (
            2,
            json!({"completedAt": "2026-11-23T08:02:01.5Z", "counts": {"recordsProcessed": 10, "recordsUpdated": 6},
                "details": {"batch": {"id": 7, "tags": ["a", 1.0]}, "note": null}}),
        ),
        (
            3,
            json!({"status": "FAILED", "errorMessage": "Prüfsumme 100% FALSCH_", "completedAt": "2026-11-23T08:13:00Z",
            "counts": {"recordsProcessed": 5, "recordsFailed": 5}}),
        ),
        (
            4,
            json!({"status": "CANCELLED", "completedAt": "2026-11-23T08:04:00Z"}),
        ),
    ] {
        let response = server.complete_run(&ids[index], outcome).await;
        assert!(response.get("errors").is_none(), "{response}");
    }
    set_records_created(&server, 77).await;
    (server, ids)
}

/// Changes every run.
async fn set_records_created(server: &TestServer, count: u32) {
    let table = server.table("sync_history");
    let sql = format!("UPDATE {table} SET records_created = {count}");
    server.execute_sql(&sql).await;
}

fn fingerprint(message: &str) -> String {
    Fingerprint::of(Some(message)).to_string()
}

const LIST: &str =
    "query($filter: SyncRunFilter) { syncRuns(filter: $filter) { totalCount nodes { id } } }";

/// Filters, and the indexes of the runs that match.
fn cases(ids: &[String]) -> Vec<(Value, Vec<usize>)> {
    [basic_cases(ids), range_cases(), id_and_details_cases(ids)].concat()
}

fn range_cases() -> Vec<(Value, Vec<usize>)> {
    vec![
        (
            json!({"startedAt": {"gt": "2026-11-23T08:01:00Z", "lte": "2026-11-23T08:03:00Z"}}),
            vec![2, 3],
        ),
        (
            json!({"startedAt": {"gt": "2026-11-23T08:01:00Z", "gte": "2026-11-23T08:03:00Z", "lt": "2026-11-23T08:05:00Z",
                "lte": "2026-11-23T08:05:00Z"}}),
            vec![3, 4],
        ),
        (
            json!({"completedAt": {"gt": "2026-11-23T08:02:01.5Z", "lte": "2026-11-23T08:04:00Z"}}),
            vec![4],
        ),
        (json!({"durationSeconds": {"gt": 0, "lt": 600}}), vec![2]),
        (json!({"durationSeconds": {"gt": 1.5, "lte": 600}}), vec![3]),
        (json!({"recordsProcessed": {"gt": 5, "lt": 11}}), vec![2]),
        (
            json!({"recordsFailed": {"gt": -1, "lt": 5}}),
            vec![0, 1, 2, 4, 5],
        ),
        (json!({"recordsUpdated": {"gte": 6}}), vec![2]),
        (json!({"recordsUpdated": {"lt": 6}}), vec![0, 1, 3, 4, 5]),
        (
            json!({"recordsCreated": {"gt": 76, "lte": 77}}),
            vec![0, 1, 2, 3, 4, 5],
        ),
        (json!({"recordsCreated": {"gt": 77}}), vec![]),
        (
            json!({"updatedAt": {"gte": "2026-01-01T00:00:00Z"}}),
            vec![0, 1, 2, 3, 4, 5],
        ),
        (
            json!({"updatedAt": {"gte": "2126-01-01T00:00:00Z"}}),
            vec![],
        ),
    ]
}

fn id_and_details_cases(ids: &[String]) -> Vec<(Value, Vec<usize>)> {
    vec![
        (json!({"triggeredByUser": true}), vec![]),
        (json!({"triggeredByUser": false, "source": "API"}), vec![2]),
        (json!({"triggeredByUser": null, "source": "API"}), vec![2]),
        (json!({"idStartsWith": ids[3]}), vec![3]),
        (json!({"idStartsWith": ids[3].to_uppercase()}), vec![3]),
        (json!({"idStartsWith": ids[3].replace('-', "")}), vec![3]),
        (
            json!({"idStartsWith": &ids[3][..35], "id": [ids[3], ids[0]]}),
            vec![0, 3],
        ),
        (json!({"idStartsWith": ids[3], "id": [ids[0]]}), vec![]),
        (json!({"idStartsWith": "ffff"}), vec![]),
        (
            json!({"idStartsWith": &ids[0][..4]}),
            vec![0, 1, 2, 3, 4, 5],
        ),
        (
            json!({"not": {"idStartsWith": ids[3]}}),
            vec![0, 1, 2, 4, 5],
        ),
        (
            json!({"anyOf": [{"idStartsWith": ids[3]}, {"idStartsWith": ids[1]}], "source": "FILE"}),
            vec![3],
        ),
        (
            json!({"errorFingerprint": fingerprint("Prüfsumme 7% FALSCH_")}),
            vec![3],
        ),
        (
            json!({"errorFingerprint": [fingerprint("other"), fingerprint("Prüfsumme 100% FALSCH_")]}),
            vec![3],
        ),
        (json!({"errorFingerprint": fingerprint("other")}), vec![]),
        (json!({"errorFingerprint": fingerprint("")}), vec![]),
        (json!({"errorFingerprint": []}), vec![]),
        (
            json!({"errorFingerprint": fingerprint("Prüfsumme 7% FALSCH_"), "status": ["FAILED", "CANCELLED"]}),
            vec![3],
        ),
        (
            json!({"errorFingerprint": fingerprint("Prüfsumme 7% FALSCH_"), "source": "API"}),
            vec![],
        ),
        (
            json!({"not": {"errorFingerprint": fingerprint("Prüfsumme 7% FALSCH_")}}),
            vec![0, 1, 2, 4, 5],
        ),
        (
            json!({"anyOf": [{"errorFingerprint": fingerprint("Prüfsumme 7% FALSCH_")}, {"source": "API"}]}),
            vec![2, 3],
        ),
        (json!({"details": []}), vec![0, 1, 2, 3, 4, 5]),
        (
            json!({"details": {"path": "note", "exists": true}}),
            vec![2],
        ),
        (
            json!({"details": {"path": ["note"], "equals": null}}),
            vec![2],
        ),
        (
            json!({"details": {"path": ["other"], "equals": null}}),
            vec![],
        ),
        (
            json!({"details": {"path": ["note"], "exists": false}}),
            vec![0, 1, 3, 4, 5],
        ),
        (
            json!({"details": [{"path": ["batch", "id"], "equals": 7.0}, {"path": ["note"], "exists": true}]}),
            vec![2],
        ),
        (
            json!({"details": [{"path": ["batch", "id"], "equals": 7.0}, {"path": ["note"], "exists": false}]}),
            vec![],
        ),
        (
            json!({"details": {"path": ["batch", "tags", "0"], "exists": true}}),
            vec![],
        ),
        (
            json!({"details": {"path": ["batch"], "equals": {"tags": ["a", 1], "id": 7}}}),
            vec![2],
        ),
        (
            json!({"not": {"details": {"path": ["batch", "id"], "equals": 7}}}),
            vec![0, 1, 3, 4, 5],
        ),
        (
            json!({"not": {"not": {"details": {"path": ["batch", "id"], "exists": true}}}}),
            vec![2],
        ),
        (
            json!({"anyOf": [{"details": {"path": ["batch"], "exists": true}}, {"status": "PENDING"}]}),
            vec![0, 2],
        ),
    ]
}

fn basic_cases(ids: &[String]) -> Vec<(Value, Vec<usize>)> {
    vec![
        (json!(null), vec![0, 1, 2, 3, 4, 5]),
        (json!({}), vec![0, 1, 2, 3, 4, 5]),
        (json!({"id": [ids[1], ids[4]]}), vec![1, 4]),
        (json!({"status": "RUNNING"}), vec![1, 5]),
        (json!({"status": ["PENDING", "FAILED"]}), vec![0, 3]),
        (json!({"status": []}), vec![]),
        (
            json!({"status": null, "source": null}),
            vec![0, 1, 2, 3, 4, 5],
        ),
        (json!({"status": "UNKNOWN"}), vec![]),
        (json!({"source": ["AS400", "API"]}), vec![0, 1, 2]),
        (
            json!({"entityType": ["STOCK"], "status": ["RUNNING"]}),
            vec![1],
        ),
        (
            json!({"triggeredById": ["0197d2c4-8a3e-7c1b-9f00-3b5a1c2d4e6f"]}),
            vec![],
        ),
        (
            json!({"startedAt": {"gte": "2026-11-23T08:01:00Z", "lt": "2026-11-23T08:03:00Z"}}),
            vec![1, 2],
        ),
        (json!({"startedAt": {}}), vec![0, 1, 2, 3, 4, 5]),
        (
            json!({"completedAt": {"gte": "2026-11-23T08:02:01.5Z"}}),
            vec![2, 3, 4],
        ),
        (
            json!({"completedAt": {"lt": "2026-11-23T08:04:00Z"}}),
            vec![2],
        ),
        (
            json!({"durationSeconds": {"gte": 1.5, "lte": 1.5}}),
            vec![2],
        ),
        (json!({"durationSeconds": {"lte": 0}}), vec![4]),
        (
            json!({"durationSeconds": {"gte": -1e300, "lte": 1e300}}),
            vec![2, 3, 4],
        ),
        (
            json!({"recordsProcessed": {"gte": 5, "lte": 10}}),
            vec![2, 3],
        ),
        (json!({"recordsFailed": {"gte": 1}}), vec![3]),
        (json!({"recordsFailed": {"gte": 3, "lte": 1}}), vec![]),
        (json!({"errorContains": "prüfSUMME"}), vec![3]),
        (json!({"errorContains": "PRÜF"}), vec![3]),
        (json!({"errorContains": "100% falsch_"}), vec![3]),
        (json!({"errorContains": "100_"}), vec![]),
        (json!({"errorContains": ".*"}), vec![]),
        (json!({"errorContains": ""}), vec![3]),
        (
            json!({"anyOf": [{"status": "PENDING"}, {"source": "API"}]}),
            vec![0, 2],
        ),
        (json!({"anyOf": [{}]}), vec![0, 1, 2, 3, 4, 5]),
        (json!({"anyOf": []}), vec![]),
        (json!({"anyOf": [{"status": []}], "source": "API"}), vec![]),
        (json!({"not": {"status": "RUNNING"}}), vec![0, 2, 3, 4]),
        (
            json!({"not": {"errorContains": "falsch"}}),
            vec![0, 1, 2, 4, 5],
        ),
        (
            json!({"not": {"durationSeconds": {"gte": 1}}}),
            vec![0, 1, 4, 5],
        ),
        (
            json!({"not": {"not": {"completedAt": {"gte": "2026-11-23T08:04:00Z"}}}}),
            vec![3, 4],
        ),
        (json!({"not": {}}), vec![]),
        (json!({"not": {"anyOf": []}}), vec![0, 1, 2, 3, 4, 5]),
        (
            json!({"source": ["AS400", "FILE"], "not": {"anyOf": [{"status": "PENDING"}, {"recordsFailed": {"gte": 1}}]}}),
            vec![1],
        ),
    ]
}

#[apply(on_both_databases)]
#[tokio::test]
async fn every_filter_returns_exactly_the_matching_runs(database: DatabaseKind) {
    let (server, ids) = seed(database).await;
    for (filter, expected) in cases(&ids) {
        let data = server.data(LIST, json!({"filter": filter})).await;
        let found: HashSet<&str> = data["syncRuns"]["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|node| node["id"].as_str().unwrap())
            .collect();
        let expected: HashSet<&str> = expected.iter().map(|index| ids[*index].as_str()).collect();
        assert_eq!(found, expected, "{filter}");
        assert_eq!(data["syncRuns"]["totalCount"], found.len(), "{filter}");
    }
}

/// The feed evaluates filters in memory, lists in the database.
#[apply(on_both_databases)]
#[tokio::test]
async fn feed_and_lists_agree_on_every_filter(database: DatabaseKind) {
    let (server, ids) = seed(database).await;
    let after = server.feed_cursor().await;
    // The changes that lead back to what the lists returned are the last of each run.
    set_records_created(&server, 78).await;
    set_records_created(&server, 77).await;
    let end = server.create_stock_run().await;
    for (filter, expected) in cases(&ids) {
        let mut socket = Socket::open(&server.url).await;
        let filter_or_end =
            json!({"anyOf": [filter.as_object().cloned().unwrap_or_default(), {"id": end}]});
        socket
            .subscribe(
                "subscription($filter: SyncRunFilter, $after: String) {
                    syncRunChanged(filter: $filter, after: $after, kinds: [PROGRESS, CREATED]) { matchesFilter run { id } } }",
                json!({"filter": filter_or_end, "after": after}),
            )
            .await;
        let mut found = HashSet::new();
        loop {
            let change = socket.data().await["syncRunChanged"].take();
            let id = change["run"]["id"].as_str().unwrap().to_owned();
            if id == end {
                break;
            }
            if change["matchesFilter"] == true {
                found.insert(id);
            } else {
                found.remove(&id);
            }
        }
        let expected: HashSet<String> = expected.iter().map(|index| ids[*index].clone()).collect();
        assert_eq!(found, expected, "{filter}");
    }
}

/// Messages, what is searched for in them, and whether it is found by Unicode's simple case folding.
const SEARCHES: &[(&str, &str, bool)] = &[
    ("Prüfsumme FALSCH", "PRÜFSUMME falsch", true),
    ("ÄPFEL", "äpfel", true),
    ("ÉTÉ", "été", true),
    ("ΟΔΟΣ", "οδος", true),
    ("οδος", "ΟΔΟΣ", true),
    ("ДАННЫЕ", "данные", true),
    ("STRAẞE", "straße", true),
    ("STRASSE", "straße", false),
    ("273 \u{212a}", "273 k", true),
    ("I", "i", true),
    ("İ", "i", false),
    ("İ", "İ", true),
    ("ı", "I", false),
    ("ﬁle", "FILE", false),
    ("Ⅷ", "ⅷ", true),
    ("𐐀", "𐐨", true),
    (r"C:\temp\[1].*(a|b)^$", r"c:\TEMP\[1].*(A|B)^$", true),
    ("100%", "100_", false),
    ("a\nb", "A\nB", true),
    ("***=x", "***=X", true),
];

async fn assert_searches(server: &TestServer) {
    let find = "query($errors: SyncRunFilter, $events: SyncEventFilter) {
        syncRuns(filter: $errors) { totalCount } syncEvents(filter: $events) { totalCount } }";
    for (message, text, expected) in SEARCHES {
        let id = server.create_stock_run().await;
        let event = json!([{"eventType": "a", "message": message}]);
        server.add_events(&id, event).await;
        let after = server.feed_cursor().await;
        let failed = json!({"status": "FAILED", "errorMessage": message});
        server.complete_run(&id, failed).await;
        let end = server.create_stock_run().await;

        let errors = json!({"id": id, "errorContains": text});
        let events = json!({"runId": id, "messageContains": text});
        let found = server
            .data(find, json!({"errors": errors, "events": events}))
            .await;
        let count = json!({"totalCount": i32::from(*expected)});
        assert_eq!(
            found,
            json!({"syncRuns": count, "syncEvents": count}),
            "{message} / {text}"
        );

        let watch = "subscription($filter: SyncRunFilter, $after: String) {
            syncRunChanged(filter: $filter, after: $after) { run { id } } }";
        let filter = json!({"anyOf": [errors, {"id": end}]});
        let mut socket = server
            .subscribe(watch, json!({"filter": filter, "after": after}))
            .await;
        let first = if *expected { &id } else { &end };
        let change = socket.data().await;
        assert_eq!(
            change["syncRunChanged"]["run"]["id"], *first,
            "{message} / {text}"
        );
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn search_folds_case_as_unicode_defines(database: DatabaseKind) {
    assert_searches(&TestServer::start(database).await).await;
}

#[tokio::test]
async fn search_does_not_depend_on_the_locale_on_postgres() {
    for options in [
        "LOCALE 'C'",
        "LOCALE_PROVIDER icu ICU_LOCALE 'tr' LOCALE 'C.UTF-8'",
    ] {
        let url = Cluster::get().empty_database_with(options).await;
        assert_searches(&TestServer::open(url).await).await;
    }
}
