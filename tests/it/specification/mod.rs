//! Documents are answered as the GraphQL specification defines. These are the kinds of documents that are easily answered
//! differently; the test in `conformance.rs` compares random ones.

mod execution;
mod validation;

use crate::support::{DatabaseKind, TestServer, Value, code, json};

const RUN: &str = "0197d2c4-8a3e-7c1b-9f00-0000000000a1";
const OTHER: &str = "0197d2c4-8a3e-7c1b-9f00-0000000000a2";
const EVENT: &str = "0197d2c4-8a3e-7c1b-9f00-0000000000b1";
const GRAPHQL: &str = "application/graphql-response+json";

/// Starts a server with two runs, of which the first has two events. `$run`, `$other` and `$event` stand for their ids
/// in documents.
async fn start(database: DatabaseKind) -> TestServer {
    let server = TestServer::start(database).await;
    for (id, status, hour) in [(RUN, "RUNNING", "09"), (OTHER, "PENDING", "08")] {
        let started_at = format!("2026-11-23T{hour}:00:00Z");
        server
            .create_run(json!({"id": id, "status": status, "startedAt": started_at,
                "entityType": "STOCK", "source": "API"}))
            .await;
    }
    let events = json!([
        {"id": EVENT, "eventType": "start", "message": "one", "timestamp": "2026-11-23T09:00:01Z"},
        {"eventType": "end", "message": "two", "timestamp": "2026-11-23T09:00:02Z"},
    ]);
    server.add_events(RUN, events).await;
    server
}

fn with_ids(text: &str) -> String {
    let ids = [("$run", RUN), ("$other", OTHER), ("$event", EVENT)];
    ids.iter().fold(text.to_owned(), |text, (name, id)| {
        text.replace(&format!("\"{name}\""), &format!("\"{id}\""))
    })
}

/// Executes a document and returns the status and the text of the response.
async fn respond(server: &TestServer, document: &str, variables: &Value) -> (u16, String) {
    let request = json!({"query": with_ids(document), "variables": variables});
    let response = server.post(GRAPHQL, request.to_string()).await;
    (response.status().as_u16(), response.text().await.unwrap())
}

/// Asserts that documents return exactly these texts as `data`, without errors.
async fn assert_data(server: &TestServer, cases: &[(&str, Value, &str)]) {
    for (document, variables, data) in cases {
        let (_, response) = respond(server, document, variables).await;
        let expected = format!("{{\"data\":{}}}", with_ids(data));
        assert_eq!(response, expected, "{document} with {variables}");
    }
}

/// Asserts that documents are rejected before execution, with one error that has a code.
async fn assert_rejected(server: &TestServer, cases: &[(&str, Value)]) {
    for (document, variables) in cases {
        let (status, response) = respond(server, document, variables).await;
        let body: Value = serde_json::from_str(&response).unwrap();
        assert_eq!(status, 400, "{document} with {variables}: {response}");
        assert!(body.get("data").is_none(), "{document}: {response}");
        let errors = body["errors"].as_array().unwrap();
        assert_eq!(code(&errors[0]), "BAD_INPUT", "{document}: {response}");
    }
}

/// Asserts that a document is executed with errors at these paths, in any order.
async fn assert_errors(
    server: &TestServer,
    document: &str,
    variables: Value,
    data: Value,
    mut paths: Vec<Value>,
) {
    let (status, response) = respond(server, document, &variables).await;
    let body: Value = serde_json::from_str(&response).unwrap();
    assert_eq!(status, 200, "{document}: {response}");
    assert_eq!(body["data"], data, "{document}: {response}");
    let errors = body["errors"].as_array().unwrap();
    let mut found: Vec<_> = errors.iter().map(|error| error["path"].clone()).collect();
    found.sort_by_key(Value::to_string);
    paths.sort_by_key(Value::to_string);
    assert_eq!(found, paths, "{document}: {response}");
}
