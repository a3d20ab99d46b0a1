//! Queries with invalid arguments or unknown ids.

use crate::support::{DatabaseKind, TestServer, apply, code, json, on_both_databases};

const UNKNOWN: &str = "0197d2c4-8a3e-7c1b-9f00-3b5a1c2d4e6f";

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
    let invalid_inputs = vec![
        (
            "{ syncRuns(first: -1) { totalCount } }".to_owned(),
            "first is -1",
        ),
        (
            "{ syncRuns(first: 101) { totalCount } }".to_owned(),
            "0 to 100",
        ),
        (
            "{ syncRuns(last: 101) { totalCount } }".to_owned(),
            "last is 101",
        ),
        (
            "{ syncRuns(first: 1, last: 1) { totalCount } }".to_owned(),
            "first and last",
        ),
        (
            "{ syncEvents(last: -1) { totalCount } }".to_owned(),
            "last is -1",
        ),
        (
            "{ syncRuns { nodes { events(first: 1000) { totalCount } } } }".to_owned(),
            "0 to 100",
        ),
        (
            "{ syncRuns { totalCount(upTo: 0) } }".to_owned(),
            "upTo is 0",
        ),
        ("{ syncRun(id: \"42\") { id } }".to_owned(), "is not a UUID"),
        ("{ node(id: \"\") { id } }".to_owned(), "is not a UUID"),
        (
            "{ syncRuns(filter: {id: \"x\"}) { totalCount } }".to_owned(),
            "is not a UUID",
        ),
        (
            "{ syncRuns(filter: {startedAt: {gte: \"2026-11-23\"}}) { totalCount } }".to_owned(),
            "with an offset",
        ),
        (
            format!("{{ syncRuns(filter: {deep}) {{ totalCount }} }}"),
            "flatter",
        ),
        (
            format!(
                "{{ syncRuns(filter: {{errorContains: \"{}\"}}) {{ totalCount }} }}",
                "x".repeat(501)
            ),
            "500",
        ),
        (
            "{ syncRuns(filter: {errorContains: \"\\u0000\"}) { totalCount } }".to_owned(),
            "U+0000",
        ),
        (
            "{ syncEvents(filter: {messageContains: \"\\u0000\"}) { totalCount } }".to_owned(),
            "U+0000",
        ),
        (
            "{ syncEvents(filter: {eventType: \"\\u0000\"}) { totalCount } }".to_owned(),
            "U+0000",
        ),
        ("{ nope }".to_owned(), "nope"),
        ("{".to_owned(), "expected"),
        (String::new(), "expected"),
    ];
    let invalid_cursors = vec![
        (
            format!("{{ syncRuns(after: \"{other}\") {{ totalCount }} }}"),
            "orderBy",
        ),
        (
            format!("{{ syncRuns(before: \"{feed}\") {{ totalCount }} }}"),
            "cursor",
        ),
        (
            format!("{{ syncEvents(after: \"{cursor}\") {{ totalCount }} }}"),
            "cursor",
        ),
        (
            format!(
                "{{ syncRuns(after: \"{}\") {{ totalCount }} }}",
                &cursor[1..]
            ),
            "cursor",
        ),
        (
            "{ syncRuns(after: \"\") { totalCount } }".to_owned(),
            "cursor",
        ),
        (
            "{ syncRuns(after: \"🦀\") { totalCount } }".to_owned(),
            "cursor",
        ),
    ];
    for (expected, cases) in [
        ("BAD_INPUT", invalid_inputs),
        ("BAD_CURSOR", invalid_cursors),
    ] {
        for (query, expected_message) in cases {
            let error = server.error(&query, json!({})).await;
            let message = error["message"].as_str().unwrap();
            assert_eq!(code(&error), expected, "{error} for {query}");
            assert!(
                message.contains(expected_message),
                "{message:?} does not contain {expected_message:?}"
            );
        }
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
