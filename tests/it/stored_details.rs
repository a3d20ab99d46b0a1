//! The `details` of runs and events come back as they were stored.

use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::support::{
    DatabaseKind, Postgres, Sqlite, TestServer, Value, apply, code, json, on_both_databases,
};

const ID: &str = "0197d2c4-8a3e-7c1b-9f00-3b5a1c2d4e6f";

/// Stores details of a run, as another program does.
async fn store(server: &TestServer, id: &str, details: &str) {
    let (table, id) = (server.table("sync_history"), server.id_literal(id));
    let details = details.replace('\'', "''");
    let sql = format!("UPDATE {table} SET details = '{details}' WHERE id = {id}");
    server.execute_sql(&sql).await;
}

/// Returns the stored text of a run's details.
async fn stored(server: &TestServer, id: &str) -> String {
    let (table, id) = (server.table("sync_history"), server.id_literal(id));
    let backend = if server.is_on_postgres() {
        DbBackend::Postgres
    } else {
        DbBackend::Sqlite
    };
    let sql = format!("SELECT CAST(details AS text) AS details FROM {table} WHERE id = {id}");
    let connection = server.external_connection().await;
    let row = connection.query_one_raw(Statement::from_string(backend, sql));
    row.await.unwrap().unwrap().try_get("", "details").unwrap()
}

/// Posts a request and returns the text of the response.
async fn post(server: &TestServer, body: &str) -> String {
    let response = server.post("application/json", body.to_owned()).await;
    response.text().await.unwrap()
}

/// Numbers that the server stores and returns.
const NUMBERS: &[(&str, &str)] = &[
    ("9007199254740991.0", "9007199254740991.0"),
    ("0.1", "0.1"),
    ("1.50", "1.5"),
    ("1e307", "1e+307"),
    ("2.2250738585072014e-308", "2.2250738585072014e-308"),
    ("5e-324", "5e-324"),
    ("-0.30000000000000004", "-0.30000000000000004"),
    ("123456789012345680000", "1.2345678901234568e+20"),
    ("9223372036854775807", "9223372036854775807"),
    ("-9223372036854775808", "-9223372036854775808"),
    ("123456789012345678", "123456789012345678"),
    ("18446744073709551615", "18446744073709551615"),
    ("0.1e1", "1.0"),
    ("1.0", "1.0"),
    ("10000000000000000000000e-22", "1.0"),
];

#[apply(on_both_databases)]
#[tokio::test]
async fn numbers_in_details_are_returned_as_they_were_given(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    for (given, expected) in NUMBERS {
        let create = "mutation($d: JSON) { createSyncRun(input: {entityType: STOCK, source: API, status: RUNNING,
            details: $d}) { run { id details } } }".replace('\n', " ");
        let body = format!(r#"{{"query": "{create}", "variables": {{"d": {{"n": {given}}}}}}}"#);
        let created = post(&server, &body).await;
        let details = format!(r#""details":{{"n":{expected}}}"#);
        assert!(created.contains(&details), "{given}: {created}");
        let id = &created[created.find("\"id\":\"").unwrap() + 6..][..36];
        // As literals in the document, in each mutation that has details, and in each place that returns them.
        for mutation in [
            format!("reportSyncProgress(input: {{runId: \\\"{id}\\\", details: {{b: [{given}]}}}}) {{ run {{ details }} }}"),
            format!("addSyncEvent(input: {{runId: \\\"{id}\\\", event: {{eventType: \\\"a\\\", message: \\\"b\\\",
                details: {{b: [{given}]}}}}}}) {{ event {{ details }} }}").replace('\n', " "),
            format!("completeSyncRun(input: {{runId: \\\"{id}\\\", details: {{c: {given}}}}}) {{ run {{ details }} }}"),
        ] {
            let body = format!(r#"{{"query": "mutation {{ {mutation} }}"}}"#);
            let written = post(&server, &body).await;
            assert!(written.contains(expected), "{given}: {written}");
        }
        let query = format!(
            "{{ syncRun(id: \\\"{id}\\\") {{ details events {{ edges {{ node {{ details }} }} }} }} }}"
        );
        let read = post(&server, &format!(r#"{{"query": "{query}"}}"#)).await;
        let details = stored(&server, id).await;
        assert!(
            read.contains(&format!("\"details\":{details}")),
            "{details}: {read}"
        );
        for part in [
            format!("\"n\":{expected}"),
            format!("\"b\":[{expected}]"),
            format!("\"c\":{expected}"),
        ] {
            let read = read.replace("\" : ", "\":").replace(": ", ":");
            assert!(read.contains(&part), "{part}: {read}");
        }
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn numbers_that_would_change_are_rejected_in_details_only(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let run = server.create_stock_run().await;
    for number in [
        "12345678901234567890123",
        "9223372036854775808.5",
        "0.12345678901234567891",
        "9007199254740993.0",
        "1e-400",
    ] {
        let create = "mutation($d: JSON) { createSyncRun(input: {entityType: STOCK, source: API, details: $d}) { replayed } }";
        let variable =
            format!(r#"{{"query": "{create}", "variables": {{"d": {{"n": [{number}]}}}}}}"#);
        let literal = format!(
            r#"{{"query": "mutation {{ addSyncEvents(input: {{runId: \"{run}\", events: [{{eventType: \"a\", message: \"b\", details: {{n: {number}}}}}]}}) {{ replayedCount }} }}"}}"#
        );
        for body in [variable, literal] {
            let response: Value = serde_json::from_str(&post(&server, &body).await).unwrap();
            let error = &response["errors"][0];
            assert_eq!(code(error), "BAD_INPUT", "{body}: {response}");
            let message = error["message"].as_str().unwrap();
            assert!(
                message.contains(&format!("the number {number}")),
                "{message}"
            );
        }
        let body = format!(
            r#"{{"query": "query($from: Float) {{ syncRuns(filter: {{durationSeconds: {{gte: $from}}}}) {{ totalCount }} }}", "variables": {{"from": {number}}}}}"#
        );
        let response: Value = serde_json::from_str(&post(&server, &body).await).unwrap();
        assert!(response.get("errors").is_none(), "{response}");
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn merging_keeps_what_is_not_named(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    for (details, expected) in [
        (
            r#"{"ean": 12345678901234567890123}"#,
            r#""ean": 12345678901234567890123"#,
        ),
        (
            r#"{"a": [ 1.50,  {"z": 1e5, "y": 2.0} ]}"#,
            r#"[ 1.50,  {"z": 1e5, "y": 2.0} ]"#,
        ),
        (r#"{"text": "a\u0000b"}"#, r#""a\u0000b""#),
        (r#"{"text": "\udce9"}"#, r#""\udce9""#),
        (r#"{"big": 1e400}"#, "1e400"),
        (r#"{"k": 1, "k": 2}"#, r#""k": 1, "k": 2"#),
        ("[1, 2, 3]", r#""previousDetails": [1, 2, 3]"#),
        (r#""text""#, r#""previousDetails": "text""#),
        ("null", "{"),
    ] {
        let run = server.create_stock_run().await;
        store(&server, &run, details).await;
        let progress = "mutation($id: ID!) { reportSyncProgress(input: {runId: $id, details: {step: 1}}) { run { id } } }";
        server.data(progress, json!({"id": run})).await;
        let complete = json!({"details": {"step": 2, "done": true}});
        for replayed in [false, true] {
            let completed = server.complete_run(&run, complete.clone()).await;
            let payload = &completed["data"]["completeSyncRun"];
            assert_eq!(payload["replayed"], replayed, "{details}: {completed}");
        }
        let merged = spaced(&stored(&server, &run).await);
        for part in [expected, r#""step": 2"#, r#""done": true"#] {
            assert!(
                merged.contains(&spaced(part)),
                "{details}: {merged} lacks {part}"
            );
        }
        assert!(!merged.contains(&spaced(r#""step": 1"#)), "{merged}");
    }
}

/// PostgreSQL and the server put different spaces between keys and values.
fn spaced(json: &str) -> String {
    json.replace("\" : ", "\":")
        .replace("\": ", "\":")
        .replace(", \"", ",\"")
}

/// Python writes such values, which are no JSON.
#[tokio::test]
async fn merging_keeps_details_that_are_no_json_on_sqlite() {
    let server = TestServer::start(Sqlite).await;
    let run = server.create_stock_run().await;
    let details = r#"{"rate": NaN, "k": "it's"}"#;
    store(&server, &run, details).await;
    let completed = server
        .complete_run(&run, json!({"details": {"a": 1}}))
        .await;
    let expected = json!({"previousDetails": details, "a": 1});
    assert_eq!(
        completed["data"]["completeSyncRun"]["run"]["details"],
        expected
    );
}

#[tokio::test]
async fn details_take_no_more_space_than_their_text_on_postgres() {
    let server = TestServer::start(Postgres).await;
    let numbers = vec!["1e307"; 9000].join(",");
    let create = "mutation($d: JSON) { createSyncRun(input: {id: \\\"ID\\\", entityType: STOCK, source: API, details: $d}) { replayed } }";
    let create = create.replace("ID\\", &format!("{ID}\\"));
    let body = format!(r#"{{"query": "{create}", "variables": {{"d": {{"n": [{numbers}]}}}}}}"#);
    post(&server, &body).await;
    let length = stored(&server, ID).await.len();
    assert!(length < 64 * 1024, "{length}");
    let completed = server.complete_run(ID, json!({"details": {"a": 1}})).await;
    assert_eq!(completed["data"]["completeSyncRun"]["replayed"], false);
    assert!(stored(&server, ID).await.len() < length + 50);
}

/// Also on lists that async-graphql resolves, and over server-sent events, whose data is one line.
#[apply(on_both_databases)]
#[tokio::test]
async fn details_are_delivered_as_they_are_stored(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let run = server.create_stock_run().await;
    store(&server, &run, "{\r\n\"ean\": 12345678901234567890123\n}").await;
    let query = "{ syncRuns { nodes { details } edges { node { details } } } }";
    let body = json!({"query": query}).to_string();
    let response = server.post("text/event-stream", body).await;
    let events = response.text().await.unwrap();
    let node = r#"{"details":{  "ean": 12345678901234567890123 }}"#;
    let data =
        format!(r#"{{"data":{{"syncRuns":{{"nodes":[{node}],"edges":[{{"node":{node}}}]}}}}}}"#);
    assert!(events.contains(&format!("data: {data}\n")), "{events}");
}

/// Beyond the range of floats.
#[apply(on_both_databases)]
#[tokio::test]
async fn numbers_out_of_range_are_rejected(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    for number in ["1E400", "-1e309", &"9".repeat(400)] {
        let create =
            "createSyncRun(input: {entityType: STOCK, source: API, details: DETAILS}) { replayed }";
        let variable = create.replace("DETAILS", "$d");
        let variable = format!(
            r#"{{"query": "mutation($d: JSON) {{ {variable} }}", "variables": {{"d": {{"n": {number}}}}}}}"#
        );
        let literal = create.replace("DETAILS", &format!("{{n: [{number}]}}"));
        let literal = format!(r#"{{"query": "mutation {{ {literal} }}"}}"#);
        for body in [variable, literal] {
            let response: Value = serde_json::from_str(&post(&server, &body).await).unwrap();
            let error = &response["errors"][0];
            assert_eq!(code(error), "BAD_INPUT", "{body}: {response}");
            let message = error["message"].as_str().unwrap();
            assert!(message.contains("number"), "{message}");
        }
    }
    assert_eq!(server.count_runs().await, 0);
}

/// Integers that are equal as floats.
#[apply(on_both_databases)]
#[tokio::test]
async fn different_integers_are_no_replay(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let run = server.create_stock_run().await;
    let event = |number: i64| json!([{"id": ID, "eventType": "a", "message": "b", "details": {"n": number}}]);
    server.add_events(&run, event(9_007_199_254_740_992)).await;
    let add =
        "mutation($input: AddSyncEventsInput!) { addSyncEvents(input: $input) { replayedCount } }";
    let input = json!({"runId": run, "events": event(9_007_199_254_740_993)});
    let error = server.error(add, json!({"input": input})).await;
    assert_eq!(code(&error), "ID_CONFLICT", "{error}");
}

/// A run whose details grow without bound would make each report slower.
#[apply(on_both_databases)]
#[tokio::test]
async fn merged_details_are_bounded(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let id = server.create_stock_run().await;
    let report = "mutation($input: ReportSyncProgressInput!) { reportSyncProgress(input: $input) { run { version } } }";
    let text = "x".repeat(60_000);
    let input = |key: &str| json!({"input": {"runId": id, "details": {key: text}}});
    for key in ["a", "b", "c", "d"] {
        server.data(report, input(key)).await;
    }
    let error = server.error(report, input("e")).await;
    assert_eq!(code(&error), "BAD_INPUT");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("at most 262144 are stored"), "{message}");
    // Replacing a key does not add to them, and completing without details always works.
    server.data(report, input("d")).await;
    let data = server
        .data(
            "query($id: ID!) { syncRun(id: $id) { details } }",
            json!({"id": id}),
        )
        .await;
    let details = data["syncRun"]["details"].as_object().unwrap();
    assert_eq!(details.keys().collect::<Vec<_>>(), ["a", "b", "c", "d"]);
    store(&server, &id, &json!({"a": "x".repeat(300_000)}).to_string()).await;
    let complete =
        "mutation($input: CompleteSyncRunInput!) { completeSyncRun(input: $input) { replayed } }";
    let error = server
        .error(
            complete,
            json!({"input": {"runId": id, "details": {"b": 1}}}),
        )
        .await;
    assert_eq!(code(&error), "BAD_INPUT");
    let without_details = json!({"input": {"runId": id}});
    let completed = server.data(complete, without_details.clone()).await;
    assert_eq!(completed["completeSyncRun"]["replayed"], false);
    // Details do not hide that the run has ended.
    let error = server.error(report, input("e")).await;
    assert_eq!(code(&error), "ALREADY_FINISHED");
}
