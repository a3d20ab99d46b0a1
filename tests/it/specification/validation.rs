//! Which documents and variables are valid, and what literals mean.

use super::{RUN, assert_data, assert_rejected, start};
use crate::support::{DatabaseKind, apply, json, on_both_databases};

#[apply(on_both_databases)]
#[tokio::test]
async fn literals_have_the_text_that_the_specification_defines(database: DatabaseKind) {
    let server = start(database).await;
    let block = "\"\"\"\n        first\n          second \\\"\"\" \\n\n        \"\"\"";
    for (literal, expected) in [
        (r#""\ud83d\udca5""#, r#""💥""#),
        (r#""\u{1F4A5}\u{41}""#, r#""💥A""#),
        (r#""\/\\\"\b\f\n\r\t""#, r#""/\\\"\b\f\n\r\t""#),
        (r#""""a \""" b""""#, r#""a \"\"\" b""#),
        (block, r#""first\n  second \"\"\" \\n""#),
    ] {
        let document = format!(
            "mutation {{ addSyncEvent(input: {{runId: \"$run\", event: {{eventType: \"x\", message: {literal}}}}}) {{
                event {{ message }} }} }}"
        );
        let data = format!(r#"{{"addSyncEvent":{{"event":{{"message":{expected}}}}}}}"#);
        assert_data(&server, &[(&document, json!({}), &data)]).await;
    }
    assert_rejected(
        &server,
        &[
            (r#"{ node(id: "\ud83d") { id } }"#, json!({})),
            (r#"{ node(id: "\u{110000}") { id } }"#, json!({})),
            (r#"{ node(id: "\x") { id } }"#, json!({})),
            ("{ node(id: \"\n\") { id } }", json!({})),
            ("{ syncRuns(first: 01) { totalCount } }", json!({})),
            ("{ syncRuns(first: 1a) { totalCount } }", json!({})),
        ],
    )
    .await;
}

#[apply(on_both_databases)]
#[tokio::test]
async fn ignored_tokens_may_stand_between_any_others(database: DatabaseKind) {
    let server = start(database).await;
    let cases = [
        (
            "\u{feff}query#\r,(,$v#\n:,Boolean=true,){a#💥\n:viewer{...#,\n F@include(,if:$v)}}fragment,F,on#\nViewer{name}",
            json!({}),
            r#"{"a":{"name":"anonymous"}}"#,
        ),
        (
            "{viewer{...,on,Viewer{kind}...,@skip(if:false),{a,:name}}}",
            json!({}),
            r#"{"viewer":{"kind":"ANONYMOUS","a":"anonymous"}}"#,
        ),
    ];
    assert_data(&server, &cases).await;
}

/// Since the edition of September 2025.
#[apply(on_both_databases)]
#[tokio::test]
async fn operations_fragments_and_variables_may_have_descriptions(database: DatabaseKind) {
    let server = start(database).await;
    let document = "\"a\" query Q(\"\"\"b\"\"\" $v: Boolean = true, \"c\" $w: ID = \"d\") {
        viewer { ...F } node(id: $w) @skip(if: $v) { id } } \"e\" fragment F on Viewer { name @include(if: $v) }";
    let data = r#"{"viewer":{"name":"anonymous"}}"#;
    assert_data(&server, &[(document, json!({}), data)]).await;
    for document in [
        "\"a\" { viewer { name } }",
        "\"a query Q { viewer { name } }",
        "\"\\q\" query Q { viewer { name } }",
        "query Q { \"a\" viewer { name } }",
    ] {
        assert_rejected(&server, &[(document, json!({}))]).await;
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn conflicting_selections_are_rejected(database: DatabaseKind) {
    let server = start(database).await;
    let documents = [
        "{ syncRun(id: \"$run\") { ... on SyncRun { id: version } id } }",
        "{ syncRun(id: \"$run\") { events(first: 1) { totalCount } ... on SyncRun { events(first: 2) { totalCount } } } }",
        "{ node(id: \"$run\") { ... on SyncRun { value: status } ... on SyncEvent { value: message } } }",
        "{ syncRuns { nodes { a: id } } ... on Query { ...F } } fragment F on Query { syncRuns { ...G } }
        fragment G on SyncRunConnection { nodes { a: version } }",
        "{ syncRuns(first: 1) { nodes { id } } syncRuns(first: 1, last: null) { nodes { id } } }",
        "{ nodes(ids: [\"$run\"]) { id } nodes(ids: [\"$run\", \"$event\"]) { id } }",
        "{ nodes(ids: [\"$run\"]) { id } nodes(ids: []) { id } }",
        "{ nodes(ids: \"$run\") { id } nodes(ids: [\"$run\"]) { id } }",
        "{ node(id: \"x\") { id } node(id: \"\"\"x\"\"\") { id } }",
    ];
    assert_rejected(&server, &documents.map(|document| (document, json!({})))).await;
}

#[apply(on_both_databases)]
#[tokio::test]
async fn invalid_documents_and_variables_are_rejected(database: DatabaseKind) {
    let server = start(database).await;
    let cases = [
        (
            "query($v: Boolean) { viewer { name @include(if: $v) } }",
            json!({"v": true}),
        ),
        (
            "query($v: Boolean = null) { viewer { ...F } } fragment F on Viewer { name @skip(if: $v) }",
            json!({"v": true}),
        ),
        (
            "query($v: ID) { ...F } fragment F on Query { nodes(ids: [$v]) { id } }",
            json!({"v": RUN}),
        ),
        (
            "query($v: [ID]!) { nodes(ids: $v) { id } }",
            json!({"v": [RUN]}),
        ),
        (
            "{ syncRuns(filter: {status: FAILED, status: FAILED}) { totalCount } }",
            json!({}),
        ),
        ("{ viewer { __typename @nope } }", json!({})),
        (
            "mutation { createSyncRun(input: {entityType: STOCK, source: API, details: {a: [{b: $v}]}}) { replayed } }",
            json!({}),
        ),
        (
            "mutation { addSyncEvents(input: {runId: \"$run\", events: [{eventType: \"a\", message: \"b\",
                details: {a: $v}}]}) { replayedCount } }",
            json!({}),
        ),
        (
            "{ viewer { __typename @include(if: true, if: true) } }",
            json!({}),
        ),
        (
            "{ viewer { name @skip(if: true) @skip(if: true) } }",
            json!({}),
        ),
        ("{ viewer { __typename { name } } }", json!({})),
        ("{ viewer { __typename(first: 1) } }", json!({})),
        ("{ syncRuns(orderBy: ASC) { totalCount } }", json!({})),
        ("{ syncRuns(first: 1.0) { totalCount } }", json!({})),
        (
            "{ syncRuns(filter: {startedAt: {gte: \"yesterday\"}}) { totalCount } }",
            json!({}),
        ),
        (
            "{ viewer { name } ...F } fragment F on Query { ...F }",
            json!({}),
        ),
        (
            "{ viewer { name } } fragment F on Viewer { name }",
            json!({}),
        ),
        ("{ viewer { ... on SyncRun { id } } }", json!({})),
        ("query @skip(if: true) { viewer { name } }", json!({})),
        (
            "query Q($v: Int, $v: Int) { syncRuns(first: $v) { totalCount } }",
            json!({}),
        ),
        ("query Q { __typename } query Q { __typename }", json!({})),
        ("query Q { __typename } { __typename }", json!({})),
        ("type T { a: Int } { __typename }", json!({})),
        (
            "subscription { syncRunChanged { kind } again: syncRunChanged { kind } }",
            json!({}),
        ),
        ("subscription { __typename }", json!({})),
        (
            "query($v: Int) { syncRuns(first: $v) { totalCount } }",
            json!({"v": 1.5}),
        ),
        (
            "query($v: Int) { syncRuns(first: $v) { totalCount } }",
            json!({"v": "1"}),
        ),
        ("query($v: ID!) { node(id: $v) { id } }", json!({})),
        (
            "query($v: SyncRunFilter) { syncRuns(filter: $v) { totalCount } }",
            json!({"v": {"nope": 1}}),
        ),
        (
            "query($v: DateTime) { syncRuns(filter: {startedAt: {gte: $v}}) { totalCount } }",
            json!({"v": "yesterday"}),
        ),
    ];
    assert_rejected(&server, &cases).await;
}

#[apply(on_both_databases)]
#[tokio::test]
async fn valid_documents_and_variables_are_executed(database: DatabaseKind) {
    let server = start(database).await;
    let cases = [
        (
            "query($v: Boolean!) { __typename @include(if: $v) }",
            json!({"v": true}),
            r#"{"__typename":"Query"}"#,
        ),
        (
            "mutation { ...M ... on Mutation { __typename } } fragment M on Mutation { startSyncRun(runId: \"$run\") { replayed } }",
            json!({}),
            r#"{"startSyncRun":{"replayed":true},"__typename":"Mutation"}"#,
        ),
        (
            "query($v: Int) { syncRuns(first: $v) { nodes { id } } }",
            serde_json::from_str(r#"{"v": 1.0}"#).unwrap(),
            r#"{"syncRuns":{"nodes":[{"id":"$run"}]}}"#,
        ),
        (
            "query($v: [SyncStatus!]) { syncRuns(filter: {status: $v}) { totalCount } }",
            json!({"v": "RUNNING"}),
            r#"{"syncRuns":{"totalCount":1}}"#,
        ),
        (
            "query($v: SyncRunFilter = {status: PENDING}, $unknown: Int = 3) {
                syncRuns(filter: {anyOf: [$v, {source: API}], id: \"$other\"}, first: $unknown) { totalCount } }",
            json!({"more": 1}),
            r#"{"syncRuns":{"totalCount":1}}"#,
        ),
        (
            "{ nodes(ids: \"$run\") { ... on Node { ... on User { id } ... on SyncRun { status } } } }",
            json!({}),
            r#"{"nodes":[{"status":"RUNNING"}]}"#,
        ),
    ];
    assert_data(&server, &cases).await;
}
