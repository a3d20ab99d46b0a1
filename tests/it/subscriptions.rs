//! Subscriptions to changes of runs.

use std::time::Duration;

use sync_history::config::Limits;

use crate::support::{
    DatabaseKind, TestServer, Value, apply, code, json, on_both_databases, socket::Socket,
};

const WATCH: &str = "subscription($filter: SyncRunFilter, $kinds: [SyncChangeKind!]! = [CREATED, STATUS], $after: String) {
    syncRunChanged(filter: $filter, kinds: $kinds, after: $after) {
        cursor kind previousStatus status matchesFilter run { id status version } } }";

/// Receives `count` changes and drops their cursors and runs.
async fn changes(socket: &mut Socket, count: usize) -> Vec<Value> {
    let mut changes = Vec::new();
    for _ in 0..count {
        let mut change = socket.data().await["syncRunChanged"].take();
        change
            .as_object_mut()
            .unwrap()
            .retain(|name, _| name != "cursor" && name != "run");
        changes.push(change);
    }
    changes
}

fn change(kind: &str, previous: Option<&str>, status: &str, matches: bool) -> Value {
    json!({"kind": kind, "previousStatus": previous, "status": status, "matchesFilter": matches})
}

#[apply(on_both_databases)]
#[tokio::test]
async fn subscribers_receive_creation_start_and_completion(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let mut socket = server
        .subscribe(WATCH, json!({"after": server.feed_cursor().await}))
        .await;
    let id = server.create_stock_run().await;
    server.start_run(&id).await;
    server
        .report_progress(&id, json!({"recordsProcessed": 3}))
        .await;
    server.complete_run(&id, json!({})).await;
    assert_eq!(
        changes(&mut socket, 3).await,
        [
            change("CREATED", None, "PENDING", true),
            change("STATUS", Some("PENDING"), "RUNNING", true),
            change("STATUS", Some("RUNNING"), "COMPLETED", true),
        ]
    );
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_subscription_has_begun_when_the_socket_answers_later_messages(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    for _ in 0..12 {
        let mut socket = Socket::open(&server.url).await;
        socket.subscribe(WATCH, json!({})).await;
        socket.send(&json!({"type": "ping"})).await;
        assert_eq!(socket.receive().await, json!({"type": "pong"}));
        let id = server.create_stock_run().await;
        let data = socket.data().await;
        assert_eq!(data["syncRunChanged"]["run"]["id"], json!(id));
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn without_a_cursor_subscribers_receive_only_new_changes(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let before = server.create_stock_run().await;
    let mut socket = server.subscribe(WATCH, json!({})).await;
    // Creates runs until the subscription, which starts at some point, delivers one.
    let mut after = Vec::new();
    let mut next = std::pin::pin!(socket.data());
    let first = loop {
        after.push(server.create_stock_run().await);
        let timeout = Duration::from_millis(20);
        if let Ok(change) = tokio::time::timeout(timeout, &mut next).await {
            break change;
        }
    };
    let id = first["syncRunChanged"]["run"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_ne!(id, before);
    assert!(after.contains(&id));
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_change_cursor_resumes_exactly_after_it(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let start = server.feed_cursor().await;
    let mut versions = Vec::new();
    for _ in 0..3 {
        let id = server.create_stock_run().await;
        server.start_run(&id).await;
        server.complete_run(&id, json!({})).await;
    }
    let mut socket = server.subscribe(WATCH, json!({"after": start})).await;
    for _ in 0..9 {
        let change = socket.data().await["syncRunChanged"].take();
        versions.push((
            change["cursor"].clone(),
            change["run"]["id"].clone(),
            change["status"].clone(),
        ));
    }
    for index in 0..9 {
        let mut socket = server
            .subscribe(WATCH, json!({"after": versions[index].0}))
            .await;
        for (_, id, status) in &versions[index + 1..] {
            let change = socket.data().await["syncRunChanged"].take();
            assert_eq!((&change["run"]["id"], &change["status"]), (id, status));
        }
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_filter_delivers_runs_that_enter_stay_and_leave(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let after = server.feed_cursor().await;
    let watch = async |filter: Value, kinds: Value| {
        let variables = json!({"filter": filter, "kinds": kinds, "after": after});
        server.subscribe(WATCH, variables).await
    };
    let status = json!(["CREATED", "STATUS"]);
    let all = json!(["CREATED", "STATUS", "PROGRESS"]);
    let mut running = watch(json!({"status": "RUNNING"}), status.clone()).await;
    let mut failing = watch(json!({"recordsFailed": {"gte": 1, "lte": 9}}), all).await;
    let mut orders = watch(json!({"entityType": "ORDER"}), status).await;

    let stock = server.create_stock_run().await;
    server.start_run(&stock).await;
    assert_eq!(
        changes(&mut running, 1).await,
        [change("STATUS", Some("PENDING"), "RUNNING", true)]
    );
    for failed in [0, 5, 10] {
        server
            .report_progress(
                &stock,
                json!({"recordsProcessed": 20, "recordsFailed": failed}),
            )
            .await;
        if failed == 5 {
            assert_eq!(
                changes(&mut failing, 1).await,
                [change("PROGRESS", Some("RUNNING"), "RUNNING", true)]
            );
        }
    }
    assert_eq!(
        changes(&mut failing, 1).await,
        [change("PROGRESS", Some("RUNNING"), "RUNNING", false)]
    );
    server.complete_run(&stock, json!({})).await;
    assert_eq!(
        changes(&mut running, 1).await,
        [change("STATUS", Some("RUNNING"), "COMPLETED", false)]
    );
    // The subscriber to orders has received none of these changes.
    server
        .create_run(json!({"entityType": "ORDER", "source": "API", "status": "RUNNING"}))
        .await;
    assert_eq!(
        changes(&mut orders, 1).await,
        [change("CREATED", None, "RUNNING", true)]
    );
    assert_eq!(
        changes(&mut running, 1).await,
        [change("CREATED", None, "RUNNING", true)]
    );
}

#[apply(on_both_databases)]
#[tokio::test]
async fn external_writes_and_other_replicas_writes_are_delivered(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let replica = server.replica().await;
    let mut socket = replica
        .subscribe(WATCH, json!({"after": server.feed_cursor().await}))
        .await;
    let id = server.create_stock_run().await;
    assert_eq!(
        changes(&mut socket, 1).await,
        [change("CREATED", None, "PENDING", true)]
    );
    let table = server.table("sync_history");
    server
        .execute_sql(&format!(
            "UPDATE {table} SET status = 'running' WHERE id = {}",
            server.id_literal(&id)
        ))
        .await;
    assert_eq!(
        changes(&mut socket, 1).await,
        [change("STATUS", Some("PENDING"), "RUNNING", true)]
    );
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_subscriber_far_behind_receives_every_change_once(database: DatabaseKind) {
    let mut limits = Limits::default();
    // The subscriber does not answer pings.
    limits.http.ping_interval = Duration::from_hours(1);
    let server = TestServer::start_with(database, limits).await;
    let after = server.feed_cursor().await;
    let mut slow = server.subscribe(WATCH, json!({"after": after})).await;
    // More than fits into one batch, and more batches than are buffered.
    let mut expected = Vec::new();
    for _ in 0..150 {
        let id = server.create_stock_run().await;
        server.complete_run(&id, json!({})).await;
        expected.extend([(id.clone(), "PENDING"), (id, "COMPLETED")]);
    }
    let table = server.table("sync_history");
    server
        .execute_sql(&format!("UPDATE {table} SET status = 'failed'"))
        .await;
    let mut late = server.subscribe(WATCH, json!({"after": after})).await;
    for socket in [&mut slow, &mut late] {
        for (id, status) in &expected {
            let change = socket.data().await["syncRunChanged"].take();
            assert_eq!(
                (change["run"]["id"].as_str(), change["status"].as_str()),
                (Some(id.as_str()), Some(*status))
            );
        }
        for _ in 0..150 {
            assert_eq!(socket.data().await["syncRunChanged"]["status"], "FAILED");
        }
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn foreign_cursors_are_expired_and_malformed_ones_are_bad(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let other = TestServer::start(database).await;
    let mut own = server.feed_cursor().await.as_str().unwrap().to_owned();
    let connection = other.feed_cursor().await;
    own.replace_range(8..9, if &own[8..9] == "A" { "B" } else { "A" });
    for (cursor, expected) in [
        (connection, "CURSOR_EXPIRED"),
        (json!(own), "BAD_CURSOR"),
        (json!("x"), "BAD_CURSOR"),
    ] {
        let mut socket = server.subscribe(WATCH, json!({"after": cursor})).await;
        let error = socket.receive().await;
        assert_eq!(error["type"], "error", "{error}");
        assert_eq!(code(&error["payload"][0]), expected);
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn shutdown_closes_sockets_with_1001(database: DatabaseKind) {
    let mut server = TestServer::start(database).await;
    let mut socket = server.subscribe(WATCH, json!({})).await;
    let (code, ()) = tokio::join!(socket.close_code(), server.stop());
    assert_eq!(code, 1001);
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_client_that_does_not_answer_pings_is_closed_with_4408(database: DatabaseKind) {
    let mut limits = Limits::default();
    limits.http.ping_interval = Duration::from_millis(50);
    let server = TestServer::start_with(database, limits).await;
    let mut responding = Socket::open(&server.url).await;
    for _ in 0..5 {
        assert_eq!(responding.receive().await, json!({"type": "ping"}));
        responding.send(&json!({"type": "pong"})).await;
    }
    let mut silent = Socket::open(&server.url).await;
    for _ in 0..2 {
        assert_eq!(silent.receive().await, json!({"type": "ping"}));
    }
    assert_eq!(silent.close_code().await, 4408);
}
