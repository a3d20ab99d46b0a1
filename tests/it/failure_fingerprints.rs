//! Stored fingerprints of error messages.

use sea_orm::{ConnectionTrait, Statement};
use sync_history::runs::failures::Fingerprint;

use crate::support::{
    Cluster, DatabaseKind, TestServer, Value, apply, json, on_both_databases, wait_until,
};

const ID: &str = "0197d2c4-8a3e-7c1b-9f00-3b5a1c2d4e6f";

#[expect(
    clippy::unnecessary_wraps,
    reason = "compared with what a column holds"
)]
fn fingerprint(message: &str) -> Option<String> {
    Some(Fingerprint::of(Some(message)).to_string())
}

/// The stored fingerprint of a run.
async fn stored(server: &TestServer, id: &str) -> Option<String> {
    let (table, id) = (server.table("sync_history"), server.id_literal(id));
    let sql = format!("SELECT error_fingerprint FROM {table} WHERE id = {id}");
    one(server, sql).await
}

async fn count(server: &TestServer, rows: &str) -> Option<i64> {
    one(server, format!("SELECT count(*) FROM {rows}")).await
}

async fn one<T: sea_orm::TryGetable>(server: &TestServer, sql: String) -> Option<T> {
    let connection = server.external_connection().await;
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let row = connection.query_one_raw(statement).await.unwrap().unwrap();
    let value = row.try_get_by_index(0).unwrap();
    connection.close().await.unwrap();
    value
}

async fn insert(server: &TestServer, status: &str, message: &str) {
    let (table, id) = (server.table("sync_history"), server.id_literal(ID));
    let sql = format!(
        "INSERT INTO {table} (id, entity_type, source, status, started_at, records_processed,
            records_created, records_updated, records_failed, error_message)
        VALUES ({id}, 'stock', 'as400', '{status}', '2026-11-20T08:00:00.000000+00:00', 1, 2, 3, 4,
            {message})"
    );
    server.execute_sql(&sql).await;
}

async fn is_stored(server: &TestServer, id: &str, expected: Option<String>) {
    wait_until("the fingerprint is stored", async || {
        stored(server, id).await == expected
    })
    .await;
}

#[apply(on_both_databases)]
#[tokio::test]
async fn the_server_stores_fingerprints_with_messages(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let complete = async |outcome: Value| {
        let run = server.create_stock_run().await;
        let completed = server.complete_run(&run, outcome).await;
        assert!(completed.get("errors").is_none(), "{completed}");
        stored(&server, &run).await
    };
    let failed = |message: &str| json!({"status": "FAILED", "errorMessage": message});
    let message = "row 17: timeout after 30 s";
    assert_eq!(complete(failed(message)).await, fingerprint(message));
    let other = complete(failed("row 4711: timeout after 1 s")).await;
    assert_eq!(other, fingerprint(message));
    assert_eq!(complete(json!({"status": "FAILED"})).await, fingerprint(""));
    assert_eq!(complete(json!({})).await, None);
    let cancelled = json!({"status": "CANCELLED", "errorMessage": "by 12 users"});
    assert_eq!(complete(cancelled).await, fingerprint("by 1 users"));

    let run = server.create_stock_run().await;
    let cancel =
        "mutation { cancelActiveSyncRuns(input: {entityType: STOCK, reason: \"night 7\"}) {
        runs { id } } }";
    server.data(cancel, json!({})).await;
    assert_eq!(stored(&server, &run).await, fingerprint("night 8"));
}

#[apply(on_both_databases)]
#[tokio::test]
async fn fingerprints_of_external_writers_are_filled_in_without_changing_the_run(
    database: DatabaseKind,
) {
    let server = TestServer::start(database).await;
    insert(&server, "failed", "'code 4 at 10.0.0.1'").await;
    let before = server.get_run(ID).await;
    let changes = count(&server, &server.table("sync_change")).await;
    is_stored(&server, ID, fingerprint("code 4 at 10.0.0.1")).await;
    assert_eq!(server.get_run(ID).await, before);
    assert_eq!(count(&server, &server.table("sync_change")).await, changes);

    let (table, id) = (server.table("sync_history"), server.id_literal(ID));
    let update = async |set: &str| {
        let sql = format!("UPDATE {table} SET {set} WHERE id = {id}");
        server.execute_sql(&sql).await;
    };
    // The same text again is no other message.
    update("error_message = 'code 4 at 10.0.0.1', records_failed = 9").await;
    assert!(stored(&server, ID).await.is_some());
    update("error_message = 'disk full'").await;
    is_stored(&server, ID, fingerprint("disk full")).await;
    update("error_message = NULL").await;
    is_stored(&server, ID, fingerprint("")).await;
    update("status = 'running', error_message = 'x'").await;
    is_stored(&server, ID, fingerprint("x")).await;
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_changed_message_has_no_outdated_fingerprint(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    insert(&server, "failed", "'first'").await;
    is_stored(&server, ID, fingerprint("first")).await;
    let (table, id) = (server.table("sync_history"), server.id_literal(ID));
    let connection = server.external_connection().await;
    let backend = connection.get_database_backend();
    // In one transaction: no other process sees the row in between.
    connection.execute_unprepared("BEGIN").await.unwrap();
    let update = format!("UPDATE {table} SET error_message = 'second' WHERE id = {id}");
    connection.execute_unprepared(&update).await.unwrap();
    let select = format!("SELECT error_fingerprint FROM {table} WHERE id = {id}");
    let row = connection
        .query_one_raw(Statement::from_string(backend, select))
        .await;
    let stored: Option<String> = row.unwrap().unwrap().try_get_by_index(0).unwrap();
    assert_eq!(stored, None);
    connection.execute_unprepared("ROLLBACK").await.unwrap();
}

#[tokio::test]
async fn an_adopted_postgres_database_is_indexed_by_several_servers() {
    let url = Cluster::get().existing_database().await;
    let server = TestServer::open(url).await;
    let _replica = server.replica().await;
    let failures = "sync_history.sync_history WHERE error_message IS NOT NULL OR status = 'failed'";
    let failed = count(&server, failures).await;
    assert!(failed > Some(50), "{failed:?}");
    let indexed = "sync_history.sync_history WHERE error_fingerprint IS NOT NULL";
    wait_until("all failures are indexed", async || {
        count(&server, indexed).await == failed
    })
    .await;
}
