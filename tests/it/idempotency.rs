//! Repeated and concurrent mutations.

use std::time::Duration;

use futures_util::future::join_all;

use crate::{
    lifecycle::{CREATE, PROGRESS, START},
    support::{DatabaseKind, TestServer, Value, apply, code, json, on_both_databases},
};

#[apply(on_both_databases)]
#[tokio::test]
async fn creating_a_run_is_idempotent(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let input = json!({"id": "0197d2c4-8a3e-7c1b-9f00-3b5a1c2d4e6f", "entityType": "STOCK",
        "source": "AS400", "startedAt": "2026-11-23T08:00:00+01:00", "details": {"a": 1, "b": [null]}});
    let first = server.data(CREATE, json!({"input": input})).await;
    assert_eq!(
        first["createSyncRun"]["run"]["startedAt"],
        "2026-11-23T07:00:00.000000Z"
    );

    // Later, formatted differently, and after the run has changed.
    server.clock.advance(Duration::from_mins(1));
    server
        .complete_run(input["id"].as_str().unwrap(), json!({"details": {"a": 2}}))
        .await;
    let again = json!({"id": "0197D2C48A3E7C1B9F003B5A1C2D4E6F", "entityType": "STOCK",
        "source": "AS400", "startedAt": "2026-11-23T07:00:00Z", "details": {"b": [null], "a": 1}});
    let again = server.data(CREATE, json!({"input": again})).await;
    assert_eq!(again["createSyncRun"]["replayed"], true);
    assert_eq!(again["createSyncRun"]["run"]["status"], "COMPLETED");

    for (field, value) in [
        ("entityType", json!("ORDER")),
        ("source", json!("FILE")),
        ("status", json!("RUNNING")),
        ("startedAt", json!("2026-11-23T07:00:01Z")),
        ("startedAt", Value::Null),
        ("recordsExpected", json!(1)),
        ("details", json!({"a": 1})),
        ("details", Value::Null),
    ] {
        let mut other = input.clone();
        other[field] = value;
        let error = server.error(CREATE, json!({"input": other})).await;
        assert_eq!(code(&error), "ID_CONFLICT", "{field}: {error}");
        assert_eq!(error["extensions"]["fields"], json!([field]), "{error}");
    }
}

/// Whatever has changed since, and without disclosing what is stored.
#[apply(on_both_databases)]
#[tokio::test]
async fn a_conflict_names_the_fields_that_differ(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let users = [
        "0197d2c4-8a3e-7c1b-9f00-0000000000a1",
        "0197d2c4-8a3e-7c1b-9f00-0000000000a2",
    ];
    for user in users {
        server
            .add_user(user, &format!("{user}@example.test"), "U")
            .await;
    }
    let id = "0197d2c4-8a3e-7c1b-9f00-3b5a1c2d4e6f";
    let input = json!({"id": id, "entityType": "STOCK", "source": "AS400", "recordsExpected": 10,
        "triggeredById": users[0], "details": {"token": "hunter2", "pi": 3.25}});
    server.data(CREATE, json!({"input": input})).await;
    let conflict = async |fields: &[(&str, Value)], expected: &[&str]| {
        let mut other = input.clone();
        for (name, value) in fields {
            other[*name] = value.clone();
        }
        let error = server.error(CREATE, json!({"input": other})).await;
        assert_eq!(code(&error), "ID_CONFLICT", "{error}");
        assert_eq!(error["extensions"]["fields"], json!(expected), "{error}");
        let message = error["message"].as_str().unwrap();
        let named = format!("which differs in {}:", expected.join(", "));
        assert!(message.contains(&named), "{message}");
        assert!(
            !message.contains("hunter2") && !message.contains("AS400"),
            "{message}"
        );
    };
    let all = [
        ("entityType", json!("ORDER")),
        ("source", json!("API")),
        ("status", json!("RUNNING")),
        ("startedAt", json!("2026-11-20T08:00:00Z")),
        ("recordsExpected", json!(11)),
        ("triggeredById", json!(users[1])),
        ("details", json!({"token": "x"})),
    ];
    let names = all.each_ref().map(|(name, _)| *name);
    let check = async || {
        conflict(&all, &names).await;
        for one in &all {
            conflict(std::slice::from_ref(one), &[one.0]).await;
        }
        for pair in all.windows(2) {
            conflict(pair, &[pair[0].0, pair[1].0]).await;
        }
        conflict(&[("triggeredById", Value::Null)], &["triggeredById"]).await;
        conflict(&[("recordsExpected", Value::Null)], &["recordsExpected"]).await;
    };
    check().await;
    server.data(START, json!({"id": id})).await;
    check().await;
    // What the first call gave is found if this one repeats it, and compared with what the run holds now otherwise.
    let report = json!({"runId": id, "recordsExpected": 20, "details": {"token": "hunter3"}});
    server.data(PROGRESS, json!({"input": report})).await;
    server.complete_run(id, json!({})).await;
    conflict(&all[..2], &["entityType", "source"]).await;
    conflict(&all[2..4], &["status", "startedAt"]).await;
    conflict(&all[5..6], &["triggeredById"]).await;
    conflict(&all[6..], &["recordsExpected", "details"]).await;
}

#[apply(on_both_databases)]
#[tokio::test]
async fn starting_a_run_is_idempotent(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let id = server.create_stock_run().await;
    server.data(START, json!({"id": id})).await;
    let again = server.data(START, json!({"id": id})).await;
    assert_eq!(
        again["startSyncRun"],
        json!({"replayed": true, "run": {"status": "RUNNING", "version": 2}})
    );
}

#[apply(on_both_databases)]
#[tokio::test]
async fn completing_a_run_is_idempotent(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let id = server.create_stock_run().await;
    let outcome = json!({"status": "FAILED", "errorMessage": "read timed out", "counts": {"recordsProcessed": 5},
        "details": {"x": {"y": [1.5, null]}}});
    let first = server.complete_run(&id, outcome.clone()).await;
    server.clock.advance(Duration::from_secs(5));
    let again = server.complete_run(&id, outcome.clone()).await;
    assert_eq!(again["data"]["completeSyncRun"]["replayed"], true);
    assert_eq!(
        again["data"]["completeSyncRun"]["run"],
        first["data"]["completeSyncRun"]["run"]
    );

    for (field, value) in [
        ("status", json!("COMPLETED")),
        ("errorMessage", json!("other")),
        ("counts", json!({"recordsProcessed": 6})),
        ("details", json!({"x": 1})),
        ("completedAt", json!("2026-11-23T10:00:00Z")),
    ] {
        let mut other = outcome.clone();
        other[field] = value;
        let response = server.complete_run(&id, other).await;
        let error = &response["errors"][0];
        assert_eq!(code(error), "ALREADY_FINISHED", "{field}");
        assert_eq!(
            error["extensions"]["run"],
            json!({"id": id, "status": "FAILED", "version": 2})
        );
    }
    assert_eq!(server.get_run(&id).await["version"], 2);
}

#[apply(on_both_databases)]
#[tokio::test]
async fn one_of_several_concurrent_completions_wins(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    for _ in 0..10 {
        let id = server.create_stock_run().await;
        let completions = (0..8).map(|index| {
            let status = ["COMPLETED", "FAILED"][index % 2];
            server.complete_run(
                &id,
                json!({"status": status, "counts": {"recordsProcessed": index}}),
            )
        });
        let responses = join_all(completions).await;
        let (won, lost): (Vec<_>, Vec<_>) = responses
            .iter()
            .partition(|response| response.get("errors").is_none());
        assert_eq!(won.len(), 1);
        let winner = &won[0]["data"]["completeSyncRun"]["run"];
        assert_eq!(
            server.get_run(&id).await["recordsProcessed"],
            winner["recordsProcessed"]
        );
        for response in lost {
            let error = &response["errors"][0];
            assert_eq!(code(error), "ALREADY_FINISHED");
            assert_eq!(error["extensions"]["run"]["status"], winner["status"]);
        }
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn one_of_several_concurrent_creations_is_not_replayed(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let input = json!({"id": "0197d2c4-8a3e-7c1b-9f00-000000000001", "entityType": "STOCK", "source": "AS400"});
    let responses = join_all((0..8).map(|_| server.data(CREATE, json!({"input": input})))).await;
    let firsts = responses
        .iter()
        .filter(|response| response["createSyncRun"]["replayed"] == false);
    assert_eq!(firsts.count(), 1);
}

#[apply(on_both_databases)]
#[tokio::test]
async fn late_or_repeated_progress_changes_nothing(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let id = server
        .create_run(json!({"entityType": "STOCK", "source": "AS400", "status": "RUNNING"}))
        .await;
    let report = async |processed: i32| {
        let input =
            json!({"runId": id, "recordsExpected": 30, "counts": {"recordsProcessed": processed}});
        server.data(PROGRESS, json!({"input": input})).await["reportSyncProgress"]["run"].clone()
    };
    assert_eq!(report(20).await["version"], 2);
    let late = report(10).await;
    assert_eq!(
        (&late["recordsProcessed"], &late["version"]),
        (&json!(20), &json!(2))
    );
    assert_eq!(report(20).await["version"], 2);
    assert_eq!(report(30).await["version"], 3);
    let empty = server.data(PROGRESS, json!({"input": {"runId": id}})).await;
    assert_eq!(empty["reportSyncProgress"]["run"]["version"], 3);
}

#[apply(on_both_databases)]
#[tokio::test]
async fn stored_numbers_compare_equal_on_replay(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let id = server.create_stock_run().await;
    let outcome = json!({"details": {"ns": 1.7e18, "list": [1e16, 0.1, -0.0], "whole": 1.0}});
    for replayed in [false, true] {
        let response = server.complete_run(&id, outcome.clone()).await;
        assert_eq!(
            response["data"]["completeSyncRun"]["replayed"], replayed,
            "{response}"
        );
    }
    let add = "mutation($input: AddSyncEventInput!) { addSyncEvent(input: $input) { replayed } }";
    let event = json!({"id": "0197d2c4-8a3e-7c1b-9f00-3b5a1c2d4e6f", "eventType": "x", "message": "x",
        "details": outcome["details"]});
    for replayed in [false, true] {
        let data = server
            .data(add, json!({"input": {"runId": id, "event": event}}))
            .await;
        assert_eq!(data["addSyncEvent"]["replayed"], replayed);
    }
}

/// A run, an event or a user: `node` finds one of them.
#[apply(on_both_databases)]
#[tokio::test]
async fn an_id_of_another_type_conflicts(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let id = |number| format!("0197d2c4-8a3e-7c1b-9f00-00000000000{number}");
    let (run, event, user, free) = (id(1), id(2), id(3), id(4));
    server.add_user(&user, "u@example.test", "U").await;
    let create = "mutation($id: ID) { createSyncRun(input: {id: $id, entityType: STOCK, source: API}) { replayed } }";
    let add_all =
        "mutation($input: AddSyncEventsInput!) { addSyncEvents(input: $input) { replayedCount } }";
    let add = "mutation($input: AddSyncEventInput!) { addSyncEvent(input: $input) { replayed } }";
    let new = |id: &str| json!({"id": id, "eventType": "a", "message": "b"});
    server.data(create, json!({"id": run})).await;
    let input = json!({"runId": run, "event": new(&event)});
    server.data(add, json!({"input": input})).await;

    for taken in [&event, &user] {
        let error = server.error(create, json!({"id": taken})).await;
        assert_eq!(code(&error), "ID_CONFLICT", "{error}");
        assert!(
            error["message"].as_str().unwrap().contains(taken),
            "{error}"
        );
    }
    for taken in [&run, &user] {
        let single = json!({"runId": run, "event": new(taken)});
        let error = server.error(add, json!({"input": single})).await;
        assert_eq!(code(&error), "ID_CONFLICT", "{error}");
        let several = json!({"runId": run, "events": [new(&free), new(taken)]});
        let error = server.error(add_all, json!({"input": several})).await;
        assert_eq!(code(&error), "ID_CONFLICT", "{error}");
        assert!(
            error["message"].as_str().unwrap().contains(taken),
            "{error}"
        );
    }
    // Nothing was stored, and the same calls are still replays.
    let events = server
        .data("{ syncEvents { totalCount } }", json!({}))
        .await;
    assert_eq!(events["syncEvents"]["totalCount"], 1);
    assert_eq!(server.count_runs().await, 1);
    let replayed = server.data(create, json!({"id": run})).await;
    assert_eq!(replayed["createSyncRun"]["replayed"], true);
    let replayed = server.data(add, json!({"input": input})).await;
    assert_eq!(replayed["addSyncEvent"]["replayed"], true);
    // A run that does not exist is reported as such.
    let unknown = json!({"runId": free, "event": new(&run)});
    let error = server.error(add, json!({"input": unknown})).await;
    assert_eq!(code(&error), "NOT_FOUND", "{error}");
}
