//! Mutations with invalid input are rejected with a code and a helpful message, and change nothing.

use crate::support::{DatabaseKind, TestServer, Value, apply, code, json, on_both_databases};

const UNKNOWN: &str = "0197d2c4-8a3e-7c1b-9f00-3b5a1c2d4e6f";

/// Returns all runs and events.
async fn all_rows(server: &TestServer) -> Value {
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
    let of_run = |field: &str, value: Value| json!({"runId": run, field: value});
    let many: Vec<Value> = vec![json!({"eventType": "x", "message": "x"}); 1001];
    let large = json!({"text": "x".repeat(64 * 1024)});
    let invalid = vec![
        (create, new("id", json!("not-a-uuid")), "is not a UUID"),
        (
            create,
            new("status", json!("COMPLETED")),
            "complete it afterwards",
        ),
        (
            create,
            new("source", json!("UNKNOWN")),
            "one of the other values",
        ),
        (
            create,
            new("startedAt", json!("2026-11-23T09:00:00")),
            "with an offset",
        ),
        (
            create,
            new("startedAt", json!("yesterday")),
            "with an offset",
        ),
        (create, new("startedAt", json!(1_700_000_000)), "DateTime"),
        (
            create,
            new("startedAt", json!("2026-11-24T09:00:00.000001Z")),
            "startedAt is 2026-11-24T09:00:00.000001Z, more than a day after 2026-11-23T09:00:00.000000Z",
        ),
        (
            create,
            new("startedAt", json!("-0001-01-01T00:00:00Z")),
            "with an offset",
        ),
        (
            create,
            new("startedAt", json!("0000-01-01T00:00:00+00:01")),
            "with an offset",
        ),
        (
            add,
            event("timestamp", json!("+12026-01-01T00:00:00Z")),
            "with an offset",
        ),
        (
            add,
            event("timestamp", json!("2036-11-23T09:00:00Z")),
            "timestamp is 2036-",
        ),
        (
            add_all,
            json!({"runId": run, "events": [{"eventType": "x", "message": "x"},
            {"eventType": "x", "message": "x", "timestamp": "9999-12-31T23:59:59Z"}]}),
            "timestamp is 9999-",
        ),
        (
            complete,
            of_run("completedAt", json!("2026-11-25T09:00:00+01:00")),
            "completedAt is 2026-11-25T08:00:00.000000Z",
        ),
        (
            add,
            event("message", json!("m".repeat(65_537))),
            "message has 65537 bytes; at most 65536",
        ),
        (
            complete,
            of_run("errorMessage", json!("é".repeat(32_769))),
            "errorMessage has 65538 bytes",
        ),
        (
            create,
            new("recordsExpected", json!(-1)),
            "cannot be negative",
        ),
        (create, new("details", json!([1])), "JSON object"),
        (create, new("details", json!("text")), "JSON object"),
        (create, new("details", large.clone()), "65536"),
        (create, new("details", json!({"a": ["\0"]})), "U+0000"),
        (create, new("details", json!({"\0": 1})), "U+0000"),
        (create, new("color", json!("red")), "color"),
        (create, json!({"entityType": "STOCK"}), "source"),
        (
            create,
            new("entityType", json!("PLANETS")),
            "SyncEntityType",
        ),
        (add, event("eventType", json!("")), "1 to 50"),
        (
            add,
            event("eventType", json!("é".repeat(51))),
            "51 characters",
        ),
        (add, event("message", json!("a\0b")), "U+0000"),
        (add, event("details", json!(5)), "JSON object"),
        (add, event("details", large.clone()), "65536"),
        (
            add,
            event("timestamp", json!("2026-11-23 09:00")),
            "with an offset",
        ),
        (
            add_all,
            json!({"runId": run, "events": many}),
            "at most 1000",
        ),
        (
            add_all,
            json!({"runId": run, "events": [{"eventType": "x", "message": "good"},
            {"eventType": "", "message": "bad"}]}),
            "1 to 50",
        ),
        (
            progress,
            of_run("counts", json!({"recordsProcessed": -1})),
            "recordsProcessed is -1",
        ),
        (
            progress,
            of_run("counts", json!({"recordsFailed": 2_147_483_648_u32})),
            "Int",
        ),
        (
            progress,
            of_run("recordsExpected", json!(-5)),
            "recordsExpected is -5",
        ),
        (progress, of_run("details", json!([])), "JSON object"),
        (complete, json!({"runId": "x"}), "is not a UUID"),
        (
            complete,
            of_run("completedAt", json!("2026-11-23T08:59:59Z")),
            "before",
        ),
        (
            complete,
            of_run("counts", json!({"recordsCreated": -1})),
            "recordsCreated is -1",
        ),
        (complete, of_run("status", json!("RUNNING")), "SyncOutcome"),
        (complete, of_run("errorMessage", json!("\0")), "U+0000"),
        (complete, of_run("details", large), "65536"),
        (cancel, of_run("reason", json!("\0")), "U+0000"),
    ];
    let unknown = vec![
        (create, new("triggeredById", json!(UNKNOWN)), "no user"),
        (
            add,
            json!({"runId": UNKNOWN, "event": {"eventType": "x", "message": "x"}}),
            "no run",
        ),
        (add_all, json!({"runId": UNKNOWN, "events": []}), "no run"),
        (progress, json!({"runId": UNKNOWN}), "no run"),
        (complete, json!({"runId": UNKNOWN}), "no run"),
        (cancel, json!({"runId": UNKNOWN}), "no run"),
    ];
    let before = all_rows(&server).await;
    for (expected, cases) in [("BAD_INPUT", invalid), ("NOT_FOUND", unknown)] {
        for (mutation, input, expected_message) in cases {
            let error = server.error(mutation, json!({"input": input})).await;
            let message = error["message"].as_str().unwrap();
            assert_eq!(code(&error), expected, "{error} for {}", truncated(&input));
            assert!(
                message.contains(expected_message),
                "{message:?} does not contain {expected_message:?}"
            );
            assert!(message.len() < 500, "{message}");
        }
    }
    assert_eq!(all_rows(&server).await, before);
}

fn truncated(value: &Value) -> String {
    value.to_string().chars().take(200).collect()
}

/// Clocks of workers may be ahead.
#[apply(on_both_databases)]
#[tokio::test]
async fn times_up_to_a_day_in_the_future_are_accepted(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let tomorrow = "2026-11-24T09:00:00.000000Z";
    let input = json!({"entityType": "STOCK", "source": "AS400", "startedAt": tomorrow});
    let run = server.create_run(input).await;
    let event = json!({"eventType": "x", "message": "x", "timestamp": tomorrow});
    server.add_events(&run, json!([event])).await;
    server
        .complete_run(&run, json!({"completedAt": tomorrow}))
        .await;
    let run = server.get_run(&run).await;
    assert_eq!(
        (&run["startedAt"], &run["completedAt"]),
        (&json!(tomorrow), &json!(tomorrow))
    );
}

#[apply(on_both_databases)]
#[tokio::test]
async fn times_from_the_year_0_on_are_accepted(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let (start, end) = ("0000-01-01T00:00:00.000000Z", "0000-02-29T00:00:00.000001Z");
    let input = json!({"entityType": "STOCK", "source": "AS400", "startedAt": start});
    let run = server.create_run(input).await;
    let event = json!({"eventType": "x", "message": "x", "timestamp": start});
    server.add_events(&run, json!([event])).await;
    server.complete_run(&run, json!({"completedAt": end})).await;
    let lists = format!(
        "{{ syncRuns(filter: {{completedAt: {{gte: \"{end}\"}}, startedAt: {{lt: \"{end}\"}}}}, orderBy: {{field: DURATION}}) {{
            nodes {{ startedAt completedAt durationSeconds events {{ nodes {{ timestamp }} }} }} }}
        syncEvents(filter: {{timestamp: {{lt: \"0000-01-01T00:00:00.000001Z\"}}}}) {{ nodes {{ timestamp }} }} }}"
    );
    let events = json!({"nodes": [{"timestamp": start}]});
    assert_eq!(
        server.data(&lists, json!({})).await,
        json!({
            "syncRuns": {"nodes": [{"startedAt": start, "completedAt": end,
                "durationSeconds": 59.0 * 86_400.0 + 0.000_001, "events": events}]},
            "syncEvents": events
        })
    );
}

/// The run's time is one that RFC 3339 cannot express.
#[tokio::test]
async fn messages_contain_no_times_but_those_of_rfc_3339_on_postgres() {
    let server = TestServer::start(DatabaseKind::Postgres).await;
    let run = server.create_stock_run().await;
    for started_at in ["infinity", "12026-01-01"] {
        let sql = format!("UPDATE sync_history.sync_history SET started_at = '{started_at}'");
        server.execute_sql(&sql).await;
        let response = server
            .complete_run(&run, json!({"completedAt": "2026-11-23T09:00:00Z"}))
            .await;
        assert_eq!(
            response["errors"][0]["message"],
            "completedAt 2026-11-23T09:00:00.000000Z is before the run's startedAt \
             9999-12-31T23:59:59.999999Z; a run cannot end before it started"
        );
    }
}
