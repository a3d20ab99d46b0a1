//! Writers beside this server, which know the predecessor's columns alone.

use crate::support::{Kind, Ledger, Postgres, Sqlite, json, rstest};

const ID: &str = "0197d2c4-8a3e-7c1b-9f00-3b5a1c2d4e6f";

async fn insert(ledger: &Ledger, entity: &str, source: &str, status: &str) {
    let sql = format!(
        "INSERT INTO {} (id, entity_type, source, status, started_at, records_processed,
            records_created, records_updated, records_failed)
        VALUES ({}, '{entity}', '{source}', '{status}', '2026-11-20T08:00:00.000000+00:00', 1, 2, 3, 4)",
        ledger.table("sync_history"),
        ledger.id(ID)
    );
    ledger.sql(&sql).await;
}

#[rstest]
#[tokio::test]
async fn a_text_that_no_enum_knows_does_not_take_its_page_down(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(ledger) = Ledger::start(kind).await else {
        return;
    };
    let neighbour = ledger.create_stock().await;
    insert(&ledger, "planets", "as400", "archived").await;
    let data = ledger
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
    let found = ledger
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
    let refused = ledger.complete(ID, json!({})).await;
    assert!(
        refused["errors"][0]["message"]
            .as_str()
            .unwrap()
            .contains("`archived`"),
        "{refused}"
    );
}

#[rstest]
#[tokio::test]
async fn version_and_times_are_true_whoever_writes(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(ledger) = Ledger::start(kind).await else {
        return;
    };
    insert(&ledger, "stock", "as400", "pending").await;
    let table = ledger.table("sync_history");
    let id = ledger.id(ID);
    let update = async |set: &str| {
        ledger
            .sql(&format!("UPDATE {table} SET {set} WHERE id = {id}"))
            .await;
    };
    let run = ledger.run(ID).await;
    assert_eq!(
        (&run["version"], &run["status"], &run["recordsFailed"]),
        (&json!(1), &json!("PENDING"), &json!(4))
    );

    update("status = 'running', records_processed = 9").await;
    assert_eq!(ledger.run(ID).await["version"], 2);
    update("status = 'running'").await;
    assert_eq!(
        ledger.run(ID).await["version"],
        2,
        "a statement that changes nothing is no change"
    );
    update("version = 77").await;

    update("status = 'failed', error_message = 'gone'").await;
    let run = ledger.run(ID).await;
    assert_eq!(run["status"], "FAILED");
    assert!(
        run["completedAt"].is_string(),
        "an ended run says when it ended"
    );
    assert!(run["durationSeconds"].as_f64().unwrap() > 0.0);

    // Times in other spellings are read as the instants they are.
    update("completed_at = '2026-11-20 10:00:01.5+01:00'").await;
    let run = ledger.run(ID).await;
    assert_eq!(run["completedAt"], "2026-11-20T09:00:01.500000Z");
    assert_eq!(run["durationSeconds"], 3601.5);

    let sql = format!(
        "INSERT INTO {} (id, sync_id, event_type, \"timestamp\", message)
        VALUES ({id}, {id}, 'chunk', '2026-11-20 10:00:01.5+01:00', '')",
        ledger.table("sync_event")
    );
    ledger.sql(&sql).await;
    let told = ledger
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

#[rstest]
#[tokio::test]
async fn a_run_with_anothers_id_is_no_repetition(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(ledger) = Ledger::start(kind).await else {
        return;
    };
    insert(&ledger, "stock", "as400", "pending").await;
    let error = ledger
        .error(
            "mutation($input: CreateSyncRunInput!) { createSyncRun(input: $input) { replayed } }",
            json!({"input": {"id": ID, "entityType": "STOCK", "source": "AS400"}}),
        )
        .await;
    assert_eq!(error["extensions"]["code"], "ID_CONFLICT");
}

/// A worker whose role has rights on the predecessor's tables and on nothing else.
#[tokio::test]
async fn a_role_without_rights_on_the_new_tables_goes_on_writing() {
    use crate::support::{Cluster, database_name};
    let Some(ledger) = Ledger::start_on_existing().await else {
        return;
    };
    let cluster = Cluster::get().unwrap();
    let database = database_name(&ledger.database_url);
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
    assert_eq!(ledger.run(ID).await["version"], 2);
}

/// What PostgreSQL takes for JSON and SQLite for text, and this server cannot read.
#[rstest]
#[tokio::test]
async fn details_that_cannot_be_read_take_down_neither_page_nor_feed(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    use crate::support::socket::Socket;
    let Some(ledger) = Ledger::start(kind).await else {
        return;
    };
    let mut socket = Socket::open(&ledger.url).await;
    let watch = "subscription($after: String) { syncRunChanged(after: $after) { run { id details errorMessage } } }";
    let after = ledger.now().await;
    socket.subscribe(watch, json!({"after": after})).await;
    insert(&ledger, "stock", "as400", "running").await;
    let bad = if kind == Postgres {
        r#"{"m": "\udce9"}"#
    } else {
        "{oops"
    };
    let (runs, events) = (ledger.table("sync_history"), ledger.table("sync_event"));
    let id = ledger.id(ID);
    ledger
        .sql(&format!(
            "UPDATE {runs} SET details = '{bad}', status = 'failed' WHERE id = {id}"
        ))
        .await;
    ledger
        .sql(&format!(
            "INSERT INTO {events} (id, sync_id, event_type, timestamp, message, details)
            VALUES ({id}, {id}, 'chunk', '2026-11-20T08:00:00+00:00', 'x', '{bad}')"
        ))
        .await;
    let neighbour = ledger.create_stock().await;
    let data = ledger
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
    let reported = ledger
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
async fn a_row_that_cannot_be_read_does_not_hold_the_feed() {
    use crate::support::socket::Socket;
    let Some(ledger) = Ledger::start(Postgres).await else {
        return;
    };
    let after = ledger.now().await;
    let mut socket = Socket::open(&ledger.url).await;
    let watch = "subscription($after: String) { syncRunChanged(after: $after) { run { id } } }";
    socket.subscribe(watch, json!({"after": after})).await;
    insert(&ledger, "stock", "as400", "running").await;
    assert_eq!(socket.data().await["syncRunChanged"]["run"]["id"], ID);
    ledger
        .sql("UPDATE sync_history.sync_history SET started_at = 'infinity', status = 'completed'")
        .await;
    let neighbour = ledger.create_stock().await;
    assert_eq!(
        socket.data().await["syncRunChanged"]["run"]["id"],
        neighbour
    );
}

/// Equal instants may be spelled in many ways, and lists must not mind.
#[rstest]
#[tokio::test]
async fn rows_of_all_writers_are_paged_one_by_one_in_every_order(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(ledger) = Ledger::start(kind).await else {
        return;
    };
    let table = ledger.table("sync_history");
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
        let id = ledger.id(&format!("0197d2c4-8a3e-7c1b-9f00-0000000000{number:02}"));
        let sql = format!(
            "INSERT INTO {table} (id, entity_type, source, status, started_at, completed_at,
                records_processed, records_created, records_updated, records_failed)
            VALUES ({id}, 'stock', 'as400', 'completed', '{spelled}', '{spelled}', 0, 0, 0, 0)"
        );
        ledger.sql(&sql).await;
    }
    for instant in [
        "2026-11-20T08:00:00.5Z",
        "2026-11-20T08:00:00Z",
        "2026-11-20T08:00:00.123456Z",
    ] {
        let input = json!({"entityType": "STOCK", "source": "AS400", "startedAt": instant});
        let run = ledger.create(input).await;
        ledger.complete(&run, json!({"completedAt": instant})).await;
    }
    // Ended without saying when.
    ledger.create_stock().await;
    ledger
        .sql(&format!(
            "UPDATE {table} SET status = 'failed' WHERE completed_at IS NULL"
        ))
        .await;
    let page = "query($after: String, $order: SyncRunOrder) {
        syncRuns(first: 1, after: $after, orderBy: $order) { nodes { id } pageInfo { endCursor hasNextPage } } }";
    let whole = "query($order: SyncRunOrder) { syncRuns(orderBy: $order) { nodes { id } } }";
    for field in ["STARTED_AT", "COMPLETED_AT", "DURATION"] {
        for direction in ["ASC", "DESC"] {
            let order = json!({"field": field, "direction": direction});
            let all = ledger.data(whole, json!({"order": order})).await;
            let all = all["syncRuns"]["nodes"].as_array().unwrap();
            assert_eq!(all.len(), 12);
            let mut after = json!(null);
            for (number, node) in all.iter().enumerate() {
                let data = ledger
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

#[rstest]
#[tokio::test]
async fn a_run_that_another_opens_again_has_not_ended(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(ledger) = Ledger::start(kind).await else {
        return;
    };
    let (first, second) = (ledger.create_stock().await, ledger.create_stock().await);
    ledger.complete(&first, json!({})).await;
    ledger.complete(&second, json!({})).await;
    let table = ledger.table("sync_history");
    ledger
        .sql(&format!(
            "UPDATE {table} SET status = 'running' WHERE id = {}",
            ledger.id(&second)
        ))
        .await;
    let data = ledger
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
async fn a_row_that_a_worker_holds_delays_neither_readers_nor_probes() {
    use sea_orm::ConnectionTrait;
    let Some(ledger) = Ledger::start(Postgres).await else {
        return;
    };
    let run = ledger.create_stock().await;
    let worker = ledger.foreign().await;
    worker.execute_unprepared("BEGIN").await.unwrap();
    let hold =
        format!("UPDATE sync_history.sync_history SET records_created = 1 WHERE id = '{run}'");
    worker.execute_unprepared(&hold).await.unwrap();
    let start = "mutation($id: ID!) { startSyncRun(runId: $id) { replayed } }";
    let starts =
        futures_util::future::join_all((0..20).map(|_| ledger.answer(start, json!({"id": run}))));
    let reads = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let begun = std::time::Instant::now();
        ledger
            .data("{ syncRuns { nodes { id } } }", json!({}))
            .await;
        assert_eq!(ledger.get("/readyz").await.status(), 200);
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
