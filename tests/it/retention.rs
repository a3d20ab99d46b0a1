//! Retention of changes, and the feed of replicas and restored databases.

use std::time::Duration;

use sea_orm::{ConnectionTrait, Statement};
use sync_history::config::Limits;

use crate::support::{
    Cluster, DatabaseKind, Postgres, Sqlite, TestServer, apply, code, database_name, json,
    on_both_databases, wait_until,
};

const WATCH: &str = "subscription($after: String) {
    syncRunChanged(after: $after) { cursor status run { id } } }";

fn retain_for(retention: Duration) -> Limits {
    let mut limits = Limits::default();
    limits.feed.retention = retention;
    limits
}

async fn count_changes(server: &TestServer) -> i64 {
    let connection = server.external_connection().await;
    let sql = format!("SELECT count(*) AS n FROM {}", server.table("sync_change"));
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let row = connection.query_one_raw(statement).await.unwrap().unwrap();
    row.try_get("", "n").unwrap()
}

async fn wait_until_pruned(server: &TestServer) {
    wait_until("all changes are pruned", async || {
        count_changes(server).await == 0
    })
    .await;
}

#[apply(on_both_databases)]
#[tokio::test]
async fn old_changes_are_pruned_and_their_cursors_expire(database: DatabaseKind) {
    let server = TestServer::start_with(database, retain_for(Duration::from_secs(5))).await;
    let before = server.feed_cursor().await;
    // More than one batch of pruning.
    let table = server.table("sync_history");
    let ids = match database {
        Postgres => "SELECT gen_random_uuid() AS id FROM generate_series(1, 2500)",
        Sqlite => {
            "SELECT randomblob(16) AS id FROM
            (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) SELECT i FROM n)"
        }
    };
    server
        .execute_sql(&format!(
            "INSERT INTO {table} (id, entity_type, source, status, started_at, records_processed,
                records_created, records_updated, records_failed)
            SELECT id, 'stock', 'as400', 'running', '2026-11-20T08:00:00+00:00', 0, 0, 0, 0
            FROM ({ids}) AS ids"
        ))
        .await;
    let mut live = server.subscribe(WATCH, json!({"after": before})).await;
    let mut last = json!(null);
    for _ in 0..2500 {
        last = live.data().await["syncRunChanged"]["cursor"].take();
    }
    // Retention follows the clock of the database. This cursor is so much younger than the changes
    // that it is still valid when they are pruned.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let after = server.feed_cursor().await;
    wait_until_pruned(&server).await;

    let mut socket = server.subscribe(WATCH, json!({"after": before})).await;
    let error = socket.receive().await;
    assert_eq!(error["type"], "error");
    assert_eq!(code(&error["payload"][0]), "CURSOR_EXPIRED");

    let mut resumed = server.subscribe(WATCH, json!({"after": after})).await;
    let mut sockets = vec![&mut live, &mut resumed];
    // A cursor at the last pruned change, in the same interval. On PostgreSQL it expires meanwhile.
    let mut at_last_change = server.subscribe(WATCH, json!({"after": last})).await;
    if database == Sqlite {
        sockets.push(&mut at_last_change);
    }
    let id = server.create_stock_run().await;
    for socket in sockets {
        assert_eq!(socket.data().await["syncRunChanged"]["run"]["id"], *id);
    }
}

#[tokio::test]
async fn open_transactions_are_delivered_after_pruning_on_postgres() {
    let server = TestServer::start_with(Postgres, retain_for(Duration::from_secs(1))).await;
    let open = server.external_connection().await;
    open.execute_unprepared(
        "BEGIN; INSERT INTO sync_history.sync_history (id, entity_type, source, status,
            records_processed, records_created, records_updated, records_failed)
            VALUES ('00000000-0000-7000-8000-000000000001', 'order', 'api', 'running', 0, 0, 0, 0)",
    )
    .await
    .unwrap();
    server.create_stock_run().await;
    wait_until_pruned(&server).await;
    let after = server.feed_cursor().await;
    let mut socket = server.subscribe(WATCH, json!({"after": after})).await;
    open.execute_unprepared("COMMIT").await.unwrap();
    let change = socket.data().await["syncRunChanged"].take();
    assert_eq!(change["run"]["id"], "00000000-0000-7000-8000-000000000001");
}

#[tokio::test]
async fn one_server_at_a_time_prunes_changes_on_postgres() {
    let server = TestServer::start_with(Postgres, retain_for(Duration::from_secs(1))).await;
    // Holds the lock of a server that prunes.
    let other = server.external_connection().await;
    other
        .execute_unprepared("BEGIN; SELECT 1 FROM sync_history.sync_feed FOR UPDATE")
        .await
        .unwrap();
    server.create_stock_run().await;
    // Longer than the retention: nothing is pruned meanwhile.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(count_changes(&server).await, 1);
    other.execute_unprepared("ROLLBACK").await.unwrap();
    wait_until_pruned(&server).await;
}

#[tokio::test]
async fn a_restored_database_keeps_its_events_and_restarts_its_feed_on_postgres() {
    let cluster = Cluster::get();
    let server = TestServer::start(Postgres).await;
    let (before, run) = (server.feed_cursor().await, server.create_stock_run().await);
    let add = "mutation($run: ID!, $message: String!) { addSyncEvent(input: {runId: $run,
        event: {eventType: \"chunk\", message: $message}}) { replayed } }";
    let variables = json!({"run": run, "message": "before the dump"});
    server.data(add, variables).await;

    // As restored from a dump into a cluster whose transaction ids are lower.
    let restored_url = cluster.empty_database().await;
    let (from, to) = (
        database_name(&server.database_url),
        database_name(&restored_url),
    );
    cluster.copy_by_dump(from, to);
    cluster.psql(
        to,
        &[
            "-c",
            "UPDATE sync_history.sync_event SET xid = '4000000000000'::xid8;
            UPDATE sync_history.sync_change SET xid = '4000000000000'::xid8",
        ],
    );
    let restored = TestServer::open(restored_url).await;

    let mut socket = restored.subscribe(WATCH, json!({"after": before})).await;
    let error = socket.receive().await;
    assert_eq!(code(&error["payload"][0]), "CURSOR_EXPIRED");

    let mut changes = restored
        .subscribe(WATCH, json!({"after": restored.feed_cursor().await}))
        .await;
    let mut events = restored
        .subscribe(
            "subscription($run: ID!) { syncEventAdded(runId: $run) { event { message } } }",
            json!({"run": run}),
        )
        .await;
    let mut message = async || events.data().await["syncEventAdded"]["event"]["message"].take();
    assert_eq!(message().await, "before the dump");
    let variables = json!({"run": run, "message": "after the restore"});
    restored.data(add, variables).await;
    assert_eq!(message().await, "after the restore");
    restored.complete_run(&run, json!({})).await;
    let change = changes.data().await["syncRunChanged"].take();
    assert_eq!(
        (&change["run"]["id"], &change["status"]),
        (&json!(run), &json!("COMPLETED"))
    );
    assert_eq!(events.receive().await["type"], "complete");
}

#[tokio::test]
async fn writes_of_another_replica_are_delivered_without_polling_on_postgres() {
    let mut limits = Limits::default();
    limits.feed.poll_interval = Duration::from_hours(1);
    let server = TestServer::start_with(Postgres, limits).await;
    let replica = server.replica().await;
    let mut socket = server
        .subscribe(WATCH, json!({"after": server.feed_cursor().await}))
        .await;
    for _ in 0..3 {
        let id = replica.create_stock_run().await;
        assert_eq!(socket.data().await["syncRunChanged"]["run"]["id"], *id);
    }
}
