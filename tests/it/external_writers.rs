//! External writers, which know only the predecessor's columns.

use crate::support::{
    Cluster, DatabaseKind, Postgres, TestServer, apply, database_name, json, on_both_databases,
    socket::Socket, wait_until,
};

const ID: &str = "0197d2c4-8a3e-7c1b-9f00-3b5a1c2d4e6f";

async fn insert(server: &TestServer, entity: &str, source: &str, status: &str) {
    let sql = format!(
        "INSERT INTO {} (id, entity_type, source, status, started_at, records_processed,
            records_created, records_updated, records_failed)
        VALUES ({}, '{entity}', '{source}', '{status}', '2026-11-20T08:00:00.000000+00:00', 1, 2, 3, 4)",
        server.table("sync_history"),
        server.id_literal(ID)
    );
    server.execute_sql(&sql).await;
}

#[apply(on_both_databases)]
#[tokio::test]
async fn an_unknown_stored_enum_value_is_returned_as_unknown(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let other_run = server.create_stock_run().await;
    insert(&server, "planets", "as400", "archived").await;
    let data = server
        .data(
            "{ syncRuns { nodes { id entityType source status errorMessage completedAt } } }",
            json!({}),
        )
        .await;
    assert_eq!(
        data["syncRuns"]["nodes"],
        json!([
            {"id": other_run, "entityType": "STOCK", "source": "AS400", "status": "PENDING",
                "errorMessage": null, "completedAt": null},
            {"id": ID, "entityType": "UNKNOWN", "source": "AS400", "status": "UNKNOWN",
                "completedAt": null, "errorMessage": "The stored status is `archived`, which this \
                server does not know. The stored entity_type is `planets`, which this server does not know."},
        ])
    );
    let found = server
        .data(
            "{ syncRuns(filter: {status: [UNKNOWN, FAILED]}) { nodes { id } }
            known: syncRuns(filter: {not: {entityType: UNKNOWN}}) { totalCount } }",
            json!({}),
        )
        .await;
    assert_eq!(
        found,
        json!({"syncRuns": {"nodes": [{"id": ID}]}, "known": {"totalCount": 1}})
    );
    let rejected = server.complete_run(ID, json!({})).await;
    assert!(
        rejected["errors"][0]["message"]
            .as_str()
            .unwrap()
            .contains("`archived`"),
        "{rejected}"
    );
}

#[apply(on_both_databases)]
#[tokio::test]
async fn versions_and_timestamps_are_maintained_for_external_writes(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    insert(&server, "stock", "as400", "pending").await;
    let table = server.table("sync_history");
    let id = server.id_literal(ID);
    let update = async |set: &str| {
        server
            .execute_sql(&format!("UPDATE {table} SET {set} WHERE id = {id}"))
            .await;
    };
    let run = server.get_run(ID).await;
    assert_eq!(
        (&run["version"], &run["status"], &run["recordsFailed"]),
        (&json!(1), &json!("PENDING"), &json!(4))
    );

    update("status = 'running', records_processed = 9").await;
    assert_eq!(server.get_run(ID).await["version"], 2);
    update("status = 'running'").await;
    assert_eq!(
        server.get_run(ID).await["version"],
        2,
        "an update that changes nothing counts as a change"
    );
    update("version = 77").await;

    update("status = 'failed', error_message = 'gone'").await;
    let run = server.get_run(ID).await;
    assert_eq!(run["status"], "FAILED");
    assert!(
        run["completedAt"].is_string(),
        "a finished run has no completion time"
    );
    assert!(run["durationSeconds"].as_f64().unwrap() > 0.0);

    // Timestamps are read in any format.
    update("completed_at = '2026-11-20 10:00:01.5+01:00'").await;
    let run = server.get_run(ID).await;
    assert_eq!(run["completedAt"], "2026-11-20T09:00:01.500000Z");
    assert_eq!(run["durationSeconds"], 3601.5);

    let sql = format!(
        "INSERT INTO {} (id, sync_id, event_type, \"timestamp\", message)
        VALUES ({id}, {id}, 'chunk', '2026-11-20 10:00:01.5+01:00', '')",
        server.table("sync_event")
    );
    server.execute_sql(&sql).await;
    let listed = server
        .data(
            "{ syncEvents(filter: {timestamp: {gte: \"2026-11-20T09:00:01Z\", lt: \"2026-11-20T09:00:02Z\"}})
                { nodes { timestamp } } }",
            json!({}),
        )
        .await;
    assert_eq!(
        listed["syncEvents"]["nodes"],
        json!([{"timestamp": "2026-11-20T09:00:01.500000Z"}])
    );
}

#[apply(on_both_databases)]
#[tokio::test]
async fn creating_a_run_with_the_id_of_an_external_run_conflicts(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    insert(&server, "stock", "as400", "pending").await;
    let error = server
        .error(
            "mutation($input: CreateSyncRunInput!) { createSyncRun(input: $input) { replayed } }",
            json!({"input": {"id": ID, "entityType": "STOCK", "source": "AS400"}}),
        )
        .await;
    assert_eq!(error["extensions"], json!({"code": "ID_CONFLICT"}));
    let error = server
        .error(
            "mutation($input: CreateSyncRunInput!) { createSyncRun(input: $input) { replayed } }",
            json!({"input": {"id": ID, "entityType": "STOCK", "source": "API", "status": "RUNNING"}}),
        )
        .await;
    assert_eq!(error["extensions"]["fields"], json!(["source", "status"]));
}

/// The worker's role has rights on the predecessor's tables only.
#[tokio::test]
async fn a_role_without_rights_on_new_tables_keeps_writing_on_postgres() {
    let server = TestServer::start_on_existing_database().await;
    let cluster = Cluster::get();
    let database = database_name(&server.database_url);
    let script = "DO $$ BEGIN CREATE ROLE worker; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
        GRANT USAGE ON SCHEMA sync_history, \"user\" TO worker;
        GRANT SELECT, INSERT, UPDATE ON sync_history.sync_history, sync_history.sync_event TO worker;
        SET ROLE worker;
        INSERT INTO sync_history.sync_history (id, entity_type, source, status, records_processed,
            records_created, records_updated, records_failed)
        VALUES ('0197d2c4-8a3e-7c1b-9f00-3b5a1c2d4e6f', 'stock', 'as400', 'running', 0, 0, 0, 0);
        INSERT INTO sync_history.sync_event (id, sync_id, event_type, message)
        VALUES (gen_random_uuid(), '0197d2c4-8a3e-7c1b-9f00-3b5a1c2d4e6f', 'start', 'x');
        UPDATE sync_history.sync_history SET status = 'completed'
        WHERE id = '0197d2c4-8a3e-7c1b-9f00-3b5a1c2d4e6f';";
    cluster.psql(database, &["-v", "ON_ERROR_STOP=1", "-c", script]);
    assert_eq!(server.get_run(ID).await["version"], 2);
}

/// The stored details are valid JSON for PostgreSQL, or text for SQLite, but the server cannot read them.
#[apply(on_both_databases)]
#[tokio::test]
async fn unreadable_details_fail_neither_list_nor_feed(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let mut socket = Socket::open(&server.url).await;
    let watch = "subscription($after: String) { syncRunChanged(after: $after) { run { id details errorMessage } } }";
    let after = server.feed_cursor().await;
    socket.subscribe(watch, json!({"after": after})).await;
    insert(&server, "stock", "as400", "running").await;
    let unreadable = if database == Postgres {
        r#"{"m": "\udce9"}"#
    } else {
        "{oops"
    };
    let (runs, events) = (server.table("sync_history"), server.table("sync_event"));
    let id = server.id_literal(ID);
    server
        .execute_sql(&format!(
            "UPDATE {runs} SET details = '{unreadable}', status = 'failed' WHERE id = {id}"
        ))
        .await;
    server
        .execute_sql(&format!(
            "INSERT INTO {events} (id, sync_id, event_type, timestamp, message, details)
            VALUES ({id}, {id}, 'chunk', '2026-11-20T08:00:00+00:00', 'x', '{unreadable}')"
        ))
        .await;
    let other_run = server.create_stock_run().await;
    let data = server
        .data(
            "{ syncRuns { nodes { id status details errorMessage } } syncEvents { nodes { message details } } }",
            json!({}),
        )
        .await;
    let nodes = &data["syncRuns"]["nodes"];
    assert_eq!(
        (&nodes[0]["id"], &nodes[1]["status"]),
        (&json!(other_run), &json!("FAILED"))
    );
    assert_eq!(nodes[1]["details"], json!(null));
    let expected_message = nodes[1]["errorMessage"].as_str().unwrap();
    assert!(
        expected_message.starts_with("The stored details cannot be read: "),
        "{expected_message}"
    );
    assert_eq!(
        data["syncEvents"]["nodes"],
        json!([{"message": "x", "details": null}])
    );
    let reported = server
        .data(
            "mutation($id: ID!) { addSyncEvent(input: {runId: $id,
                event: {eventType: \"chunk\", message: \"y\"}}) { run { errorMessage } } }",
            json!({"id": ID}),
        )
        .await;
    assert_eq!(
        reported["addSyncEvent"]["run"]["errorMessage"],
        expected_message
    );
    for id in [ID, ID, &other_run] {
        assert_eq!(socket.data().await["syncRunChanged"]["run"]["id"], id);
    }
}

/// Equal timestamps may be stored in different formats, which does not affect pagination.
#[apply(on_both_databases)]
#[tokio::test]
async fn timestamps_in_any_format_are_paginated_in_every_order(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let table = server.table("sync_history");
    for (number, timestamp) in [
        "2026-11-20 08:00:00.500000+00:00",
        "2026-11-20T08:00:00.5Z",
        "2026-11-20T09:00:00.500+01:00",
        "2026-11-20T08:00:00.500000+00:00",
        "2026-11-20 08:00:00+00:00",
        "2026-11-20T08:00:00.000000+00:00",
        "2026-11-20T08:00:00.000+00:00",
        "2026-11-20T08:00:00.123456+00:00",
    ]
    .into_iter()
    .enumerate()
    {
        let id = server.id_literal(&format!("0197d2c4-8a3e-7c1b-9f00-0000000000{number:02}"));
        let sql = format!(
            "INSERT INTO {table} (id, entity_type, source, status, started_at, completed_at,
                records_processed, records_created, records_updated, records_failed)
            VALUES ({id}, 'stock', 'as400', 'completed', '{timestamp}', '{timestamp}', 0, 0, 0, 0)"
        );
        server.execute_sql(&sql).await;
    }
    for timestamp in [
        "2026-11-20T08:00:00.5Z",
        "2026-11-20T08:00:00Z",
        "2026-11-20T08:00:00.123456Z",
    ] {
        let input = json!({"entityType": "STOCK", "source": "AS400", "startedAt": timestamp});
        let run = server.create_run(input).await;
        server
            .complete_run(&run, json!({"completedAt": timestamp}))
            .await;
    }
    // A finished run without a completion time.
    server.create_stock_run().await;
    server
        .execute_sql(&format!(
            "UPDATE {table} SET status = 'failed' WHERE completed_at IS NULL"
        ))
        .await;
    let page = "query($after: String, $order: SyncRunOrder) {
        syncRuns(first: 1, after: $after, orderBy: $order) { nodes { id } pageInfo { endCursor hasNextPage } } }";
    let all_runs = "query($order: SyncRunOrder) { syncRuns(orderBy: $order) { nodes { id } } }";
    for field in ["STARTED_AT", "COMPLETED_AT", "DURATION"] {
        for direction in ["ASC", "DESC"] {
            let order = json!({"field": field, "direction": direction});
            let all = server.data(all_runs, json!({"order": order})).await;
            let all = all["syncRuns"]["nodes"].as_array().unwrap();
            assert_eq!(all.len(), 12);
            let mut after = json!(null);
            for (number, node) in all.iter().enumerate() {
                let data = server
                    .data(page, json!({"order": order, "after": after}))
                    .await;
                assert_eq!(data["syncRuns"]["nodes"][0], *node, "{order}");
                let info = &data["syncRuns"]["pageInfo"];
                assert_eq!(info["hasNextPage"], number < 11);
                after = info["endCursor"].clone();
            }
        }
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_reopened_run_has_no_completion_time(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let (first, second) = (
        server.create_stock_run().await,
        server.create_stock_run().await,
    );
    server.complete_run(&first, json!({})).await;
    server.complete_run(&second, json!({})).await;
    let table = server.table("sync_history");
    server
        .execute_sql(&format!(
            "UPDATE {table} SET status = 'running' WHERE id = {}",
            server.id_literal(&second)
        ))
        .await;
    let data = server
        .data(
            "{ syncRuns(orderBy: {field: COMPLETED_AT}) { nodes { id completedAt } }
            ended: syncRuns(filter: {durationSeconds: {gte: 0}}) { totalCount } }",
            json!({}),
        )
        .await;
    assert_eq!(
        data["syncRuns"]["nodes"][1],
        json!({"id": second, "completedAt": null})
    );
    assert_eq!(data["ended"]["totalCount"], 1);
}

/// A worker holds a row lock while others update the same run.
#[tokio::test]
async fn a_locked_row_delays_neither_readers_nor_probes_on_postgres() {
    use sea_orm::{ConnectionTrait, DbBackend, Statement};
    let server = TestServer::start(Postgres).await;
    let run = server.create_stock_run().await;
    let worker = server.external_connection().await;
    worker.execute_unprepared("BEGIN").await.unwrap();
    let hold =
        format!("UPDATE sync_history.sync_history SET records_created = 1 WHERE id = '{run}'");
    worker.execute_unprepared(&hold).await.unwrap();
    let start = "mutation($id: ID!) { startSyncRun(runId: $id) { replayed } }";
    let starts =
        futures_util::future::join_all((0..20).map(|_| server.execute(start, json!({"id": run}))));
    let reads = async {
        let waiting = "SELECT 1 FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock' OFFSET 1";
        let waiting = Statement::from_string(DbBackend::Postgres, waiting);
        // Within its transaction, the worker would see the same state of pg_stat_activity each time.
        let observer = server.external_connection().await;
        wait_until("several updates wait for the lock", async || {
            let row = observer.query_one_raw(waiting.clone()).await.unwrap();
            row.is_some()
        })
        .await;
        let started = std::time::Instant::now();
        server
            .data("{ syncRuns { nodes { id } } }", json!({}))
            .await;
        assert_eq!(server.get("/readyz").await.status(), 200);
        assert!(
            started.elapsed() < std::time::Duration::from_secs(2),
            "{:?}",
            started.elapsed()
        );
        worker.execute_unprepared("COMMIT").await.unwrap();
    };
    let (responses, ()) = tokio::join!(starts, reads);
    assert!(
        responses
            .iter()
            .all(|response| response.get("errors").is_none()),
        "{responses:#?}"
    );
}
