//! Pages of searches, of every order and in both directions.

use super::{Random, index_messages, insert_failed_runs, use_index};
use crate::support::{DatabaseKind, Options, TestServer, Value, apply, json, on_both_databases};

/// More than an index may select.
const RUNS: usize = 5000;
const LIST: &str = "query($filter: SyncRunFilter, $order: SyncRunOrder, $first: Int, $last: Int, $after: String,
        $before: String, $offset: Int) {
    syncRuns(filter: $filter, orderBy: $order, first: $first, last: $last, after: $after, before: $before,
            offset: $offset) {
        totalCount pageInfo { hasNextPage hasPreviousPage } edges { cursor node { id } } } }";

/// A text in two thirds of the messages, in one of 40, in three, only in old ones, and in none.
const TERMS: [&str; 5] = [
    "TIMEOUT",
    "chunk 17 ",
    "Rare Case",
    "legacy host",
    "nowhere",
];

fn messages() -> Vec<String> {
    let mut random = Random(7);
    let message = |n: usize| {
        let kind = if n.is_multiple_of(3) {
            "refused"
        } else {
            "timeout"
        };
        let rare = if n % 2500 == 700 { "rare case" } else { "" };
        let old = if n < 40 { "legacy host" } else { "" };
        format!("{kind} in chunk {} {rare}{old}", random.below(40))
    };
    (0..RUNS).map(message).collect()
}

/// Pages through a list, forwards or backwards, and returns each page without its cursors.
async fn pages(server: &TestServer, filter: &Value, page: &Value, count: usize) -> Vec<Value> {
    let is_backward = page.get("last").is_some();
    let mut variables = page.clone();
    variables["filter"] = filter.clone();
    let mut pages = Vec::new();
    for _ in 0..count {
        let mut read = server.data(LIST, variables.clone()).await["syncRuns"].take();
        let edges: Vec<Value> = serde_json::from_value(read["edges"].take()).unwrap();
        read["edges"] = edges
            .iter()
            .map(|edge| edge["node"]["id"].clone())
            .collect();
        pages.push(read);
        let (name, next) = if is_backward {
            ("before", edges.first())
        } else {
            ("after", edges.last())
        };
        let Some(next) = next.filter(|_| page.get("offset").is_none()) else {
            break;
        };
        variables[name] = next["cursor"].clone();
    }
    pages
}

#[apply(on_both_databases)]
#[tokio::test]
async fn pages_are_those_of_a_scan(database: DatabaseKind) {
    let server = TestServer::start_with(database, Options::default()).await;
    insert_failed_runs(&server, &messages()).await;
    index_messages(&server).await;
    let mut lists = Vec::new();
    for field in [
        "STARTED_AT",
        "DURATION",
        "RECORDS_PROCESSED",
        "STATUS",
        "SOURCE",
    ] {
        for direction in ["ASC", "DESC"] {
            let order = json!({"field": field, "direction": direction});
            lists.push(json!({"order": order, "first": 20}));
            lists.push(json!({"order": order, "last": 20}));
        }
    }
    lists.push(json!({"first": 20, "offset": 30}));
    lists.push(json!({"last": 3, "offset": 1}));
    lists.push(json!({"first": 20, "offset": 4990}));
    lists.push(json!({"first": 0}));
    let others = [
        json!({}),
        json!({"status": "FAILED", "source": ["API", "FILE"]}),
        json!({"startedAt": {"gte": "2026-01-01T00:10:00Z", "lt": "2026-01-04T00:00:00Z"}}),
        json!({"anyOf": [{"recordsProcessed": {"lt": 3}}, {"source": "API"}]}),
        json!({"not": {"errorContains": "refused"}}),
    ];
    for term in TERMS {
        for (n, list) in lists.iter().enumerate() {
            // Each order with another filter, and each filter with the default order.
            let count = if n < 2 { others.len() } else { 1 };
            for other in others.iter().cycle().skip(n).take(count) {
                let mut filter = other.clone();
                filter["errorContains"] = json!(term);
                let scan = json!({"anyOf": [filter]});
                let found = pages(&server, &filter, list, 2).await;
                let expected = pages(&server, &scan, list, 2).await;
                assert_eq!(found, expected, "{filter} {list}");
            }
        }
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn frequent_texts_are_read_newest_first_and_rare_ones_by_the_index(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    insert_failed_runs(&server, &messages()).await;
    index_messages(&server).await;
    let list = "query($text: String) { syncRuns(filter: {errorContains: $text}, first: 20) { nodes { id } } }";
    for (text, by_index) in [
        ("timeout", false),
        ("chunk 17 ", false),
        ("rare case", true),
        ("nowhere", true),
        // No trigram.
        ("17", false),
        // Not in every locale of PostgreSQL.
        ("сбой", database == DatabaseKind::Sqlite),
    ] {
        let (statements, _) = server
            .record_statements(server.data(list, json!({"text": text})))
            .await;
        assert_eq!(use_index(&statements), by_index, "{text}: {statements:#?}");
    }
}

/// The details of runs are compared in memory, page by page.
#[apply(on_both_databases)]
#[tokio::test]
async fn searches_are_combined_with_conditions_on_details(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    insert_failed_runs(&server, &messages()).await;
    index_messages(&server).await;
    let table = server.table("sync_history");
    let sql = format!("UPDATE {table} SET details = '{{\"n\": 1}}' WHERE records_processed < 4");
    server.execute_sql(&sql).await;
    for term in TERMS {
        let filter = json!({"errorContains": term, "details": [{"path": ["n"], "equals": 1}]});
        let found = pages(&server, &filter, &json!({"first": 5}), 2).await;
        let expected = pages(
            &server,
            &json!({"anyOf": [filter]}),
            &json!({"first": 5}),
            2,
        )
        .await;
        assert_eq!(found, expected, "{term}");
    }
}
