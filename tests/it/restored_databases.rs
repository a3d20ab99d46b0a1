//! Databases that are restored to an earlier state, under a running server and behind its back.

use std::{path::Path, time::Duration};

use tokio::time;

use crate::support::{
    Cluster, PrivateCluster, TestServer, Value, code, database_name, json, rstest, socket::Socket,
    sqlite_url, wait_until,
};

const WATCH: &str = "subscription($after: String) {
    syncRunChanged(after: $after, kinds: [CREATED, STATUS]) { cursor kind run { id } } }";
const WATCH_EVENTS: &str = "subscription($run: ID!, $after: String) {
    syncEventAdded(runId: $run, after: $after) { cursor event { message } } }";

/// What a client knows of the state that is lost by a restore.
struct LostState {
    /// A run that is kept.
    run: String,
    /// The cursors of the feed before the backup, and afterwards.
    kept: Value,
    lost: Value,
    /// The cursor after an event of the run that was added after the backup.
    lost_event: Value,
    /// The cursor after an event from before.
    kept_event: Value,
    /// A subscription that has received everything.
    connected: Socket,
}

async fn event_cursor(server: &TestServer, run: &str, message: &str) -> Value {
    let mut socket = server.subscribe(WATCH_EVENTS, json!({"run": run})).await;
    loop {
        let data = socket.data().await;
        if data["syncEventAdded"]["event"]["message"] == message {
            return data["syncEventAdded"]["cursor"].clone();
        }
    }
}

fn event(message: &str) -> Value {
    json!([{"eventType": "note", "message": message}])
}

/// Writes, takes a backup, and writes more.
async fn write_around_backup(server: &TestServer, back_up: impl AsyncFnOnce()) -> LostState {
    let run = server.create_stock_run().await;
    server.add_events(&run, event("kept")).await;
    let kept = server.feed_cursor().await;
    let kept_event = event_cursor(server, &run, "kept").await;
    back_up().await;
    wait_until("the database accepts writes", async || {
        is_writable(server).await
    })
    .await;
    server.add_events(&run, event("lost")).await;
    let lost_event = event_cursor(server, &run, "lost").await;
    let mut connected = server.subscribe(WATCH, json!({"after": kept})).await;
    for _ in 0..3 {
        server.create_stock_run().await;
    }
    // With those that tested whether the database accepts writes.
    let lost = server.feed_cursor().await;
    let mut received = 0;
    while received < 3 {
        connected.data().await;
        received += 1;
    }
    LostState {
        run,
        kept,
        lost,
        lost_event,
        kept_event,
        connected,
    }
}

async fn is_writable(server: &TestServer) -> bool {
    let create =
        "mutation { createSyncRun(input: {entityType: ORDER, source: API}) { run { id } } }";
    server
        .execute(create, json!({}))
        .await
        .get("errors")
        .is_none()
}

/// Asserts that cursors from the lost state have expired, also once as much has been written again, and that those from
/// before the backup resume.
async fn assert_lost_cursors_expire(server: &TestServer, state: LostState) {
    wait_until("the database accepts writes", async || {
        is_writable(server).await
    })
    .await;
    for _ in 0..20 {
        server.create_stock_run().await;
        server.add_events(&state.run, event("new")).await;
    }
    for (query, cursor) in [(WATCH, &state.lost), (WATCH_EVENTS, &state.lost_event)] {
        let variables = json!({"run": state.run, "after": cursor});
        let message = server.subscribe(query, variables).await.receive().await;
        assert_eq!(message["type"], "error", "{message}");
        assert_eq!(code(&message["payload"][0]), "CURSOR_EXPIRED");
    }
    let mut resumed = server.subscribe(WATCH, json!({"after": state.kept})).await;
    for _ in 0..20 {
        assert_eq!(resumed.data().await["syncRunChanged"]["kind"], "CREATED");
    }
    let after = json!({"run": state.run, "after": state.kept_event});
    let mut resumed = server.subscribe(WATCH_EVENTS, after).await;
    for _ in 0..20 {
        assert_eq!(
            resumed.data().await["syncEventAdded"]["event"]["message"],
            "new"
        );
    }
}

/// Asserts that a subscription which has received changes that are lost ends.
async fn assert_expires(mut connected: Socket) -> Value {
    loop {
        let message = connected.receive().await;
        match message["type"].as_str() {
            Some("next") => {}
            Some("ping") => connected.send(&json!({"type": "pong"})).await,
            _ => {
                assert_eq!(message["type"], "error", "{message}");
                assert_eq!(code(&message["payload"][0]), "CURSOR_EXPIRED");
                return message;
            }
        }
    }
}

impl LostState {
    async fn assert_connected_expires(&mut self, server: &TestServer) {
        let replacement = Socket::open(&server.url).await;
        assert_expires(std::mem::replace(&mut self.connected, replacement)).await;
    }
}

#[rstest]
#[case::copied_files(false)]
#[case::base_backup(true)]
#[tokio::test]
async fn cursors_from_a_lost_state_expire_after_a_restore_on_postgres(#[case] base_backup: bool) {
    let mut cluster = PrivateCluster::start();
    cluster.psql("postgres", "CREATE DATABASE runs");
    let server = TestServer::open(cluster.url("runs")).await;
    let mut state = write_around_backup(&server, async || {
        if base_backup {
            cluster.back_up("backup");
        } else {
            cluster.stop();
            cluster.copy_data("data", "backup");
            cluster.run_data("data");
        }
    })
    .await;
    cluster.stop();
    cluster.copy_data("backup", "data");
    cluster.run_data("data");
    if base_backup {
        cluster.promote();
    }
    state.assert_connected_expires(&server).await;
    assert_lost_cursors_expire(&server, state).await;
}

#[tokio::test]
async fn cursors_from_a_lost_state_expire_after_a_dump_is_restored_in_place_on_postgres() {
    let server = TestServer::open(Cluster::get().empty_database().await).await;
    let name = database_name(&server.database_url);
    let dump = tempfile::NamedTempFile::new().unwrap();
    let path = dump.path().to_str().unwrap();
    let mut state = write_around_backup(&server, async || {
        Cluster::get().dump(name, path);
    })
    .await;
    let drop = "DROP SCHEMA sync_history CASCADE; DROP SCHEMA \"user\" CASCADE";
    Cluster::get().psql(name, &["-1", "-c", drop, "-f", path]);
    state.assert_connected_expires(&server).await;
    assert_lost_cursors_expire(&server, state).await;
}

#[tokio::test]
async fn cursors_from_a_lost_state_expire_after_a_restore_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite_url(&folder);
    let file = folder.path().join("sync-history.db");
    let backup = folder.path().join("backup.db");
    let mut server = TestServer::open(url.clone()).await;
    let state = write_around_backup(&server, async || {
        let sql = format!("VACUUM INTO '{}'", backup.display());
        server.execute_sql(&sql).await;
    })
    .await;
    server.stop().await;
    assert!(!Path::new(&format!("{}-wal", file.display())).exists());
    std::fs::copy(&backup, &file).unwrap();
    let server = TestServer::open(url).await;
    assert_lost_cursors_expire(&server, state).await;
}

#[tokio::test]
async fn subscriptions_continue_after_a_failover_that_loses_nothing_on_postgres() {
    let mut cluster = PrivateCluster::start();
    cluster.psql("postgres", "CREATE DATABASE runs");
    let server = TestServer::open(cluster.url("runs")).await;
    server.create_stock_run().await;
    let mut socket = server.subscribe(WATCH, json!({})).await;
    socket.send(&json!({"type": "ping"})).await;
    assert_eq!(socket.receive().await["type"], "pong");
    let before = server.create_stock_run().await;
    let change = socket.data().await["syncRunChanged"].take();
    assert_eq!(change["run"]["id"], json!(before));
    let listed = server.feed_cursor().await;
    cluster.stop();
    cluster.copy_data("data", "standby");
    cluster.make_standby("standby");
    cluster.run_data("standby");
    cluster.promote();
    let log_file = cluster.psql("runs", "SELECT pg_walfile_name(pg_current_wal_lsn())");
    assert!(
        log_file.starts_with("00000002"),
        "not on a new timeline: {log_file}"
    );
    wait_until("the database accepts writes", async || {
        is_writable(&server).await
    })
    .await;
    for after in [&change["cursor"], &listed] {
        let mut resumed = server.subscribe(WATCH, json!({"after": after})).await;
        assert_eq!(resumed.data().await["syncRunChanged"]["kind"], "CREATED");
    }
    assert_eq!(socket.data().await["syncRunChanged"]["kind"], "CREATED");
}

#[tokio::test]
async fn transactions_of_other_databases_lost_in_a_failover_hide_no_changes_on_postgres() {
    let mut cluster = PrivateCluster::start();
    cluster.psql("postgres", "CREATE DATABASE runs");
    cluster.psql("postgres", "CREATE TABLE counted (n int)");
    let server = TestServer::open(cluster.url("runs")).await;
    server.create_stock_run().await;
    cluster.stop();
    cluster.copy_data("data", "standby");
    cluster.run_data("data");
    for _ in 0..30 {
        cluster.psql("postgres", "INSERT INTO counted VALUES (1)");
    }
    wait_until("the database responds", async || {
        let query = "{ syncRuns(first: 1) { feedCursor } }";
        server
            .execute(query, json!({}))
            .await
            .get("errors")
            .is_none()
    })
    .await;
    let mut socket = server.subscribe(WATCH, json!({})).await;
    socket.send(&json!({"type": "ping"})).await;
    assert_eq!(socket.receive().await["type"], "pong");
    let cursor = server.feed_cursor().await;
    // The ids of the transactions since are given to others.
    cluster.stop();
    cluster.run_data("standby");
    wait_until("the database accepts writes", async || {
        is_writable(&server).await
    })
    .await;
    let mut resumed = server.subscribe(WATCH, json!({"after": cursor})).await;
    for socket in [&mut socket, &mut resumed] {
        // The socket's own timeout begins again with each ping.
        let change = time::timeout(Duration::from_mins(1), socket.data()).await;
        assert_eq!(change.unwrap()["syncRunChanged"]["kind"], "CREATED");
    }
}

#[tokio::test]
async fn a_role_that_may_not_identify_the_cluster_is_served_on_postgres() {
    let cluster = PrivateCluster::start();
    cluster.psql("postgres", "CREATE ROLE modest LOGIN");
    cluster.psql("postgres", "CREATE DATABASE runs OWNER modest");
    let revoke = "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC;
        REVOKE EXECUTE ON FUNCTION pg_control_checkpoint() FROM PUBLIC";
    cluster.psql("runs", revoke);
    let url = cluster.url("runs").replace("postgres@", "modest@");
    let server = TestServer::open(url).await;
    let mut socket = server
        .subscribe(WATCH, json!({"after": server.feed_cursor().await}))
        .await;
    let id = server.create_stock_run().await;
    let change = socket.data().await["syncRunChanged"].take();
    assert_eq!(change["run"]["id"], json!(id));
    let server = server.replica().await;
    let mut resumed = server
        .subscribe(WATCH, json!({"after": change["cursor"]}))
        .await;
    wait_until("a run is created", async || is_writable(&server).await).await;
    assert_eq!(resumed.data().await["syncRunChanged"]["kind"], "CREATED");
}
