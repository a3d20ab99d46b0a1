//! Subscriptions to the freshness of pairs: each change of a state is delivered once, on every replica.

use std::time::Duration;

use tokio::time;

use crate::support::{
    DatabaseKind, Options, TestServer, Value, apply, code, json, on_both_databases, socket::Socket,
};

const WATCH: &str = "subscription($types: [SyncEntityType!], $sources: [SyncSource!]) {
    syncFreshnessChanged(entityType: $types, source: $sources) {
        entityType source state consecutiveFailures lastRun { status } lastSuccess { id } lateAt } }";

/// Nothing that arrives within this time would.
const SILENCE: Duration = Duration::from_millis(1500);

async fn next(socket: &mut Socket) -> Value {
    socket.data().await["syncFreshnessChanged"].take()
}

/// Receives the next change as a text.
async fn state(socket: &mut Socket) -> String {
    let change = next(socket).await;
    let text = |field: &str| change[field].as_str().unwrap().to_owned();
    format!(
        "{}/{} {}",
        text("entityType"),
        text("source"),
        text("state")
    )
}

async fn assert_silent(socket: &mut Socket) {
    if let Ok(message) = time::timeout(SILENCE, next(socket)).await {
        panic!("{message:#}");
    }
}

fn options() -> Options {
    Options {
        expect: &["stock/as400=2h"],
        ..Options::default()
    }
}

async fn succeed(server: &TestServer) -> String {
    let run = server.create_stock_run().await;
    let response = server
        .complete_run(&run, json!({"status": "COMPLETED"}))
        .await;
    assert!(response.get("errors").is_none(), "{response}");
    run
}

#[apply(on_both_databases)]
#[tokio::test]
async fn each_step_of_a_schedule_is_delivered_once_on_every_replica(database: DatabaseKind) {
    let server = TestServer::start_with(database, options()).await;
    let replica = TestServer::open_with(server.database_url.clone(), options()).await;
    let mut sockets = Vec::new();
    for server in [&server, &replica, &replica] {
        sockets.push(server.subscribe(WATCH, json!({})).await);
    }
    let mut expect = async |expected: &str| {
        for socket in &mut sockets {
            assert_eq!(state(socket).await, format!("STOCK/AS400 {expected}"));
        }
    };
    let advance = |time: Duration| {
        server.clock.advance(time);
        replica.clock.advance(time);
    };
    expect("NEVER").await;
    succeed(&server).await;
    expect("FRESH").await;
    // Another success changes nothing but the time at which the pair becomes late.
    advance(Duration::from_hours(1));
    succeed(&server).await;
    advance(Duration::from_mins(119));
    time::sleep(SILENCE).await;
    advance(Duration::from_mins(1));
    expect("LATE").await;
    advance(Duration::from_hours(2));
    expect("STALE").await;
    let run = server.create_stock_run().await;
    server.complete_run(&run, json!({"status": "FAILED"})).await;
    time::sleep(SILENCE).await;
    succeed(&replica).await;
    expect("FRESH").await;
    advance(Duration::from_hours(24));
    expect("STALE").await;
    for socket in &mut sockets {
        assert_silent(socket).await;
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn the_present_states_come_first_and_follow_the_arguments(database: DatabaseKind) {
    let server = TestServer::start_with(database, options()).await;
    let run = succeed(&server).await;
    server
        .create_run(json!({"entityType": "ORDER", "source": "API"}))
        .await;
    let mut all = server.subscribe(WATCH, json!({})).await;
    let first = next(&mut all).await;
    assert_eq!(first["lastSuccess"]["id"], run.as_str());
    assert_eq!(first["lateAt"], "2026-11-23T11:00:00.000000Z");
    assert_eq!(state(&mut all).await, "ORDER/API NEVER");
    let named = json!({"types": ["CUSTOMER", "ORDER"], "sources": ["API"]});
    let mut some = server.subscribe(WATCH, named).await;
    assert_eq!(state(&mut some).await, "CUSTOMER/API NEVER");
    assert_eq!(state(&mut some).await, "ORDER/API NEVER");
    let mut orders = server.subscribe(WATCH, json!({"types": ["ORDER"]})).await;
    assert_eq!(state(&mut orders).await, "ORDER/API NEVER");
    // A pair is delivered from its first run on.
    server
        .create_run(json!({"entityType": "CUSTOMER", "source": "API"}))
        .await;
    assert_eq!(state(&mut all).await, "CUSTOMER/API NEVER");
    let run = server
        .create_run(json!({"entityType": "ORDER", "source": "API"}))
        .await;
    server
        .complete_run(&run, json!({"status": "COMPLETED"}))
        .await;
    for socket in [&mut all, &mut some, &mut orders] {
        assert_eq!(state(socket).await, "ORDER/API FRESH");
    }
    assert_silent(&mut some).await;
    let mut invalid = server.subscribe(WATCH, json!({"types": ["UNKNOWN"]})).await;
    let error = invalid.receive().await;
    assert_eq!(error["type"], "error");
    assert_eq!(code(&error["payload"][0]), "BAD_INPUT");
}

#[apply(on_both_databases)]
#[tokio::test]
async fn deletions_and_other_writers_change_states(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let mut socket = server.subscribe(WATCH, json!({})).await;
    let run = succeed(&server).await;
    // The run is created, then completed: the first read may see both.
    let mut first = state(&mut socket).await;
    if first == "STOCK/AS400 NEVER" {
        first = state(&mut socket).await;
    }
    assert_eq!(first, "STOCK/AS400 FRESH");
    let delete =
        "mutation($ids: [ID!]!) { deleteSyncRuns(input: {runIds: $ids}) { deletedRunIds } }";
    server.data(delete, json!({"ids": [run]})).await;
    assert_eq!(state(&mut socket).await, "STOCK/AS400 NEVER");
    let (id, table) = (
        server.id_literal("0197d2c4-8a3e-7c1b-9f00-3b5a1c2d4e6f"),
        server.table("sync_history"),
    );
    let insert = format!(
        "INSERT INTO {table} (id, entity_type, source, status, started_at, completed_at, records_processed,
            records_created, records_updated, records_failed)
        VALUES ({id}, 'stock', 'as400', 'completed', '2026-11-22T09:00:00+00:00', '2026-11-22T09:01:00+00:00', 0, 0, 0, 0)"
    );
    server.execute_sql(&insert).await;
    assert_eq!(state(&mut socket).await, "STOCK/AS400 FRESH");
    server
        .execute_sql(&format!(
            "UPDATE {table} SET source = 'api' WHERE id = {id}"
        ))
        .await;
    let mut both = [state(&mut socket).await, state(&mut socket).await];
    both.sort();
    assert_eq!(both, ["STOCK/API FRESH", "STOCK/AS400 NEVER"]);
    assert_silent(&mut socket).await;
}

#[apply(on_both_databases)]
#[tokio::test]
async fn the_monitor_starts_again_after_its_last_subscriber_has_left(database: DatabaseKind) {
    let server = TestServer::start_with(database, options()).await;
    for expected in ["NEVER", "FRESH", "LATE"] {
        let mut socket = server.subscribe(WATCH, json!({})).await;
        assert_eq!(state(&mut socket).await, format!("STOCK/AS400 {expected}"));
        drop(socket);
        time::sleep(Duration::from_secs(1)).await;
        match expected {
            "NEVER" => drop(succeed(&server).await),
            _ => server.clock.advance(Duration::from_hours(2)),
        }
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn event_streams_have_no_ids_and_start_again(database: DatabaseKind) {
    let server = TestServer::start_with(database, options()).await;
    let request = json!({"query": "subscription { syncFreshnessChanged { state } }"});
    for last in [None, Some("x")] {
        let mut post = reqwest::Client::new()
            .post(format!("{}/graphql", server.url))
            .header("accept", "text/event-stream")
            .json(&request);
        if let Some(last) = last {
            post = post.header("last-event-id", last);
        }
        let mut response = post.send().await.unwrap();
        assert_eq!(response.status(), 200);
        let mut text = String::new();
        while !text.contains("NEVER") {
            let chunk = time::timeout(Duration::from_secs(20), response.chunk()).await;
            text.push_str(std::str::from_utf8(&chunk.unwrap().unwrap().unwrap()).unwrap());
        }
        assert!(
            text.contains(r#"{"data":{"syncFreshnessChanged":{"state":"NEVER"}}}"#),
            "{text}"
        );
        assert!(
            !text.contains("\nid:") && !text.starts_with("id:"),
            "{text}"
        );
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn shutdown_closes_subscriptions(database: DatabaseKind) {
    let mut server = TestServer::start_with(database, options()).await;
    let mut socket = server.subscribe(WATCH, json!({})).await;
    assert_eq!(state(&mut socket).await, "STOCK/AS400 NEVER");
    let (closed, ()) = tokio::join!(socket.close_code(), server.stop());
    assert!(matches!(closed, 1001 | 1012), "{closed}");
}
