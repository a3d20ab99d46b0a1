//! Filters by details, whatever other programs store: lists, counts and the feed agree.

use std::collections::HashSet;

use crate::support::{
    DatabaseKind, TestServer, Value, apply, code, json, on_both_databases, socket::Socket,
};

const LIST: &str = "query($filter: SyncRunFilter, $order: SyncRunOrder, $first: Int, $after: String, $offset: Int,
    $last: Int) { syncRuns(filter: $filter, orderBy: $order, first: $first, after: $after, offset: $offset, last: $last) {
    totalCount nodes { id } pageInfo { hasNextPage hasPreviousPage endCursor } } }";

/// Details as they are stored, by number.
const STORED: [Option<&str>; 24] = [
    None,
    Some("null"),
    Some("{}"),
    Some(r#"{"a": 1}"#),
    Some(r#"{"a": 1.0}"#),
    Some(r#"{"a": 10e-1, "b": 2}"#),
    Some(r#"{"a": true}"#),
    Some(r#"{"a": "1"}"#),
    Some(r#"{"a": null}"#),
    Some(r#"{"a": {"b": 1}}"#),
    Some(r#"{"a": [{"b": 1}]}"#),
    Some(r#"{"a": {"b": {"c": "x\"y"}}}"#),
    Some(r#"{"a": 9007199254740993}"#),
    Some(r#"{"a": 12345678901234567890123}"#),
    Some(r#"{"\u0061": 1, "note": "\u0000"}"#),
    Some(r#"{"a": "\u0000"}"#),
    Some(r#"{"a": 1, "note": "\ud800"}"#),
    Some(r#"{"a": "\ud800"}"#),
    Some(r#"{"a": 1, "b": 1e400}"#),
    Some(r#"{"a": 1e400}"#),
    Some(r#"{"a": 2, "a": 1}"#),
    Some(r#"[{"a": 1}]"#),
    Some("\"a\""),
    Some(r#"{ "a" : { "c" : [1, 2.50, {"d": null}], "b" : "\u00e4/" } }"#),
];

/// Conditions, and the numbers of the details that meet them.
fn cases() -> Vec<(Value, Vec<usize>)> {
    let a = |equals: Value| json!({"path": ["a"], "equals": equals});
    let ones = vec![3, 4, 5, 14, 16, 18, 20];
    vec![
        (a(json!(1)), ones.clone()),
        (a(json!(1.0)), ones.clone()),
        (a(json!(2)), vec![]),
        (a(json!(true)), vec![6]),
        (a(json!("1")), vec![7]),
        (a(json!(null)), vec![8]),
        (a(json!({"b": 1.0})), vec![9]),
        (a(json!([{"b": 1}])), vec![10]),
        (a(json!({})), vec![]),
        (a(json!(9_007_199_254_740_993_i64)), vec![12]),
        (a(json!(9_007_199_254_740_992_i64)), vec![]),
        (a(json!(1.234_567_890_123_456_8e22)), vec![]),
        (a(json!("\u{0}")), vec![15]),
        (a(json!("\u{fffd}")), vec![]),
        (json!({"path": ["a", "b"], "equals": 1}), vec![9]),
        (json!({"path": ["a", "0"], "exists": true}), vec![]),
        (json!({"path": ["a", "b", "c"], "equals": "x\"y"}), vec![11]),
        (json!({"path": ["a", "b"], "equals": "ä/"}), vec![23]),
        (a(json!({"b": "ä/", "c": [1, 2.5, {"d": null}]})), vec![23]),
        (
            json!({"path": ["a"], "exists": true}),
            (3..=20).chain([23]).collect(),
        ),
        (
            json!({"path": ["a"], "exists": false}),
            vec![0, 1, 2, 21, 22],
        ),
        (json!({"path": ["a", "b"], "exists": true}), vec![9, 11, 23]),
        (json!({"path": ["note"], "exists": true}), vec![14, 16]),
        (json!({"path": [""], "exists": true}), vec![]),
        (json!({"path": ["a' OR \"%\\"], "exists": true}), vec![]),
    ]
}

fn id(number: usize) -> String {
    format!("{number:08x}-0000-4000-8000-000000000000")
}

/// Starts a server with a run for each of these details, and one of bytes that are no JSON where a database accepts it.
async fn seed(database: DatabaseKind) -> TestServer {
    let server = TestServer::start(database).await;
    let mut sql = String::new();
    for (number, details) in STORED.iter().enumerate() {
        let details = details.map_or("NULL".to_owned(), |details| format!("'{details}'"));
        sql.push_str(&insert(&server, number, &details));
    }
    if database == DatabaseKind::Sqlite {
        for (number, details) in [
            (100, "'{\"a\": 1,'"),
            (101, "'{\"a\": NaN}'"),
            (102, "CAST(x'7b2261223a31ff7d' AS text)"),
            (103, "''"),
        ] {
            sql.push_str(&insert(&server, number, details));
        }
    }
    server.execute_sql(&sql).await;
    server
}

fn insert(server: &TestServer, number: usize, details: &str) -> String {
    format!(
        "INSERT INTO {} (id, entity_type, source, status, started_at, records_processed, records_created,
            records_updated, records_failed, details)
        VALUES ({}, 'stock', 'as400', 'running', '2026-11-23T08:{:02}:00+00:00', 0, 0, 0, 0, {details});",
        server.table("sync_history"),
        server.id_literal(&id(number)),
        number % 60,
    )
}

fn ids(list: &Value) -> HashSet<String> {
    let nodes = list["nodes"].as_array().unwrap().iter();
    nodes
        .map(|node| node["id"].as_str().unwrap().to_owned())
        .collect()
}

/// Returns the runs that the feed reports as matching.
async fn replay(server: &TestServer, after: &Value, filter: &Value, end: &str) -> HashSet<String> {
    let watch = "subscription($filter: SyncRunFilter, $after: String) { syncRunChanged(filter: $filter, after: $after,
        kinds: [CREATED, PROGRESS]) { matchesFilter run { id } } }";
    let filter = json!({"anyOf": [filter, {"id": end}]});
    let mut socket = Socket::open(&server.url).await;
    socket
        .subscribe(watch, json!({"filter": filter, "after": after}))
        .await;
    let mut found = HashSet::new();
    loop {
        let change = socket.data().await["syncRunChanged"].take();
        let id = change["run"]["id"].as_str().unwrap().to_owned();
        if id == end {
            return found;
        }
        assert_eq!(change["matchesFilter"], true);
        found.insert(id);
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn lists_counts_and_the_feed_agree_on_any_details(database: DatabaseKind) {
    let server = seed(database).await;
    let after = server.feed_cursor().await;
    let touch = format!(
        "UPDATE {} SET records_created = 1",
        server.table("sync_history")
    );
    server.execute_sql(&touch).await;
    let end = server.create_stock_run().await;
    let last = json!({"id": end});
    let all: HashSet<_> = ids(&server.data(LIST, json!({"first": 100})).await["syncRuns"]);
    for (condition, expected) in cases() {
        let expected: HashSet<_> = expected.into_iter().map(id).collect();
        let is_unreadable = |id: &String| id.starts_with("0000006");
        let filter = json!({"details": condition});
        let negated = json!({"not": {"anyOf": [filter, last]}});
        for (filter, expected) in [
            (
                json!({"details": [condition], "not": last}),
                expected.clone(),
            ),
            (
                negated,
                all.iter()
                    .filter(|id| !expected.contains(*id) && **id != end)
                    .cloned()
                    .collect(),
            ),
        ] {
            let list = server
                .data(LIST, json!({"filter": filter, "first": 100}))
                .await["syncRuns"]
                .take();
            let found = ids(&list);
            assert_eq!(list["totalCount"], found.len(), "{filter}");
            let readable: HashSet<_> = found
                .iter()
                .filter(|id| !is_unreadable(id))
                .cloned()
                .collect();
            let expected: HashSet<_> = expected
                .iter()
                .filter(|id| !is_unreadable(id))
                .cloned()
                .collect();
            assert_eq!(readable, expected, "{filter}");
            assert_eq!(
                replay(&server, &after, &filter, &end).await,
                found,
                "{filter}"
            );
        }
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn pages_by_details_add_up_in_every_order(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    // More than are read at once.
    let mut sql = String::new();
    for number in 0..700 {
        let details = format!("'{{\"batch\": {{\"id\": {}}}}}'", number % 3);
        sql.push_str(&insert(&server, number, &details));
    }
    server.execute_sql(&sql).await;
    let filter = json!({"details": {"path": ["batch", "id"], "equals": 1}});
    for order in ["STARTED_AT", "COMPLETED_AT", "STATUS"] {
        let mut variables =
            json!({"filter": filter, "order": {"field": order, "direction": "ASC"}, "first": 60});
        let mut found = Vec::new();
        loop {
            let mut list = server.data(LIST, variables.clone()).await["syncRuns"].take();
            assert_eq!(list["totalCount"], 233);
            let nodes = list["nodes"].as_array().unwrap().clone();
            variables["offset"] = json!(found.len());
            let mut numbered = variables.clone();
            numbered["after"] = Value::Null;
            let numbered = server.data(LIST, numbered).await["syncRuns"].take();
            assert_eq!(numbered["nodes"], json!(nodes));
            assert_eq!(numbered["pageInfo"]["hasPreviousPage"], !found.is_empty());
            variables["offset"] = Value::Null;
            found.extend(nodes);
            variables["after"] = list["pageInfo"]["endCursor"].take();
            if list["pageInfo"]["hasNextPage"] == false {
                break;
            }
        }
        assert_eq!(found.len(), 233);
        let distinct: HashSet<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(distinct.len(), 233);
        variables["first"] = Value::Null;
        (variables["after"], variables["last"]) = (Value::Null, json!(50));
        let last = server.data(LIST, variables).await["syncRuns"].take();
        assert_eq!(last["nodes"], json!(found[183..]), "{order}");
    }
    let nested = "query($filter: SyncRunFilter) { syncRuns(filter: $filter, first: 5) {
        nodes { id details events { nodes { id } } triggeredBy { id } } } }";
    let data = server.data(nested, json!({"filter": filter})).await;
    let first = &data["syncRuns"]["nodes"][0];
    assert_eq!(first["details"], json!({"batch": {"id": 1}}));
    assert_eq!(first["events"]["nodes"], json!([]));
}

#[apply(on_both_databases)]
#[tokio::test]
async fn invalid_conditions_on_details_are_rejected(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let long = "x".repeat(201);
    let condition = json!({"path": ["a"], "exists": true});
    for details in [
        json!({"path": ["a"]}),
        json!({"path": ["a"], "equals": 1, "exists": true}),
        json!({"path": ["a"], "equals": null, "exists": false}),
        json!({"path": ["a"], "exists": null}),
        json!({"path": [], "exists": true}),
        json!({"path": vec!["a"; 17], "exists": true}),
        json!({"path": [long], "exists": true}),
        json!({"path": ["a"], "equals": "x".repeat(65 * 1024)}),
        json!(vec![condition; 21]),
    ] {
        let filter = json!({"filter": {"details": details}});
        let error = server.error(LIST, filter).await;
        assert_eq!(code(&error), "BAD_INPUT", "{details}: {error}");
    }
    for literal in [
        "{path: [\"a\"], equals: 12345678901234567890123}",
        "{path: [\"a\"]}",
        "{path: [\"a\"], equals: null, exists: true}",
    ] {
        let query = format!("{{ syncRuns(filter: {{details: {literal}}}) {{ totalCount }} }}");
        let error = server.error(&query, json!({})).await;
        assert_eq!(code(&error), "BAD_INPUT", "{literal}: {error}");
        let watch =
            format!("subscription {{ syncRunChanged(filter: {{details: {literal}}}) {{ kind }} }}");
        let mut socket = server.subscribe(&watch, json!({})).await;
        let message = socket.receive().await;
        assert_eq!(message["type"], "error", "{message}");
        assert_eq!(code(&message["payload"][0]), "BAD_INPUT", "{message}");
    }
    // An omitted variable is as if the field were absent; a null one is null.
    let query = "query($equals: JSON, $exists: Boolean) {
        syncRuns(filter: {details: {path: [\"a\"], equals: $equals, exists: $exists}}) { totalCount } }";
    for (variables, is_valid) in [
        (json!({"exists": true}), true),
        (json!({"equals": null}), true),
        (json!({"equals": 1}), true),
        (json!({"equals": null, "exists": true}), false),
        (json!({}), false),
    ] {
        let response = server.execute(query, variables.clone()).await;
        assert_eq!(
            response.get("errors").is_none(),
            is_valid,
            "{variables}: {response}"
        );
    }
}

/// Those of a deleted run are not known.
#[apply(on_both_databases)]
#[tokio::test]
async fn the_feed_tests_the_details_that_a_run_has_now(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let run = server.create_stock_run().await;
    let watch = "subscription($after: String) { syncRunChanged(filter: {details: {path: [\"step\"], equals: 2}},
        after: $after, kinds: [PROGRESS, DELETED]) { kind matchesFilter runId } }";
    let after = server.feed_cursor().await;
    let mut socket = server.subscribe(watch, json!({"after": after})).await;
    for details in [json!({"step": 2}), json!({"step": 2.0, "x": 1})] {
        let report = "mutation($input: ReportSyncProgressInput!) { reportSyncProgress(input: $input) { run { id } } }";
        let input = json!({"input": {"runId": run, "details": details}});
        server.data(report, input).await;
        let change = socket.data().await["syncRunChanged"].take();
        let expected = json!({"kind": "PROGRESS", "matchesFilter": true, "runId": run});
        assert_eq!(change, expected);
    }
    let (table, literal) = (server.table("sync_history"), server.id_literal(&run));
    server
        .execute_sql(&format!("DELETE FROM {table} WHERE id = {literal}"))
        .await;
    let change = socket.data().await["syncRunChanged"].take();
    let expected = json!({"kind": "DELETED", "matchesFilter": false, "runId": run});
    assert_eq!(change, expected);
}
