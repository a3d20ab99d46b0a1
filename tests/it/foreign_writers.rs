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
