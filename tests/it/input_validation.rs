//! Bad input gets its code and a message that says what to do, and leaves the database as it was.

use crate::support::{
    DatabaseKind, Sqlite, TestServer, Value, apply, code, json, on_both_databases,
};

const UNKNOWN: &str = "0197d2c4-8a3e-7c1b-9f00-3b5a1c2d4e6f";

/// All that the server holds of its runs and events.
async fn everything(server: &TestServer) -> Value {
    server
        .data(
            "{ syncRuns { nodes { id status version updatedAt details recordsProcessed } }
            syncEvents { nodes { id message } } }",
            json!({}),
        )
        .await
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_mutation_with_invalid_input_is_rejected_and_changes_nothing(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let run = server.create_stock_run().await;
    let create =
        "mutation($input: CreateSyncRunInput!) { createSyncRun(input: $input) { replayed } }";
    let add = "mutation($input: AddSyncEventInput!) { addSyncEvent(input: $input) { replayed } }";
    let add_all =
        "mutation($input: AddSyncEventsInput!) { addSyncEvents(input: $input) { replayedCount } }";
    let progress = "mutation($input: ReportSyncProgressInput!) { reportSyncProgress(input: $input) { run { id } } }";
    let complete =
        "mutation($input: CompleteSyncRunInput!) { completeSyncRun(input: $input) { replayed } }";
    let cancel =
        "mutation($input: CancelSyncRunInput!) { cancelSyncRun(input: $input) { replayed } }";
    let event = |field: &str, value: Value| {
        let mut event = json!({"eventType": "chunk", "message": "x"});
        event[field] = value;
        json!({"runId": run, "event": event})
    };
    let new = |field: &str, value: Value| {
        let mut input = json!({"entityType": "STOCK", "source": "AS400"});
        input[field] = value;
        input
    };
    let of = |field: &str, value: Value| json!({"runId": run, field: value});
    let many: Vec<Value> = vec![json!({"eventType": "x", "message": "x"}); 1001];
    let large = json!({"text": "x".repeat(64 * 1024)});
    let cases = [
        (
            create,
            new("id", json!("not-a-uuid")),
            "BAD_INPUT",
            "is not a UUID",
        ),
        (
            create,
            new("status", json!("COMPLETED")),
            "BAD_INPUT",
            "completeSyncRun",
        ),
        (
            create,
            new("source", json!("UNKNOWN")),
            "BAD_INPUT",
            "one of the other values",
        ),
        (
            create,
            new("startedAt", json!("2026-11-23T09:00:00")),
            "BAD_INPUT",
            "with an offset",
        ),
        (
            create,
            new("startedAt", json!("yesterday")),
            "BAD_INPUT",
            "with an offset",
        ),
        (
            create,
            new("startedAt", json!(1_700_000_000)),
            "BAD_INPUT",
            "DateTime",
        ),
        (
            create,
            new("recordsExpected", json!(-1)),
            "BAD_INPUT",
            "cannot be negative",
        ),
        (
            create,
            new("triggeredById", json!(UNKNOWN)),
            "NOT_FOUND",
            "no user",
        ),
        (
            create,
            new("details", json!([1])),
            "BAD_INPUT",
            "JSON object",
        ),
        (
            create,
            new("details", json!("text")),
            "BAD_INPUT",
            "JSON object",
        ),
        (create, new("details", large.clone()), "BAD_INPUT", "65536"),
        (
            create,
            new("details", json!({"a": ["\0"]})),
            "BAD_INPUT",
            "U+0000",
        ),
        (
            create,
            new("details", json!({"\0": 1})),
            "BAD_INPUT",
            "U+0000",
        ),
        (create, new("color", json!("red")), "BAD_INPUT", "color"),
        (
            create,
            json!({"entityType": "STOCK"}),
            "BAD_INPUT",
            "source",
        ),
        (
            create,
            new("entityType", json!("PLANETS")),
            "BAD_INPUT",
            "SyncEntityType",
        ),
        (
            add,
            json!({"runId": UNKNOWN, "event": {"eventType": "x", "message": "x"}}),
            "NOT_FOUND",
            "no run",
        ),
        (add, event("eventType", json!("")), "BAD_INPUT", "1 to 50"),
        (
            add,
            event("eventType", json!("é".repeat(51))),
            "BAD_INPUT",
            "51 characters",
        ),
        (add, event("message", json!("a\0b")), "BAD_INPUT", "U+0000"),
        (add, event("details", json!(5)), "BAD_INPUT", "JSON object"),
        (add, event("details", large.clone()), "BAD_INPUT", "65536"),
        (
            add,
            event("timestamp", json!("2026-11-23 09:00")),
            "BAD_INPUT",
            "with an offset",
        ),
        (
            add_all,
            json!({"runId": run, "events": many}),
            "BAD_INPUT",
            "at most 1000",
        ),
        (
            add_all,
            json!({"runId": UNKNOWN, "events": []}),
            "NOT_FOUND",
            "no run",
        ),
        (
            add_all,
            json!({"runId": run, "events": [{"eventType": "x", "message": "good"},
            {"eventType": "", "message": "bad"}]}),
            "BAD_INPUT",
            "1 to 50",
        ),
        (progress, json!({"runId": UNKNOWN}), "NOT_FOUND", "no run"),
        (
            progress,
            of("counts", json!({"recordsProcessed": -1})),
            "BAD_INPUT",
            "recordsProcessed is -1",
        ),
        (
            progress,
            of("counts", json!({"recordsFailed": 2_147_483_648_u32})),
            "BAD_INPUT",
            "Int",
        ),
        (
            progress,
            of("recordsExpected", json!(-5)),
            "BAD_INPUT",
            "recordsExpected is -5",
        ),
        (
            progress,
            of("details", json!([])),
            "BAD_INPUT",
            "JSON object",
        ),
        (complete, json!({"runId": UNKNOWN}), "NOT_FOUND", "no run"),
        (
            complete,
            json!({"runId": "x"}),
            "BAD_INPUT",
            "is not a UUID",
        ),
        (
            complete,
            of("completedAt", json!("2026-11-23T08:59:59Z")),
            "BAD_INPUT",
            "before",
        ),
        (
            complete,
            of("counts", json!({"recordsCreated": -1})),
            "BAD_INPUT",
            "recordsCreated is -1",
        ),
        (
            complete,
            of("status", json!("RUNNING")),
            "BAD_INPUT",
            "SyncOutcome",
        ),
        (
            complete,
            of("errorMessage", json!("\0")),
            "BAD_INPUT",
            "U+0000",
        ),
        (complete, of("details", large), "BAD_INPUT", "65536"),
        (cancel, json!({"runId": UNKNOWN}), "NOT_FOUND", "no run"),
        (cancel, of("reason", json!("\0")), "BAD_INPUT", "U+0000"),
    ];
    let before = everything(&server).await;
    for (mutation, input, expected, says) in cases {
        let error = server.error(mutation, json!({"input": input})).await;
        let message = error["message"].as_str().unwrap();
        assert_eq!(code(&error), expected, "{error} for {}", truncated(&input));
        assert!(message.contains(says), "{message:?} does not say {says:?}");
        assert!(message.len() < 500, "{message}");
    }
    assert_eq!(everything(&server).await, before);
}

fn truncated(value: &Value) -> String {
    value.to_string().chars().take(200).collect()
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_query_with_invalid_input_is_rejected(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    server.create_stock_run().await;
    let cursors = server
        .data(
            "{ syncRuns { feedCursor pageInfo { endCursor } }
            other: syncRuns(orderBy: {field: RECORDS_FAILED}) { pageInfo { endCursor } } }",
            json!({}),
        )
        .await;
    let cursor = cursors["syncRuns"]["pageInfo"]["endCursor"]
        .as_str()
        .unwrap();
    let other = cursors["other"]["pageInfo"]["endCursor"].as_str().unwrap();
    let feed = cursors["syncRuns"]["feedCursor"].as_str().unwrap();
    let deep = (0..20).fold("{}".to_owned(), |inner, _| format!("{{not: {inner}}}"));
    let cases = [
        (
            "{ syncRuns(first: 0) { totalCount } }".to_owned(),
            "BAD_INPUT",
            "first is 0",
        ),
        (
            "{ syncRuns(first: -1) { totalCount } }".to_owned(),
            "BAD_INPUT",
            "first is -1",
        ),
        (
            "{ syncRuns(first: 101) { totalCount } }".to_owned(),
            "BAD_INPUT",
            "1 to 100",
        ),
        (
            "{ syncRuns(last: 101) { totalCount } }".to_owned(),
            "BAD_INPUT",
            "last is 101",
        ),
        (
            "{ syncRuns(first: 1, last: 1) { totalCount } }".to_owned(),
            "BAD_INPUT",
            "first and last",
        ),
        (
            "{ syncEvents(last: 0) { totalCount } }".to_owned(),
            "BAD_INPUT",
            "last is 0",
        ),
        (
            "{ syncRuns { nodes { events(first: 1000) { totalCount } } } }".to_owned(),
            "BAD_INPUT",
            "1 to 100",
        ),
        (
            "{ syncRuns { totalCount(upTo: 0) } }".to_owned(),
            "BAD_INPUT",
            "upTo is 0",
        ),
        (
            format!("{{ syncRuns(after: \"{other}\") {{ totalCount }} }}"),
            "BAD_CURSOR",
            "orderBy",
        ),
        (
            format!("{{ syncRuns(before: \"{feed}\") {{ totalCount }} }}"),
            "BAD_CURSOR",
            "cursor",
        ),
        (
            format!("{{ syncEvents(after: \"{cursor}\") {{ totalCount }} }}"),
            "BAD_CURSOR",
            "cursor",
        ),
        (
            format!(
                "{{ syncRuns(after: \"{}\") {{ totalCount }} }}",
                &cursor[1..]
            ),
            "BAD_CURSOR",
            "cursor",
        ),
        (
            "{ syncRuns(after: \"\") { totalCount } }".to_owned(),
            "BAD_CURSOR",
            "cursor",
        ),
        (
            "{ syncRuns(after: \"🦀\") { totalCount } }".to_owned(),
            "BAD_CURSOR",
            "cursor",
        ),
        (
            "{ syncRun(id: \"42\") { id } }".to_owned(),
            "BAD_INPUT",
            "is not a UUID",
        ),
        (
            "{ node(id: \"\") { id } }".to_owned(),
            "BAD_INPUT",
            "is not a UUID",
        ),
        (
            "{ syncRuns(filter: {id: \"x\"}) { totalCount } }".to_owned(),
            "BAD_INPUT",
            "is not a UUID",
        ),
        (
            "{ syncRuns(filter: {startedAt: {gte: \"2026-11-23\"}}) { totalCount } }".to_owned(),
            "BAD_INPUT",
            "with an offset",
        ),
        (
            format!("{{ syncRuns(filter: {deep}) {{ totalCount }} }}"),
            "BAD_INPUT",
            "flatter",
        ),
        (
            format!(
                "{{ syncRuns(filter: {{errorContains: \"{}\"}}) {{ totalCount }} }}",
                "x".repeat(501)
            ),
            "BAD_INPUT",
            "500",
        ),
        (
            "{ syncRuns(filter: {errorContains: \"\\u0000\"}) { totalCount } }".to_owned(),
            "BAD_INPUT",
            "U+0000",
        ),
        (
            "{ syncEvents(filter: {messageContains: \"\\u0000\"}) { totalCount } }".to_owned(),
            "BAD_INPUT",
            "U+0000",
        ),
        (
            "{ syncEvents(filter: {eventType: \"\\u0000\"}) { totalCount } }".to_owned(),
            "BAD_INPUT",
            "U+0000",
        ),
        ("{ nope }".to_owned(), "BAD_INPUT", "nope"),
        ("{".to_owned(), "BAD_INPUT", "expected"),
        (String::new(), "BAD_INPUT", "expected"),
    ];
    for (query, expected, says) in cases {
        let error = server.error(&query, json!({})).await;
        let message = error["message"].as_str().unwrap();
        assert_eq!(code(&error), expected, "{error} for {query}");
        assert!(message.contains(says), "{message:?} does not say {says:?}");
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn unknown_ids_return_null(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let run = server.create_stock_run().await;
    let data = server
        .data(
            "query($ids: [ID!]!, $id: ID!) { syncRun(id: $id) { id } node(id: $id) { id }
            nodes(ids: $ids) { __typename id } }",
            json!({"id": UNKNOWN, "ids": [run, UNKNOWN, run]}),
        )
        .await;
    let node = json!({"__typename": "SyncRun", "id": run});
    assert_eq!(
        data,
        json!({"syncRun": null, "node": null, "nodes": [node, null, node]})
    );
}

#[tokio::test]
async fn malformed_request_bodies_are_rejected() {
    let server = TestServer::start(Sqlite).await;
    let graphql = "application/graphql-response+json";
    let mut invalid_utf8 = br#"{"query": "{ syncRuns { totalCount } }", "x": ""#.to_vec();
    invalid_utf8.extend([0xff, b'"', b'}']);
    let mut huge = br#"{"query": "{ syncRuns { totalCount } }", "variables": {"x": ""#.to_vec();
    huge.extend(vec![b'x'; 1024 * 1024]);
    huge.extend(b"\"}}");
    let cases: [(Vec<u8>, u16, &str); 8] = [
        (b"{".to_vec(), 400, "not JSON"),
        (b"\"text\"".to_vec(), 400, "JSON object"),
        (
            b"[{\"query\": \"{ __typename }\"}]".to_vec(),
            400,
            "batches",
        ),
        (b"{}".to_vec(), 400, "`query`"),
        (br#"{"query": 5}"#.to_vec(), 400, "`query`"),
        (
            br#"{"query": "{ __typename }", "variables": [1]}"#.to_vec(),
            400,
            "`variables`",
        ),
        (invalid_utf8, 400, "not UTF-8"),
        (huge, 413, "1048576 bytes"),
    ];
    for (body, status, says) in cases {
        let response = server.post(graphql, body).await;
        assert_eq!(response.status(), status, "{says}");
        let answer: Value = response.json().await.unwrap();
        assert!(answer.get("data").is_none());
        assert_eq!(code(&answer["errors"][0]), "BAD_INPUT");
        assert!(
            answer["errors"][0]["message"]
                .as_str()
                .unwrap()
                .contains(says),
            "{answer}"
        );
    }
}
