//! Values that other writers store stay as they are.

use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::support::{DatabaseKind, Postgres, TestServer, Value, apply, json, on_both_databases};

const ID: &str = "0197d2c4-8a3e-7c1b-9f00-3b5a1c2d4e6f";

/// Stores a run that started at 2026-11-20T08:00:00Z, with these columns and values besides.
async fn insert(server: &TestServer, status: &str, columns: &[(&str, &str)]) {
    let (names, values): (Vec<_>, Vec<_>) = columns.iter().copied().unzip();
    let separator = if columns.is_empty() { "" } else { "," };
    let sql = format!(
        "INSERT INTO {} (id, entity_type, source, status, started_at, records_processed, records_created,
            records_updated, records_failed {separator} {})
        VALUES ({}, 'stock', 'as400', '{status}', '2026-11-20T08:00:00+00:00', 1, 2, 3, 4 {separator} {})",
        server.table("sync_history"),
        names.join(", "),
        server.id_literal(ID),
        values.join(", ")
    );
    server.execute_sql(&sql).await;
}

async fn update(server: &TestServer, set: &str) {
    let (table, id) = (server.table("sync_history"), server.id_literal(ID));
    let sql = format!("UPDATE {table} SET {set} WHERE id = {id}");
    server.execute_sql(&sql).await;
}

async fn delete(server: &TestServer) {
    for (table, column) in [("sync_event", "sync_id"), ("sync_history", "id")] {
        let (table, id) = (server.table(table), server.id_literal(ID));
        let sql = format!("DELETE FROM {table} WHERE {column} = {id}");
        server.execute_sql(&sql).await;
    }
}

/// Returns the stored text of a column.
async fn stored(server: &TestServer, column: &str) -> Option<String> {
    let connection = server.external_connection().await;
    let (backend, cast) = if server.is_on_postgres() {
        (DbBackend::Postgres, format!("{column}::text"))
    } else {
        (DbBackend::Sqlite, format!("CAST({column} AS text)"))
    };
    let (table, id) = (server.table("sync_history"), server.id_literal(ID));
    let sql = format!("SELECT {cast} AS value FROM {table} WHERE id = {id}");
    let row = connection
        .query_one_raw(Statement::from_string(backend, sql))
        .await
        .unwrap()
        .unwrap();
    row.try_get("", "value").unwrap()
}

#[apply(on_both_databases)]
#[tokio::test]
async fn timestamps_keep_their_microseconds_in_any_format(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    for (text, expected) in [
        ("2026-11-28 05:30:00.123456", "05:30:00.123456"),
        ("2026-11-28T05:30:00.123456Z", "05:30:00.123456"),
        ("2026-11-28T05:30:00.123456+00:00", "05:30:00.123456"),
        ("2026-11-28 06:30:00.123456+01:00", "05:30:00.123456"),
        ("2026-11-28 05:30:59.999999", "05:30:59.999999"),
        ("2026-11-28 05:30:00.1", "05:30:00.100000"),
        ("2026-11-28 05:30:00.000001+00", "05:30:00.000001"),
        ("2026-11-28 05:30:00", "05:30:00.000000"),
        ("2026-11-28 05:30", "05:30:00.000000"),
    ] {
        // SQLite reads no offset without minutes.
        if database == DatabaseKind::Sqlite && text.ends_with("+00") {
            continue;
        }
        let value = format!("'{text}'");
        let columns = [("completed_at", value.as_str()), ("updated_at", &value)];
        insert(&server, "completed", &columns).await;
        let event = format!(
            "INSERT INTO {} (id, sync_id, event_type, \"timestamp\", message)
            VALUES ({id}, {id}, 'a', '{text}', 'b')",
            server.table("sync_event"),
            id = server.id_literal(ID)
        );
        server.execute_sql(&event).await;
        let expected = format!("2026-11-28T{expected}Z");
        let exactly = "query($at: DateTime) { syncRuns(filter: {completedAt: {gte: $at}}) { nodes { completedAt updatedAt } }
            none: syncRuns(filter: {completedAt: {lt: $at}}) { nodes { id } } }";
        assert_eq!(
            server.data(exactly, json!({"at": expected})).await,
            json!({"syncRuns": {"nodes": [{"completedAt": expected, "updatedAt": expected}]}, "none": {"nodes": []}}),
            "{text}"
        );
        let events = server
            .data("{ syncEvents { nodes { timestamp } } }", json!({}))
            .await;
        assert_eq!(
            events["syncEvents"]["nodes"][0]["timestamp"], expected,
            "{text}"
        );
        let later = format!(
            "UPDATE {} SET \"timestamp\" = '2027-01-01T00:00:00+00:00'; UPDATE {0} SET \"timestamp\" = '{text}'",
            server.table("sync_event")
        );
        server.execute_sql(&later).await;
        let exactly = "query($at: DateTime) { syncEvents(filter: {timestamp: {gte: $at}}) { nodes { timestamp } }
            none: syncEvents(filter: {timestamp: {lt: $at}}) { nodes { id } } }";
        assert_eq!(
            server.data(exactly, json!({"at": expected})).await,
            json!({"syncEvents": {"nodes": [{"timestamp": expected}]}, "none": {"nodes": []}}),
            "{text}"
        );
        update(&server, &format!("started_at = '{text}'")).await;
        assert_eq!(server.get_run(ID).await["startedAt"], expected, "{text}");
        delete(&server).await;
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_completion_time_stored_before_the_status_is_kept_and_ignored_until_then(
    database: DatabaseKind,
) {
    let server = TestServer::start(database).await;
    let ended = server.create_stock_run().await;
    server.complete_run(&ended, json!({})).await;
    insert(&server, "running", &[]).await;
    let after = server.feed_cursor().await;
    let filter =
        json!({"completedAt": {"gte": "2026-11-20T00:00:00Z"}, "durationSeconds": {"gte": 0}});
    let watch = "subscription($after: String, $filter: SyncRunFilter) { syncRunChanged(after: $after, filter: $filter,
        kinds: [STATUS, PROGRESS]) { run { id } } }";
    let mut socket = server
        .subscribe(watch, json!({"after": after, "filter": filter}))
        .await;

    update(
        &server,
        "completed_at = '2026-11-20T09:00:00.123456+00:00', sync_duration = 17.25",
    )
    .await;
    let run = server.get_run(ID).await;
    assert_eq!(
        (&run["completedAt"], &run["durationSeconds"]),
        (&Value::Null, &Value::Null)
    );
    let lists = "query($filter: SyncRunFilter) {
        matching: syncRuns(filter: $filter) { nodes { id } }
        others: syncRuns(filter: {not: $filter}) { nodes { id } }
        completed: syncRuns(orderBy: {field: COMPLETED_AT, direction: ASC}) { nodes { id } }
        longest: syncRuns(orderBy: {field: DURATION}) { nodes { id } } }";
    let lists = lists.replace(
        "{not: $filter}",
        "{not: {completedAt: {gte: \"2026-11-20T00:00:00Z\"}}}",
    );
    let both = json!({"nodes": [{"id": ended}, {"id": ID}]});
    assert_eq!(
        server.data(&lists, json!({"filter": filter})).await,
        json!({"matching": {"nodes": [{"id": ended}]}, "others": {"nodes": [{"id": ID}]},
            "completed": both, "longest": both})
    );

    update(&server, "status = 'completed'").await;
    let run = server.get_run(ID).await;
    assert_eq!(run["completedAt"], "2026-11-20T09:00:00.123456Z");
    assert_eq!(run["durationSeconds"], 3_600.123_456);
    assert_eq!(
        stored(&server, "sync_duration").await.as_deref(),
        Some("17.25")
    );
    // Only now the run matches the filter.
    let change = socket.data().await;
    assert_eq!(change["syncRunChanged"]["run"]["id"], ID);
    let matching = server.data(&lists, json!({"filter": filter})).await;
    assert_eq!(matching["matching"]["nodes"].as_array().unwrap().len(), 2);

    // Opened again, the run has neither.
    update(&server, "status = 'running'").await;
    assert_eq!(stored(&server, "completed_at").await, None);
    if database == Postgres {
        assert_eq!(stored(&server, "sync_duration").await, None);
    }
}

/// Whatever a call does not name is as the other writer stored it.
#[apply(on_both_databases)]
#[tokio::test]
async fn a_call_leaves_what_it_does_not_name_unchanged(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let values = [
        ("completed_at", "'2026-11-20T09:00:00.123456+00:00'"),
        ("sync_duration", "17.25"),
        ("records_expected", "-7"),
        ("error_message", "'  almost\n'"),
        ("details", "'{\"n\": 1.50,  \"a\": [1e400]}'"),
    ];
    let columns = [
        "entity_type",
        "source",
        "started_at",
        "completed_at",
        "sync_duration",
        "records_processed",
        "records_created",
        "records_updated",
        "records_failed",
        "records_expected",
        "error_message",
        "details",
        "triggered_by_id",
        "creation_digest",
    ];
    for call in [
        "startSyncRun(runId: $id) { replayed }",
        "reportSyncProgress(input: {runId: $id, counts: {recordsProcessed: 1}}) { run { id } }",
        "addSyncEvent(input: {runId: $id, event: {eventType: \"a\", message: \"b\"}}) { replayed }",
        "addSyncEvents(input: {runId: $id, events: [{eventType: \"a\", message: \"b\"}]}) { replayedCount }",
        "completeSyncRun(input: {runId: $id}) { replayed }",
        "completeSyncRun(input: {runId: $id, status: FAILED, details: {}}) { replayed }",
        "cancelSyncRun(input: {runId: $id}) { replayed }",
        "cancelActiveSyncRuns(input: {entityType: STOCK}) { runs { id } }",
    ] {
        insert(&server, "pending", &values).await;
        let mut before = Vec::new();
        for column in columns {
            before.push((column, stored(&server, column).await));
        }
        let variables = if call.contains("$id") {
            "($id: ID!)"
        } else {
            ""
        };
        let mutation = format!("mutation{variables} {{ {call} }}");
        server.data(&mutation, json!({"id": ID})).await;
        for (column, value) in before {
            assert_eq!(
                stored(&server, column).await,
                value,
                "{column} after {call}"
            );
        }
        delete(&server).await;
    }
}

/// One such run must not prevent others from being cancelled.
#[apply(on_both_databases)]
#[tokio::test]
async fn a_run_with_the_last_version_can_still_be_changed(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let other = server.create_stock_run().await;
    insert(&server, "running", &[("version", "2147483647")]).await;
    server
        .report_progress(ID, json!({"recordsProcessed": 7}))
        .await;
    let cancel = "mutation { cancelActiveSyncRuns(input: {all: true}) { runs { id } } }";
    let cancelled = server.data(cancel, json!({})).await;
    assert_eq!(
        cancelled["cancelActiveSyncRuns"]["runs"],
        json!([{"id": ID}, {"id": other}])
    );
    let run = server.get_run(ID).await;
    assert_eq!(
        (&run["version"], &run["recordsProcessed"], &run["status"]),
        (&json!(2_147_483_647), &json!(7), &json!("CANCELLED"))
    );
}

/// The change log accepts what the table of runs accepts.
#[tokio::test]
async fn a_text_of_any_length_can_be_stored_where_the_column_allows_it_on_postgres() {
    let server = TestServer::start(Postgres).await;
    insert(&server, "running", &[]).await;
    let status = "ALTER TABLE sync_history.sync_history ALTER COLUMN status TYPE text";
    server.execute_sql(status).await;
    update(&server, "status = 'waiting for the maintenance window'").await;
    let run = server.get_run(ID).await;
    assert_eq!(run["status"], "UNKNOWN");
    update(&server, "status = 'running'").await;
    assert_eq!(server.get_run(ID).await["status"], "RUNNING");
}
