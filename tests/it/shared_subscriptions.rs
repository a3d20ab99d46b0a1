//! Shared execution of identical subscriptions, and slow readers.

use std::{collections::HashMap, time::Duration};

use sync_history::config::Limits;
use tokio::time;

use crate::support::{
    DatabaseKind, Postgres, Sqlite, TestServer, Value, apply, code, json, on_both_databases,
    socket::Socket, wait_until,
};

const WATCH: &str = "subscription($filter: SyncRunFilter, $after: String) {
    syncRunChanged(filter: $filter, after: $after) {
        cursor status run { id triggeredBy { email } events(first: 1) { totalCount } } } }";

/// Receives changes up to the completion of a run, as run and status.
async fn changes_up_to(socket: &mut Socket, last: &str) -> Vec<(String, String)> {
    let mut changes = Vec::new();
    loop {
        let change = socket.data().await["syncRunChanged"].take();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        changes.push((text(&change["run"]["id"]), text(&change["status"])));
        if changes.last().unwrap() == &(last.to_owned(), "COMPLETED".to_owned()) {
            return changes;
        }
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn identical_subscriptions_share_one_execution(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let after = server.feed_cursor().await;
    let mut sockets = Vec::new();
    for _ in 0..10 {
        sockets.push(server.subscribe(WATCH, json!({"after": after})).await);
    }
    // Waits until all subscriptions are live.
    let first = server.create_stock_run().await;
    for socket in &mut sockets {
        assert_eq!(socket.data().await["syncRunChanged"]["run"]["id"], *first);
    }
    let (statements, ()) = server
        .record_statements(async {
            let id = server.create_stock_run().await;
            for socket in &mut sockets {
                assert_eq!(socket.data().await["syncRunChanged"]["run"]["id"], *id);
            }
        })
        .await;
    // One execution reads a page of events and counts them.
    let reads_events = |statement: &&String| statement.contains("\"sync_event\"");
    let count = statements.iter().filter(reads_events).count();
    assert!((1..=2).contains(&count), "{statements:#?}");
}

#[apply(on_both_databases)]
#[tokio::test]
async fn late_and_resumed_subscribers_receive_the_same_changes(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let mut cursors = vec![server.feed_cursor().await];
    let mut sockets = vec![server.subscribe(WATCH, json!({"after": cursors[0]})).await];
    let mut expected = Vec::new();
    let mut last = String::new();
    for step in 0..12 {
        last = server.create_stock_run().await;
        // Subscribes while changes are delivered.
        let cursor = cursors[step / 2].clone();
        sockets.push(server.subscribe(WATCH, json!({"after": cursor})).await);
        server.complete_run(&last, json!({})).await;
        for status in ["PENDING", "COMPLETED"] {
            expected.push((last.clone(), status.to_owned()));
        }
        cursors.push(server.feed_cursor().await);
    }
    for (index, socket) in sockets.iter_mut().enumerate() {
        let skipped = if index == 0 { 0 } else { (index - 1) / 2 * 2 };
        assert_eq!(changes_up_to(socket, &last).await, expected[skipped..]);
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn different_subscriptions_receive_different_responses(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let after = server.feed_cursor().await;
    let mut sockets = HashMap::new();
    for source in ["AS400", "FILE"] {
        let variables = json!({"filter": {"source": source}, "after": after});
        sockets.insert(source, server.subscribe(WATCH, variables).await);
    }
    for source in ["AS400", "FILE", "AS400"] {
        let id = server
            .create_run(json!({"entityType": "STOCK", "source": source}))
            .await;
        let socket = sockets.get_mut(source).unwrap();
        assert_eq!(socket.data().await["syncRunChanged"]["run"]["id"], *id);
    }
    // A variable that is used for `after` and elsewhere is part of what identifies the subscription.
    let twice = "subscription($after: String) {
        syncRunChanged(after: $after, filter: {errorContains: $after}) { status } }";
    let mut socket = server.subscribe(twice, json!({"after": after})).await;
    let mut bad = server.subscribe(twice, json!({"after": "no cursor"})).await;
    assert_eq!(code(&bad.receive().await["payload"][0]), "BAD_CURSOR");
    let run = server.create_stock_run().await;
    let message = format!("at {}", after.as_str().unwrap());
    let failed = json!({"status": "FAILED", "errorMessage": message});
    server.complete_run(&run, failed).await;
    assert_eq!(socket.data().await["syncRunChanged"]["status"], "FAILED");
}

/// Commits so many changes at once that a reader who does not read falls behind.
async fn flood(server: &TestServer, database: DatabaseKind, runs: usize) {
    let ids = match database {
        Postgres => format!("SELECT gen_random_uuid() AS id FROM generate_series(1, {runs})"),
        Sqlite => format!(
            "SELECT randomblob(16) AS id FROM (WITH RECURSIVE n(i) AS
            (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {runs}) SELECT i FROM n)"
        ),
    };
    server
        .execute_sql(&format!(
            "INSERT INTO {} (id, entity_type, source, status, started_at, records_processed,
                records_created, records_updated, records_failed, error_message)
            SELECT id, 'stock', 'as400', 'running', '2026-11-20T08:00:00+00:00', 0, 0, 0, 0, '{}'
            FROM ({ids}) AS ids",
            server.table("sync_history"),
            "x".repeat(4000)
        ))
        .await;
}

/// Creates runs until the subscription delivers one.
async fn wait_until_live(server: &TestServer, socket: &mut Socket) {
    wait_until("the subscription is live", async || {
        server.create_stock_run().await;
        let change = time::timeout(Duration::from_millis(50), socket.data());
        change.await.is_ok()
    })
    .await;
}

/// Limits without pings: these readers do not answer any.
fn limits_without_pings() -> Limits {
    let mut limits = Limits::default();
    limits.http.ping_interval = Duration::from_hours(1);
    limits
}

const WATCH_ALL: &str = "subscription($after: String) {
    syncRunChanged(after: $after) { run { id errorMessage } } }";

#[apply(on_both_databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_reader_receives_every_change_and_delays_nobody(database: DatabaseKind) {
    const RUNS: usize = 6000;
    let mut limits = limits_without_pings();
    // Longer than this takes on a busy machine.
    limits.graphql.catch_up_time = Duration::from_mins(10);
    let server = TestServer::start_with(database, limits).await;
    let after = json!({"after": server.feed_cursor().await});
    let mut paused = server.subscribe(WATCH_ALL, after.clone()).await;
    let mut fast = server.subscribe(WATCH_ALL, after).await;
    flood(&server, database, RUNS).await;
    for socket in [&mut fast, &mut paused] {
        let mut ids = std::collections::HashSet::new();
        for _ in 0..RUNS {
            let id = socket.data().await["syncRunChanged"]["run"]["id"].take();
            assert!(ids.insert(id.to_string()), "{id} was delivered twice");
        }
    }
}

#[apply(on_both_databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_reader_is_closed_with_1013(database: DatabaseKind) {
    let mut limits = limits_without_pings();
    limits.http.send_timeout = Duration::from_secs(1);
    limits.http.rate_limits.max_sockets = 1;
    let server = TestServer::start_with(database, limits).await;
    let mut stalled = server.subscribe(WATCH_ALL, json!({})).await;
    wait_until_live(&server, &mut stalled).await;
    // More than the socket buffers hold, up to 40 MB.
    flood(&server, database, 12_000).await;
    // Reads nothing until the server has closed the socket.
    wait_until("another socket may be opened", async || {
        Socket::connect(&server.url, None).await.initialise().await
    })
    .await;
    assert_eq!(stalled.close_code().await, 1013);
}

#[apply(on_both_databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_does_not_catch_up_is_closed_with_1013(database: DatabaseKind) {
    let mut limits = limits_without_pings();
    limits.graphql.catch_up_time = Duration::ZERO;
    let server = TestServer::start_with(database, limits).await;
    let mut slow = server.subscribe(WATCH_ALL, json!({})).await;
    wait_until_live(&server, &mut slow).await;
    flood(&server, database, 6000).await;
    // Reads nothing meanwhile.
    time::sleep(Duration::from_secs(8)).await;
    assert_eq!(slow.close_code().await, 1013);
}
