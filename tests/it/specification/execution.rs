//! How valid documents are executed.

use super::{OTHER, RUN, assert_data, assert_errors, start, with_ids};
use crate::support::{DatabaseKind, apply, json, on_both_databases, socket::Socket};

#[apply(on_both_databases)]
#[tokio::test]
async fn selections_of_one_field_are_merged(database: DatabaseKind) {
    let server = start(database).await;
    let cases = [
        (
            "{ syncRuns(first: 1) { pageInfo { hasNextPage @skip(if: true) } pageInfo { hasPreviousPage } } }",
            json!({}),
            r#"{"syncRuns":{"pageInfo":{"hasPreviousPage":false}}}"#,
        ),
        (
            "query($with: Boolean!) { syncRuns(first: 2) {
                edges { cursor @include(if: $with) } edges { node { status } } } }",
            json!({"with": false}),
            r#"{"syncRuns":{"edges":[{"node":{"status":"RUNNING"}},{"node":{"status":"PENDING"}}]}}"#,
        ),
        (
            "{ ...F syncRun(id: \"$run\") { events(first: 1) { nodes { message } } } ... on Query { ...F } }
            fragment F on Query { syncRun(id: \"$run\") { status events(first: 1) { totalCount } } }",
            json!({}),
            r#"{"syncRun":{"status":"RUNNING","events":{"totalCount":2,"nodes":[{"message":"one"}]}}}"#,
        ),
        (
            "{ nodes(ids: [\"$run\", \"$event\"]) {
                ... on SyncRun { value: version } ... on SyncEvent { text: message } ... on Node { id } } }",
            json!({}),
            r#"{"nodes":[{"value":1,"id":"$run"},{"text":"one","id":"$event"}]}"#,
        ),
        (
            "{ syncRuns(filter: {status: [RUNNING], source: API}, first: 1) { totalCount }
                syncRuns(first: 1, filter: {source: API, status: [RUNNING]}) { nodes { id } } }",
            json!({}),
            r#"{"syncRuns":{"totalCount":1,"nodes":[{"id":"$run"}]}}"#,
        ),
        (
            "mutation { startSyncRun(runId: \"$other\") { replayed } ...M }
            fragment M on Mutation { startSyncRun(runId: \"$other\") { run { status } } }",
            json!({}),
            r#"{"startSyncRun":{"replayed":false,"run":{"status":"RUNNING"}}}"#,
        ),
    ];
    assert_data(&server, &cases).await;
}

#[apply(on_both_databases)]
#[tokio::test]
async fn an_object_without_selected_fields_is_empty(database: DatabaseKind) {
    let server = start(database).await;
    let cases = [
        (
            "{ node(id: \"$event\") { ... on SyncRun { status } } }",
            json!({}),
            r#"{"node":{}}"#,
        ),
        (
            "{ viewer { name @skip(if: true) } }",
            json!({}),
            r#"{"viewer":{}}"#,
        ),
        (
            "query($with: Boolean!) { syncRuns(first: 1) { nodes { id @include(if: $with) } pageInfo { ...F } } }
            fragment F on PageInfo { endCursor @include(if: $with) }",
            json!({"with": false}),
            r#"{"syncRuns":{"nodes":[{}],"pageInfo":{}}}"#,
        ),
        (
            "{ __schema { queryType { name @skip(if: true) } } }",
            json!({}),
            r#"{"__schema":{"queryType":{}}}"#,
        ),
        ("{ viewer @skip(if: true) { name } }", json!({}), "{}"),
        (
            "{ syncRun(id: \"0197d2c4-8a3e-7c1b-9f00-ffffffffffff\") { id @skip(if: true) } }",
            json!({}),
            r#"{"syncRun":null}"#,
        ),
        (
            "mutation { startSyncRun(runId: \"$other\") { run { status @skip(if: true) } } }",
            json!({}),
            r#"{"startSyncRun":{"run":{}}}"#,
        ),
    ];
    assert_data(&server, &cases).await;
}

#[apply(on_both_databases)]
#[tokio::test]
async fn directives_use_the_declared_defaults_of_variables(database: DatabaseKind) {
    let server = start(database).await;
    let name = r#"{"viewer":{"name":"anonymous"}}"#;
    let cases = [
        (
            "query($v: Boolean! = true) { viewer { name @include(if: $v) } }",
            json!({}),
            name,
        ),
        (
            "query($v: Boolean = false) { viewer { name @skip(if: $v) } }",
            json!({}),
            name,
        ),
        (
            "query($v: Boolean! = true) { viewer { name @include(if: $v) } }",
            json!({"v": false}),
            r#"{"viewer":{}}"#,
        ),
        (
            "query($v: Boolean! = true) { ... @skip(if: $v) { viewer { name } } __typename }",
            json!({}),
            r#"{"__typename":"Query"}"#,
        ),
    ];
    assert_data(&server, &cases).await;
}

#[apply(on_both_databases)]
#[tokio::test]
async fn an_omitted_variable_takes_the_default_of_its_place(database: DatabaseKind) {
    let server = start(database).await;
    let count = "query($n: Int) { syncRuns(first: 1) { totalCount(upTo: $n) } }";
    let order = "query($f: SyncRunOrderField, $d: OrderDirection) {
        syncRuns(first: 1, orderBy: {field: $f, direction: $d}) { nodes { id } } }";
    let complete = "mutation($status: SyncOutcome, $message: String) { completeSyncRun(
        input: {runId: \"$run\", status: $status, errorMessage: $message}) { run { status errorMessage } } }";
    let cases = [
        (count, json!({}), r#"{"syncRuns":{"totalCount":2}}"#),
        (count, json!({"n": 1}), r#"{"syncRuns":{"totalCount":1}}"#),
        (
            order,
            json!({}),
            r#"{"syncRuns":{"nodes":[{"id":"$run"}]}}"#,
        ),
        (
            order,
            json!({"d": "ASC"}),
            r#"{"syncRuns":{"nodes":[{"id":"$other"}]}}"#,
        ),
        (
            complete,
            json!({}),
            r#"{"completeSyncRun":{"run":{"status":"COMPLETED","errorMessage":null}}}"#,
        ),
    ];
    assert_data(&server, &cases).await;
    // An explicit null is not an omitted value.
    for (document, variables, data, path) in [
        (
            count,
            json!({"n": null}),
            json!({"syncRuns": {"totalCount": null}}),
            json!(["syncRuns", "totalCount"]),
        ),
        (
            order,
            json!({"f": null}),
            json!({"syncRuns": null}),
            json!(["syncRuns"]),
        ),
        (
            complete,
            json!({"status": null}),
            json!({"completeSyncRun": null}),
            json!(["completeSyncRun"]),
        ),
    ] {
        assert_errors(&server, document, variables, data, vec![path]).await;
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_page_of_none_has_its_count(database: DatabaseKind) {
    let server = start(database).await;
    let cases = [
        (
            "{ syncRuns(first: 0) { totalCount nodes { id } pageInfo { hasNextPage hasPreviousPage endCursor } } }",
            json!({}),
            r#"{"syncRuns":{"totalCount":2,"nodes":[],"pageInfo":{"hasNextPage":true,"hasPreviousPage":false,"endCursor":null}}}"#,
        ),
        (
            "{ syncEvents(last: 0) { totalCount edges { cursor } } }",
            json!({}),
            r#"{"syncEvents":{"totalCount":2,"edges":[]}}"#,
        ),
        (
            "{ syncRuns { nodes { events(first: 0) { totalCount nodes { id } } } } }",
            json!({}),
            r#"{"syncRuns":{"nodes":[{"events":{"totalCount":2,"nodes":[]}},{"events":{"totalCount":0,"nodes":[]}}]}}"#,
        ),
    ];
    assert_data(&server, &cases).await;
}

#[apply(on_both_databases)]
#[tokio::test]
async fn introspection_returns_empty_lists_and_objects(database: DatabaseKind) {
    let server = start(database).await;
    let cases = [
        (
            "{ __type(name: \"Node\") { interfaces { name } possibleTypes { name } fields { args { name } } } }",
            json!({}),
            r#"{"__type":{"interfaces":[],"possibleTypes":[{"name":"SyncEvent"},{"name":"SyncRun"},{"name":"User"}],"fields":[{"args":[]}]}}"#,
        ),
        (
            "{ __type(name: \"SyncOutcome\") { isOneOf interfaces { name } enumValues { name } } }",
            json!({}),
            r#"{"__type":{"isOneOf":null,"interfaces":null,"enumValues":[{"name":"COMPLETED"},{"name":"FAILED"},{"name":"CANCELLED"}]}}"#,
        ),
        ("{ __type(name: \"Nope\") { name } }", json!({}), r#"{"__type":null}"#),
        (
            "query($v: Boolean) { viewer { kind } __type(name: \"FloatRange\") { isOneOf
                inputFields(includeDeprecated: $v) { name type { __typename name } defaultValue } } }",
            json!({}),
            r#"{"viewer":{"kind":"ANONYMOUS"},"__type":{"isOneOf":false,"inputFields":[{"name":"gt","type":{"__typename":"__Type","name":"Float"},"defaultValue":null},{"name":"gte","type":{"__typename":"__Type","name":"Float"},"defaultValue":null},{"name":"lt","type":{"__typename":"__Type","name":"Float"},"defaultValue":null},{"name":"lte","type":{"__typename":"__Type","name":"Float"},"defaultValue":null}]}}"#,
        ),
    ];
    assert_data(&server, &cases).await;
}

#[apply(on_both_databases)]
#[tokio::test]
async fn keys_have_the_order_of_the_document(database: DatabaseKind) {
    let server = start(database).await;
    let cases = [
        (
            "query($v: Boolean!) { nodes(ids: \"$run\") { id @include(if: $v) ... on SyncRun { status } id } __typename }",
            json!({"v": false}),
            r#"{"nodes":[{"status":"RUNNING","id":"$run"}],"__typename":"Query"}"#,
        ),
        (
            "{ viewer @skip(if: true) { name } b: viewer { kind } ... on Query { a: viewer { kind name } viewer { kind } }
                b: viewer { scopes @include(if: false) name } }",
            json!({}),
            r#"{"b":{"kind":"ANONYMOUS","name":"anonymous"},"a":{"kind":"ANONYMOUS","name":"anonymous"},"viewer":{"kind":"ANONYMOUS"}}"#,
        ),
        (
            "{ syncEvents(first: 1) { edges { node { message run { status } id: __typename } __typename } totalCount } }",
            json!({}),
            r#"{"syncEvents":{"edges":[{"node":{"message":"two","run":{"status":"RUNNING"},"id":"SyncEvent"},"__typename":"SyncEventEdge"}],"totalCount":2}}"#,
        ),
    ];
    assert_data(&server, &cases).await;
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_failing_field_is_executed_and_reported_once(database: DatabaseKind) {
    let server = start(database).await;
    let document = "{ node(id: \"x\") { id } ...F viewer { kind } } fragment F on Query { node(id: \"x\") { __typename } }";
    let data = json!({"node": null, "viewer": {"kind": "ANONYMOUS"}});
    assert_errors(&server, document, json!({}), data, vec![json!(["node"])]).await;

    let document = "{ syncRun(id: \"$run\") { status events(first: -1) { totalCount } ... { events(first: -1) { __typename } } } }";
    let data = json!({"syncRun": null});
    let paths = vec![json!(["syncRun", "events"])];
    assert_errors(&server, document, json!({}), data, paths).await;

    // The values of variables in directives are coerced when an object is reached.
    let document = "query($v: Boolean = true) { syncRun(id: \"$run\") { id @include(if: $v) } viewer { kind } }";
    let data = json!({"syncRun": null, "viewer": {"kind": "ANONYMOUS"}});
    let paths = vec![json!(["syncRun"])];
    assert_errors(&server, document, json!({"v": null}), data, paths).await;
}

#[apply(on_both_databases)]
#[tokio::test]
async fn mutations_after_a_failed_one_are_executed(database: DatabaseKind) {
    let server = start(database).await;
    let document = "mutation {
        a: completeSyncRun(input: {runId: \"$run\"}) { replayed }
        b: startSyncRun(runId: \"$run\") { replayed }
        c: startSyncRun(runId: \"$other\") { replayed } }";
    let paths = vec![json!(["b"])];
    let data = json!({"a": {"replayed": false}, "b": null, "c": {"replayed": false}});
    assert_errors(&server, document, json!({}), data, paths).await;
    assert_eq!(server.get_run(RUN).await["status"], "COMPLETED");
    assert_eq!(server.get_run(OTHER).await["status"], "RUNNING");
}

#[apply(on_both_databases)]
#[tokio::test]
async fn subscriptions_merge_selections_of_their_field(database: DatabaseKind) {
    let server = start(database).await;
    let mut socket = server
        .subscribe(
            &with_ids(
                "subscription($v: Boolean! = true) { ...S syncEventAdded(runId: \"$run\") { event { id @skip(if: $v) } } }
                fragment S on Subscription { ... { syncEventAdded(runId: \"$run\") {
                    event { message run { id @skip(if: $v) } } } } }",
            ),
            json!({}),
        )
        .await;
    for message in ["one", "two"] {
        let event = json!({"message": message, "run": {}});
        assert_eq!(
            socket.data().await,
            json!({"syncEventAdded": {"event": event}})
        );
    }
    let mut socket = Socket::open(&server.url).await;
    socket
        .subscribe(
            "subscription { a: syncRunChanged { kind } syncRunChanged { kind } }",
            json!({}),
        )
        .await;
    assert_eq!(socket.receive().await["type"], "error");
}
