//! Timeouts, heartbeats, and when a run was reported on last.

use std::time::Duration;

use tokio::time::sleep;

use super::{CHANGES, time};
use crate::support::{DatabaseKind, TestServer, Value, apply, code, json, on_both_databases};

#[apply(on_both_databases)]
#[tokio::test]
async fn a_heartbeat_is_no_change(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let id = server.create_stock_run().await;
    let created = server.read(&id).await;
    let mut changes = server
        .subscribe(CHANGES, json!({"after": server.feed_cursor().await}))
        .await;
    let response = server.heartbeat(&id).await;
    let run = &response["data"]["reportSyncProgress"]["run"];
    assert_eq!(run["version"], 1);
    assert!(time(&run["lastHeartbeatAt"]) > time(&created["lastHeartbeatAt"]));
    server.start_run(&id).await;
    let change = changes.data().await["syncRunChanged"].take();
    assert_eq!(change["status"], "RUNNING");
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_timeout_is_validated_and_part_of_the_run(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let create = "mutation($input: CreateSyncRunInput!) {
        createSyncRun(input: $input) { replayed run { id } } }";
    let id = "0197d2c4-8a3e-7c1b-9f00-000000000001";
    let input = |seconds: Value| {
        json!({"input": {"id": id, "entityType": "STOCK", "source": "API",
            "heartbeatTimeoutSeconds": seconds}})
    };
    for seconds in [0, -1, 2_592_001, i32::MAX] {
        let error = server.error(create, input(json!(seconds))).await;
        assert_eq!(code(&error), "BAD_INPUT");
        let message = error["message"].as_str().unwrap();
        let start = format!("heartbeatTimeoutSeconds is {seconds}; give 1 to 2592000");
        assert!(message.starts_with(&start), "{message}");
    }
    assert_eq!(server.count_runs().await, 0);
    for replayed in [false, true] {
        let data = server.data(create, input(json!(2_592_000))).await;
        assert_eq!(data["createSyncRun"]["replayed"], replayed);
    }
    for seconds in [json!(60), Value::Null] {
        let error = server.error(create, input(seconds)).await;
        assert_eq!(code(&error), "ID_CONFLICT");
        assert_eq!(
            error["extensions"]["fields"],
            json!(["heartbeatTimeoutSeconds"])
        );
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn the_last_report_of_each_run_of_a_page_is_one_statement(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    for _ in 0..3 {
        let id = server.create_stock_run().await;
        server
            .add_events(&id, json!([{"eventType": "a", "message": ""}]))
            .await;
    }
    let list = async |field: &str| {
        let query = format!("{{ syncRuns {{ nodes {{ id {field} }} }} }}");
        let (statements, data) = server
            .record_statements(server.data(&query, json!({})))
            .await;
        (statements.len(), data)
    };
    let (without, _) = list("").await;
    let (with, data) = list("lastHeartbeatAt").await;
    assert_eq!((without, with), (1, 2));
    let nodes = data["syncRuns"]["nodes"].as_array().unwrap();
    assert!(nodes.iter().all(|run| !run["lastHeartbeatAt"].is_null()));
}

#[apply(on_both_databases)]
#[tokio::test]
async fn the_cancellation_by_an_operator_is_no_report(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let (one, other) = (
        server.create_stock_run().await,
        server.create_stock_run().await,
    );
    let third = server.create_stock_run().await;
    let cancel = "mutation($id: ID!) { cancelSyncRun(input: {runId: $id}) { replayed } }";
    let cancel_active = "mutation { cancelActiveSyncRuns(input: {all: true}) { runs { id } } }";
    let before = [&one, &other, &third];
    let read = async |id: &str| server.read(id).await["lastHeartbeatAt"].take();
    let mut created = Vec::new();
    for id in before {
        created.push(read(id).await);
    }
    sleep(Duration::from_millis(20)).await;
    server.data(cancel, json!({"id": one})).await;
    assert_eq!(read(&one).await, created[0]);
    server
        .complete(&other, json!({"status": "CANCELLED"}))
        .await;
    assert!(time(&read(&other).await) > time(&created[1]));
    server.data(cancel_active, json!({})).await;
    assert_eq!(read(&third).await, created[2]);
}

#[apply(on_both_databases)]
#[tokio::test]
async fn every_run_says_when_it_was_reported_on_last(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let id = server.create_stock_run().await;
    let read = async || {
        let query = "query($id: ID!) { syncRun(id: $id) { lastHeartbeatAt updatedAt } }";
        let mut data = server.data(query, json!({"id": id})).await;
        let run = data["syncRun"].take();
        (time(&run["lastHeartbeatAt"]), time(&run["updatedAt"]))
    };
    let pause = async || sleep(Duration::from_millis(5)).await;
    let (mut last, updated_at) = read().await;
    assert_eq!(last, updated_at);
    for sql in [
        server.insert_event(&id),
        format!(
            "UPDATE {} SET records_processed = 1",
            server.table("sync_history")
        ),
        server.insert_event(&id),
    ] {
        pause().await;
        server.execute_sql(&sql).await;
        let (next, updated_at) = read().await;
        assert!(next > last && next >= updated_at);
        last = next;
    }
    pause().await;
    server.start_run(&id).await;
    let (started, updated_at) = read().await;
    assert_eq!(started, updated_at);
    pause().await;
    server.complete(&id, json!({})).await;
    let (completed, updated_at) = read().await;
    assert!(completed > started);
    assert_eq!(completed, updated_at);
}

#[tokio::test]
async fn runs_from_before_adoption_say_what_is_known_of_their_last_report_on_postgres() {
    let server = TestServer::start_on_existing_database().await;
    let query = "{ syncRuns(first: 100) { nodes {
        updatedAt lastHeartbeatAt lostAt events(last: 100) { nodes { timestamp } } } } }";
    let data = server.data(query, json!({})).await;
    for run in data["syncRuns"]["nodes"].as_array().unwrap() {
        let events = run["events"]["nodes"].as_array().unwrap();
        let events = events.iter().map(|event| time(&event["timestamp"]));
        let last = events.fold(time(&run["updatedAt"]), Ord::max);
        assert_eq!(time(&run["lastHeartbeatAt"]), last, "{run:#}");
        assert_eq!(run["lostAt"], Value::Null);
    }
    let id = server.create_lost_run().await;
    server.complete(&id, json!({})).await;
    assert_eq!(server.read(&id).await["status"], "COMPLETED");
}
