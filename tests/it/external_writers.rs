//! Writers beside this server, which know the predecessor's columns alone.

use crate::support::{
    Cluster, DatabaseKind, Postgres, TestServer, apply, database_name, json, on_both_databases,
    socket::Socket,
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
    let neighbour = server.create_stock_run().await;
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
            {"id": neighbour, "entityType": "STOCK", "source": "AS400", "status": "PENDING",
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
    let refused = server.complete_run(ID, json!({})).await;
    assert!(
        refused["errors"][0]["message"]
            .as_str()
            .unwrap()
            .contains("`archived`"),
        "{refused}"
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
        "a statement that changes nothing is no change"
    );
    update("version = 77").await;

    update("status = 'failed', error_message = 'gone'").await;
    let run = server.get_run(ID).await;
    assert_eq!(run["status"], "FAILED");
    assert!(
        run["completedAt"].is_string(),
        "an ended run says when it ended"
    );
    assert!(run["durationSeconds"].as_f64().unwrap() > 0.0);

    // Times in other spellings are read as the instants they are.
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
    let told = server
        .data(
            "{ syncEvents(filter: {timestamp: {gte: \"2026-11-20T09:00:01Z\", lt: \"2026-11-20T09:00:02Z\"}})
                { nodes { timestamp } } }",
            json!({}),
        )
        .await;
    assert_eq!(
        told["syncEvents"]["nodes"],
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
    assert_eq!(error["extensions"]["code"], "ID_CONFLICT");
}

/// A worker whose role has rights on the predecessor's tables and on nothing else.
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

/// What PostgreSQL takes for JSON and SQLite for text, and this server cannot read.
#[apply(on_both_databases)]
#[tokio::test]
async fn unreadable_details_fail_neither_list_nor_feed(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let mut socket = Socket::open(&server.url).await;
    let watch = "subscription($after: String) { syncRunChanged(after: $after) { run { id details errorMessage } } }";
    let after = server.feed_cursor().await;
    socket.subscribe(watch, json!({"after": after})).await;
    insert(&server, "stock", "as400", "running").await;
    let bad = if database == Postgres {
        r#"{"m": "\udce9"}"#
    } else {
        "{oops"
    };
    let (runs, events) = (server.table("sync_history"), server.table("sync_event"));
    let id = server.id_literal(ID);
    server
        .execute_sql(&format!(
            "UPDATE {runs} SET details = '{bad}', status = 'failed' WHERE id = {id}"
        ))
        .await;
    server
        .execute_sql(&format!(
            "INSERT INTO {events} (id, sync_id, event_type, timestamp, message, details)
            VALUES ({id}, {id}, 'chunk', '2026-11-20T08:00:00+00:00', 'x', '{bad}')"
        ))
        .await;
    let neighbour = server.create_stock_run().await;
    let data = server
        .data(
            "{ syncRuns { nodes { id status details errorMessage } } syncEvents { nodes { message details } } }",
            json!({}),
        )
        .await;
    let nodes = &data["syncRuns"]["nodes"];
    assert_eq!(
        (&nodes[0]["id"], &nodes[1]["status"]),
        (&json!(neighbour), &json!("FAILED"))
    );
    assert_eq!(nodes[1]["details"], json!(null));
    let says = nodes[1]["errorMessage"].as_str().unwrap();
    assert!(
        says.starts_with("The stored details cannot be read: "),
        "{says}"
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
    assert_eq!(reported["addSyncEvent"]["run"]["errorMessage"], says);
    for id in [ID, ID, &neighbour] {
        assert_eq!(socket.data().await["syncRunChanged"]["run"]["id"], id);
    }
}

/// A value that the driver cannot read at all.
#[tokio::test]
async fn an_unreadable_row_does_not_block_the_feed_on_postgres() {
    let server = TestServer::start(Postgres).await;
    let after = server.feed_cursor().await;
    let mut socket = Socket::open(&server.url).await;
    let watch = "subscription($after: String) { syncRunChanged(after: $after) { run { id } } }";
    socket.subscribe(watch, json!({"after": after})).await;
    insert(&server, "stock", "as400", "running").await;
    assert_eq!(socket.data().await["syncRunChanged"]["run"]["id"], ID);
    server
        .execute_sql(
            "UPDATE sync_history.sync_history SET started_at = 'infinity', status = 'completed'",
        )
        .await;
    let neighbour = server.create_stock_run().await;
    assert_eq!(
        socket.data().await["syncRunChanged"]["run"]["id"],
        neighbour
    );
}

/// Equal instants may be spelled in many ways, and lists must not mind.
#[apply(on_both_databases)]
#[tokio::test]
async fn timestamps_in_any_format_are_paginated_in_every_order(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let table = server.table("sync_history");
    for (number, spelled) in [
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
            VALUES ({id}, 'stock', 'as400', 'completed', '{spelled}', '{spelled}', 0, 0, 0, 0)"
        );
        server.execute_sql(&sql).await;
    }
    for instant in [
        "2026-11-20T08:00:00.5Z",
        "2026-11-20T08:00:00Z",
        "2026-11-20T08:00:00.123456Z",
    ] {
        let input = json!({"entityType": "STOCK", "source": "AS400", "startedAt": instant});
        let run = server.create_run(input).await;
        server
            .complete_run(&run, json!({"completedAt": instant}))
            .await;
    }
    // Ended without saying when.
    server.create_stock_run().await;
    server
        .execute_sql(&format!(
            "UPDATE {table} SET status = 'failed' WHERE completed_at IS NULL"
        ))
        .await;
    let page = "query($after: String, $order: SyncRunOrder) {
        syncRuns(first: 1, after: $after, orderBy: $order) { nodes { id } pageInfo { endCursor hasNextPage } } }";
    let whole = "query($order: SyncRunOrder) { syncRuns(orderBy: $order) { nodes { id } } }";
    for field in ["STARTED_AT", "COMPLETED_AT", "DURATION"] {
        for direction in ["ASC", "DESC"] {
            let order = json!({"field": field, "direction": direction});
            let all = server.data(whole, json!({"order": order})).await;
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

/// A worker holds its transaction open, and others report to the same run.
#[tokio::test]
async fn a_locked_row_delays_neither_readers_nor_probes_on_postgres() {
    use sea_orm::ConnectionTrait;
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
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let begun = std::time::Instant::now();
        server
            .data("{ syncRuns { nodes { id } } }", json!({}))
            .await;
        assert_eq!(server.get("/readyz").await.status(), 200);
        assert!(
            begun.elapsed() < std::time::Duration::from_secs(2),
            "{:?}",
            begun.elapsed()
        );
        worker.execute_unprepared("COMMIT").await.unwrap();
    };
    let (answers, ()) = tokio::join!(starts, reads);
    assert!(
        answers.iter().all(|answer| answer.get("errors").is_none()),
        "{answers:#?}"
    );
}
