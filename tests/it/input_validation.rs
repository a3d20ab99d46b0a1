//! Bad input gets its code and a message that says what to do, and leaves the database as it was.

use crate::support::{DatabaseKind, TestServer, Value, apply, code, json, on_both_databases};

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
    for (mutation, input, expected, expected_message) in cases {
        let error = server.error(mutation, json!({"input": input})).await;
        let message = error["message"].as_str().unwrap();
        assert_eq!(code(&error), expected, "{error} for {}", truncated(&input));
        assert!(
            message.contains(expected_message),
            "{message:?} does not say {expected_message:?}"
        );
        assert!(message.len() < 500, "{message}");
    }
    assert_eq!(everything(&server).await, before);
}

fn truncated(value: &Value) -> String {
    value.to_string().chars().take(200).collect()
}
