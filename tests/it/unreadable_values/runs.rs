//! Runs.

use super::{BAD, cases, delete, ignore_foreign_keys, start};
use crate::support::{DatabaseKind, TestServer, Value, apply, json, on_both_databases};

const RUN: &str = "id entityType source status startedAt completedAt updatedAt durationSeconds
    recordsProcessed recordsCreated recordsUpdated recordsFailed recordsExpected progress errorMessage
    details triggeredById version";

/// Stores a run with a value in one column. It has `updated_at`, so that SQLite's trigger leaves the other columns alone.
async fn insert(server: &TestServer, status: &str, column: &str, literal: &str) {
    let mut columns = vec![
        ("entity_type", "'stock'"),
        ("source", "'as400'"),
        ("status", status),
        ("started_at", "'2026-11-20T08:00:00+00:00'"),
        ("completed_at", "'2026-11-20T09:00:00+00:00'"),
        ("updated_at", "'2026-11-20T10:00:00+00:00'"),
        ("records_processed", "0"),
        ("records_created", "0"),
        ("records_updated", "0"),
        ("records_failed", "0"),
    ];
    columns.retain(|(name, _)| *name != column);
    columns.push((column, literal));
    let (names, values): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    let foreign_keys = ignore_foreign_keys(server);
    let sql = format!(
        "{foreign_keys} INSERT INTO {} (id, {}) VALUES ({}, {})",
        server.table("sync_history"),
        names.join(", "),
        server.id_literal(BAD),
        values.join(", ")
    );
    server.execute_sql(&sql).await;
}

/// Returns the ids of all runs, read page by page.
async fn paginated_ids(server: &TestServer, order: &Value) -> Vec<String> {
    let page = "query($after: String, $order: SyncRunOrder) { syncRuns(first: 1, after: $after, orderBy: $order) {
        nodes { id triggeredBy { id } } pageInfo { endCursor hasNextPage } } }";
    let (mut ids, mut after) = (Vec::new(), Value::Null);
    loop {
        let variables = json!({"order": order, "after": after});
        let data = server.data(page, variables).await;
        let page = &data["syncRuns"];
        let nodes = page["nodes"].as_array().unwrap();
        ids.extend(
            nodes
                .iter()
                .map(|node| node["id"].as_str().unwrap().to_owned()),
        );
        after = page["pageInfo"]["endCursor"].clone();
        if page["pageInfo"]["hasNextPage"] == false || ids.len() > 3 {
            ids.sort();
            return ids;
        }
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_run_with_a_value_that_cannot_be_represented_is_served(database: DatabaseKind) {
    let server = start(database).await;
    let first = server.create_stock_run().await;
    let second = server.create_stock_run().await;
    server.complete_run(&first, json!({})).await;
    let mut all = vec![BAD.to_owned(), first, second];
    all.sort();
    let after = server.feed_cursor().await;
    let watch = "subscription($after: String) { syncRunChanged(after: $after, kinds: [CREATED]) { run { id errorMessage } } }";
    let mut socket = server.subscribe(watch, json!({"after": after})).await;
    for case in cases::of(database) {
        let (name, column) = (case.to_string(), case.column);
        insert(&server, "'completed'", column, case.literal).await;
        let run = listed_run(&server).await;
        assert_eq!(run[case.field], case.expected, "{name}: {run}");
        let message = run["errorMessage"].as_str().unwrap_or_default();
        let sentence = format!("The stored {column} is `{}", case.quoted);
        assert!(message.contains(&sentence), "{name}: {message}");
        assert_eq!(server.get_run(BAD).await["errorMessage"], message, "{name}");
        for order in orders() {
            let ids = paginated_ids(&server, &order).await;
            assert_eq!(ids, all, "{name} by {order}");
        }
        let change = socket.data().await["syncRunChanged"]["run"].take();
        let expected = json!({"id": BAD, "errorMessage": message});
        assert_eq!(change, expected, "{name}");
        delete(&server).await;
    }
}

/// Returns the run from a list of all runs with all their fields.
async fn listed_run(server: &TestServer) -> Value {
    let list = format!(
        "{{ syncRuns {{ totalCount nodes {{ {RUN} triggeredBy {{ id }} events {{ nodes {{ id }} }} }} }} }}"
    );
    let mut runs = server.data(&list, json!({})).await["syncRuns"].take();
    assert_eq!(runs["totalCount"], 3);
    let runs = runs["nodes"].as_array_mut().unwrap();
    runs.iter_mut().find(|run| run["id"] == BAD).unwrap().take()
}

fn orders() -> impl Iterator<Item = Value> {
    let fields = [
        "STARTED_AT",
        "COMPLETED_AT",
        "DURATION",
        "RECORDS_PROCESSED",
        "RECORDS_FAILED",
        "STATUS",
        "ENTITY_TYPE",
        "SOURCE",
    ];
    let directions = |field| ["ASC", "DESC"].map(|to| json!({"field": field, "direction": to}));
    fields.into_iter().flat_map(directions)
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_run_with_a_value_that_cannot_be_represented_is_written(database: DatabaseKind) {
    let server = start(database).await;
    let operations = [
        format!(
            "reportSyncProgress(input: {{runId: $id, recordsExpected: 5}}) {{ run {{ {RUN} }} }}"
        ),
        format!(
            "addSyncEvent(input: {{runId: $id, event: {{eventType: \"a\", message: \"b\"}}}})
                {{ run {{ {RUN} }} eventEdge {{ node {{ run {{ {RUN} }} }} }} }}"
        ),
        format!("completeSyncRun(input: {{runId: $id}}) {{ run {{ {RUN} }} }}"),
        format!("startSyncRun(runId: $id) {{ run {{ {RUN} }} }}"),
    ];
    let cancel =
        format!("mutation {{ cancelActiveSyncRuns(input: {{all: true}}) {{ runs {{ {RUN} }} }} }}");
    // A run with another status cannot be written.
    for case in cases::of(database).filter(|case| case.column != "status") {
        for operation in &operations {
            insert(&server, "'pending'", case.column, case.literal).await;
            let mutation = format!("mutation($id: ID!) {{ {operation} }}");
            let response = server.execute(&mutation, json!({"id": BAD})).await;
            assert!(
                response.get("errors").is_none(),
                "{case}, {operation}: {response:#}"
            );
            delete(&server).await;
        }
        insert(&server, "'pending'", case.column, case.literal).await;
        let cancelled = server.data(&cancel, json!({})).await;
        assert_eq!(
            cancelled["cancelActiveSyncRuns"]["runs"][0]["id"], BAD,
            "{case}"
        );
        delete(&server).await;
    }
}
