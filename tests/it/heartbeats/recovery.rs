//! The true outcome of a run that was closed as lost.

use std::time::Duration;

use super::{CHANGES, server_events, time};
use crate::support::{
    DatabaseKind, TestServer, Value, apply, code, json, on_both_databases, wait_until,
};

#[apply(on_both_databases)]
#[tokio::test]
async fn late_reports_on_a_lost_run_are_rejected_but_for_events(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let id = server.create_lost_run().await;
    let lost = server.read(&id).await;
    let start = "mutation($id: ID!) { startSyncRun(runId: $id) { replayed } }";
    let cancel = "mutation($id: ID!) { cancelSyncRun(input: {runId: $id}) { replayed } }";
    let progress = "mutation($id: ID!) { reportSyncProgress(input: {runId: $id}) { run { id } } }";
    for operation in [progress, start, cancel] {
        let error = server.error(operation, json!({"id": id})).await;
        assert_eq!(code(&error), "ALREADY_FINISHED");
        assert_eq!(
            error["extensions"]["run"],
            json!({"id": id, "status": "FAILED", "version": 2, "lostAt": lost["lostAt"]})
        );
    }
    server
        .add_events(&id, json!([{"eventType": "chunk", "message": "late"}]))
        .await;
    let run = server.read(&id).await;
    assert_eq!(
        (&run["status"], &run["version"]),
        (&json!("FAILED"), &json!(2))
    );
    assert!(time(&run["lastHeartbeatAt"]) > time(&run["lostAt"]));
}

#[apply(on_both_databases)]
#[tokio::test]
async fn the_outcome_of_a_lost_run_stands_once(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let outcomes = [
        json!({"counts": {"recordsProcessed": 7}}),
        json!({"status": "FAILED", "errorMessage": "disk full"}),
        json!({"status": "FAILED"}),
        json!({"status": "CANCELLED", "completedAt": "2026-11-23T09:00:00Z"}),
    ];
    for outcome in outcomes {
        let id = server.create_lost_run().await;
        let lost = server.read(&id).await;
        let response = server.complete(&id, outcome.clone()).await;
        let completed = &response["data"]["completeSyncRun"];
        let status = outcome.get("status").cloned().unwrap_or(json!("COMPLETED"));
        let message = outcome.get("errorMessage").cloned().unwrap_or(Value::Null);
        let run = &completed["run"];
        assert_eq!(completed["replayed"], false);
        assert_eq!((&run["status"], &run["errorMessage"]), (&status, &message));
        // By the server's clock, which stands still in tests.
        assert_eq!(run["completedAt"], "2026-11-23T09:00:00.000000Z");
        assert_eq!(run["lostAt"], lost["lostAt"]);
        assert!(time(&run["recoveredAt"]) > time(&run["lostAt"]));
        let read = server.read(&id).await;
        assert_eq!(read["version"], 3);
        assert!(read["lastHeartbeatAt"].as_str() >= run["recoveredAt"].as_str());
        assert_eq!(server_events(&read), ["lost", "recovered"]);
        let text = format!(
            "{} reported after the run had been closed as lost",
            status.as_str().unwrap()
        );
        assert_eq!(read["events"]["nodes"][1]["message"], text);

        let repeated = server.complete(&id, outcome).await;
        assert_eq!(repeated["data"]["completeSyncRun"]["replayed"], true);
        let other = json!({"status": "FAILED", "errorMessage": "another"});
        let rejected = server.complete(&id, other).await;
        assert_eq!(code(&rejected["errors"][0]), "ALREADY_FINISHED");
        assert_eq!(server.read(&id).await, read);
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn an_outcome_that_cannot_be_recovers_no_run(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let id = server.create_lost_run().await;
    let lost = server.read(&id).await;
    let early = json!({"completedAt": "2026-11-23T08:59:59Z"});
    let response = server.complete(&id, early).await;
    assert_eq!(code(&response["errors"][0]), "BAD_INPUT");
    // Not even one that is the same as the closing in all but its reason to be.
    assert_eq!(server.read(&id).await, lost);
    let same = json!({"status": "FAILED", "errorMessage": lost["errorMessage"],
        "completedAt": lost["completedAt"]});
    server.clock.advance(Duration::from_hours(30 * 24));
    let response = server.complete(&id, same).await;
    let run = &response["data"]["completeSyncRun"]["run"];
    assert!(!run["recoveredAt"].is_null(), "{response:#}");
}

#[apply(on_both_databases)]
#[tokio::test]
async fn of_concurrent_outcomes_of_a_lost_run_one_stands(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let id = server.create_lost_run().await;
    let outcomes = ["COMPLETED", "FAILED", "CANCELLED"].repeat(3);
    let calls = outcomes.iter().map(|status| {
        server.complete(
            &id,
            json!({"status": status, "errorMessage": format!("{status} it is")}),
        )
    });
    let responses = futures_util::future::join_all(calls).await;
    let run = server.read(&id).await;
    let mut written = 0;
    for (status, response) in outcomes.iter().zip(responses) {
        let is_same = run["status"] == *status;
        assert_eq!(is_same, response.get("errors").is_none(), "{response:#}");
        written += i32::from(response["data"]["completeSyncRun"]["replayed"] == false);
    }
    assert_eq!(written, 1);
    assert_eq!(server_events(&run), ["lost", "recovered"]);
}

#[apply(on_both_databases)]
#[tokio::test]
async fn another_program_that_stores_the_outcome_recovers_a_run(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let now = if server.is_on_postgres() {
        "now()"
    } else {
        "'2026-12-01T10:00:00+00:00'"
    };
    let cases = [
        ("status = 'completed'".to_owned(), "COMPLETED", Value::Null),
        (
            format!("status = 'completed', completed_at = {now}"),
            "COMPLETED",
            Value::Null,
        ),
        ("status = 'cancelled'".to_owned(), "CANCELLED", Value::Null),
        (
            "error_message = 'disk full'".to_owned(),
            "FAILED",
            json!("disk full"),
        ),
    ];
    for (assignments, status, message) in cases {
        let id = server.create_lost_run().await;
        let lost = server.read(&id).await;
        // Progress that another program stores late is no outcome.
        server.update_run(&id, "records_processed = 5").await;
        assert_eq!(server.read(&id).await["recoveredAt"], Value::Null);
        server.update_run(&id, &assignments).await;
        let run = server.read(&id).await;
        assert_eq!(run["status"], status);
        assert_eq!(run["errorMessage"], message);
        assert_eq!(run["lostAt"], lost["lostAt"]);
        assert!(time(&run["recoveredAt"]) > time(&run["lostAt"]), "{run:#}");
        assert_ne!(run["completedAt"], lost["completedAt"]);
        assert_eq!(server_events(&run), ["lost", "recovered"]);
        assert_eq!(server.count_changes_of(&id).await, 4);
        let again = server
            .complete(&id, json!({"status": "FAILED", "errorMessage": "no"}))
            .await;
        assert_eq!(code(&again["errors"][0]), "ALREADY_FINISHED");
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_lost_run_that_is_opened_again_may_be_lost_again(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let id = server.create_lost_run().await;
    let first = server.read(&id).await;
    server.update_run(&id, "status = 'running'").await;
    wait_until("the run is closed again", async || {
        server.read(&id).await["lostAt"] != first["lostAt"]
    })
    .await;
    server.update_run(&id, "status = 'running'").await;
    server.complete(&id, json!({})).await;
    let run = server.read(&id).await;
    assert_eq!(run["status"], "COMPLETED");
    assert!(!run["recoveredAt"].is_null());
    assert_eq!(server_events(&run), ["lost", "lost", "recovered"]);
}

#[apply(on_both_databases)]
#[tokio::test]
async fn subscribers_receive_the_closing_and_the_recovery(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let replica = server.replica().await;
    let follow = "subscription($run: ID!) { syncEventAdded(runId: $run) { event { eventType } } }";
    let start = server.feed_cursor().await;
    let mut changes = replica.subscribe(CHANGES, json!({"after": start})).await;
    let id = server.create_watched_run(1).await;
    let mut events = replica.subscribe(follow, json!({"run": id})).await;
    assert_eq!(changes.data().await["syncRunChanged"]["kind"], "CREATED");
    let closed = changes.data().await["syncRunChanged"].take();
    assert_eq!(closed["kind"], "STATUS");
    assert_eq!(closed["previousStatus"], "RUNNING");
    assert_eq!(closed["status"], "FAILED");
    assert!(!closed["run"]["lostAt"].is_null());
    assert_eq!(
        events.data().await["syncEventAdded"]["event"]["eventType"],
        "lost"
    );
    // A subscription that begins now does not end either.
    let mut late = server.subscribe(follow, json!({"run": id})).await;
    assert_eq!(
        late.data().await["syncEventAdded"]["event"]["eventType"],
        "lost"
    );

    server.complete(&id, json!({"status": "FAILED"})).await;
    let recovered = changes.data().await["syncRunChanged"].take();
    assert_eq!(recovered["kind"], "PROGRESS");
    assert_eq!(recovered["status"], "FAILED");
    assert!(!recovered["run"]["recoveredAt"].is_null());
    for socket in [&mut events, &mut late] {
        let event = socket.data().await["syncEventAdded"]["event"].take();
        assert_eq!(event["eventType"], "recovered");
        assert_eq!(socket.receive().await["type"], "complete");
    }
    // What is read from the table is complete, too.
    let mut replayed = server.subscribe(follow, json!({"run": id})).await;
    for expected in ["lost", "recovered"] {
        let event = replayed.data().await["syncEventAdded"]["event"].take();
        assert_eq!(event["eventType"], expected);
    }
    assert_eq!(replayed.receive().await["type"], "complete");
}
