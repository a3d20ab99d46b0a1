//! Cancelling and deleting several runs in one call.

use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, Statement, TransactionTrait};

use crate::{
    authentication::{create_key, create_key_with, error_code},
    support::{
        DatabaseKind, Postgres, Sqlite, TestServer, Value, apply, code, json, on_both_databases,
        socket::Socket,
    },
};

const CANCEL: &str = "mutation($ids: [ID!]!, $reason: String) {
    cancelSyncRuns(input: {runIds: $ids, reason: $reason}) {
        results { runId run { id status errorMessage } errorCode errorMessage } } }";
const DELETE: &str =
    "mutation($ids: [ID!]!) { deleteSyncRuns(input: {runIds: $ids}) { deletedRunIds } }";
const CANCEL_ACTIVE: &str = "mutation($input: CancelActiveSyncRunsInput!) {
    cancelActiveSyncRuns(input: $input) { runs { id } } }";
const UNKNOWN: &str = "0197d2c4-8a3e-7c1b-9f00-000000000009";

impl TestServer {
    async fn cancel_runs(&self, ids: &[&str], reason: Option<&str>) -> Vec<Value> {
        let variables = json!({"ids": ids, "reason": reason});
        let data = self.data(CANCEL, variables).await;
        let results = data["cancelSyncRuns"]["results"].as_array();
        results.unwrap().clone()
    }

    async fn delete_runs(&self, ids: &[&str]) -> Value {
        let mut data = self.data(DELETE, json!({"ids": ids})).await;
        data["deleteSyncRuns"]["deletedRunIds"].take()
    }

    /// Returns the plan of a statement on a large table.
    async fn plan(&self, sql: &str) -> String {
        let connection = self.external_connection().await;
        let explain = if self.is_on_postgres() {
            let settings = "SET enable_seqscan = off; SET search_path = sync_history";
            connection.execute_unprepared(settings).await.unwrap();
            "EXPLAIN"
        } else {
            "EXPLAIN QUERY PLAN"
        };
        let sql = format!("{explain} {sql}");
        let statement = Statement::from_string(connection.get_database_backend(), sql);
        let rows = connection.query_all_raw(statement).await.unwrap();
        let column = if self.is_on_postgres() { 0 } else { 3 };
        let lines = rows.iter().map(|row| row.try_get_by_index(column));
        lines
            .collect::<Result<Vec<String>, _>>()
            .unwrap()
            .join("\n")
    }

    /// Returns a number that an SQL query selects.
    async fn number(&self, sql: &str) -> i64 {
        let connection = self.external_connection().await;
        let statement = Statement::from_string(connection.get_database_backend(), sql);
        let row = connection.query_one_raw(statement).await.unwrap().unwrap();
        row.try_get_by_index(0).unwrap()
    }
}

fn cancelled(id: &str, reason: Option<&str>) -> Value {
    json!({"runId": id, "run": {"id": id, "status": "CANCELLED", "errorMessage": reason},
        "errorCode": null, "errorMessage": null})
}

#[apply(on_both_databases)]
#[tokio::test]
async fn each_run_is_cancelled_on_its_own(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let open = server.create_stock_run().await;
    let other = server.create_stock_run().await;
    let ended = server.create_stock_run().await;
    server.complete_run(&ended, json!({})).await;
    let ids = [&open, &ended, UNKNOWN, "x", &other, &open];
    let results = server.cancel_runs(&ids, Some("stop")).await;
    let failed = [
        (&ended[..], "ALREADY_FINISHED", "is already completed"),
        (UNKNOWN, "NOT_FOUND", "there is no run"),
        ("x", "BAD_INPUT", "runIds `x` is not a UUID"),
    ];
    for (result, (id, code, message)) in results[1..4].iter().zip(failed) {
        assert_eq!(
            (&result["runId"], &result["run"]),
            (&json!(id), &json!(null))
        );
        assert_eq!(result["errorCode"], code);
        let text = result["errorMessage"].as_str().unwrap();
        assert!(text.contains(message), "{text}");
    }
    let stopped = |id| cancelled(id, Some("stop"));
    assert_eq!(
        [&results[0], &results[4], &results[5]],
        [&stopped(&open), &stopped(&other), &stopped(&open)]
    );
    assert_eq!(server.get_run(&ended).await["status"], "COMPLETED");
    // The same call again is answered as the first was, and another reason is another outcome.
    assert_eq!(server.cancel_runs(&ids, Some("stop")).await, results);
    assert_eq!(
        server.cancel_runs(&[&open], Some("other")).await[0]["errorCode"],
        "ALREADY_FINISHED"
    );
    assert_eq!(server.get_run(&open).await["version"], 2);
    // As it is given.
    let upper = open.to_uppercase();
    assert_eq!(server.cancel_runs(&[&upper], None).await[0]["runId"], upper);
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_call_names_a_hundred_runs_at_most(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let id = server.create_stock_run().await;
    for operation in [CANCEL, DELETE] {
        let error = server
            .error(operation, json!({"ids": vec![&id; 101]}))
            .await;
        assert_eq!(code(&error), "BAD_INPUT");
        assert!(
            error["message"].as_str().unwrap().contains("101 runs"),
            "{error}"
        );
    }
    assert_eq!(server.get_run(&id).await["status"], "PENDING");
    assert!(server.cancel_runs(&[], None).await.is_empty());
    assert_eq!(server.delete_runs(&[]).await, json!([]));
    let reason = "x".repeat(64 * 1024 + 1);
    let variables = json!({"ids": [&id], "reason": reason});
    assert_eq!(code(&server.error(CANCEL, variables).await), "BAD_INPUT");
    let results = server.cancel_runs(&[&id[..]; 100], None).await;
    assert_eq!(results, vec![cancelled(&id, None); 100]);
    assert_eq!(server.get_run(&id).await["version"], 2);
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_source_bound_key_cancels_only_runs_of_its_sources(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let own = server.create_stock_run().await;
    let other = server
        .create_run(json!({"entityType": "STOCK", "source": "FILE"}))
        .await;
    let (_, secret) = create_key_with(&server, "operate", &["as400"], None).await;
    let variables = json!({"ids": [other, own]});
    let (_, response) = server.execute_as(&secret, CANCEL, variables).await;
    let results = &response["data"]["cancelSyncRuns"]["results"];
    assert_eq!(results[0]["errorCode"], "FORBIDDEN", "{response}");
    assert_eq!(results[1]["run"]["status"], "CANCELLED");
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_source_bound_key_deletes_only_runs_of_its_sources(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let own = server.create_stock_run().await;
    let other = server
        .create_run(json!({"entityType": "STOCK", "source": "FILE"}))
        .await;
    let event = json!([{"eventType": "a", "message": "b"}]);
    server.add_events(&other, event).await;
    let (_, secret) = create_key_with(&server, "admin", &["as400"], None).await;
    let variables = json!({"ids": [other, own]});
    let (_, response) = server.execute_as(&secret, DELETE, variables).await;
    assert_eq!(error_code(&response), "FORBIDDEN", "{response}");
    let extensions = &response["errors"][0]["extensions"];
    assert_eq!(extensions["deletedRunIds"], json!([own]));
    let list = "{ syncRuns { nodes { id events { totalCount } } } }";
    let (_, left) = server.execute_as(&secret, list, json!({})).await;
    assert_eq!(
        left["data"]["syncRuns"]["nodes"],
        json!([{"id": other, "events": {"totalCount": 1}}])
    );
}

/// Triggers of other applications, too.
#[tokio::test]
async fn a_run_that_the_database_rejects_does_not_prevent_others() {
    let server = TestServer::start(Sqlite).await;
    let [one, rejected, other] = [
        server.create_stock_run().await,
        server.create_stock_run().await,
        server.create_stock_run().await,
    ];
    let id = server.id_literal(&rejected);
    let trigger = |event| {
        format!(
            "CREATE TRIGGER reject_{event} BEFORE {event} ON sync_history WHEN OLD.id = {id}
            BEGIN SELECT RAISE(ABORT, 'kept by law'); END"
        )
    };
    for event in ["UPDATE", "DELETE"] {
        server.execute_sql(&trigger(event)).await;
    }
    let ids = [&one[..], &rejected, &other];
    let results = server.cancel_runs(&ids, None).await;
    assert_eq!(results[1]["errorCode"], "BAD_INPUT", "{results:?}");
    assert_eq!(
        [&results[0], &results[2]],
        [&cancelled(&one, None), &cancelled(&other, None)]
    );
    let error = server.error(DELETE, json!({"ids": ids})).await;
    assert_eq!(code(&error), "BAD_INPUT", "{error}");
    assert_eq!(error["extensions"]["deletedRunIds"], json!([one, other]));
}

/// Another program's transaction holds the row of one run.
#[tokio::test]
async fn a_locked_run_blocks_neither_the_call_nor_other_runs_on_postgres() {
    let server = TestServer::start(Postgres).await;
    let [one, locked, other] = [
        server.create_stock_run().await,
        server.create_stock_run().await,
        server.create_stock_run().await,
    ];
    let connection = server.external_connection().await;
    let transaction = connection.begin().await.unwrap();
    let lock =
        format!("UPDATE sync_history.sync_history SET records_processed = 5 WHERE id = '{locked}'");
    transaction.execute_unprepared(&lock).await.unwrap();
    let started = Instant::now();
    let results = server.cancel_runs(&[&one, &locked, &other], None).await;
    assert_eq!(results[1]["errorCode"], "UNAVAILABLE", "{results:?}");
    assert_eq!(
        [&results[0], &results[2]],
        [&cancelled(&one, None), &cancelled(&other, None)]
    );
    let error = server
        .error(DELETE, json!({"ids": [one, locked, other]}))
        .await;
    assert_eq!(code(&error), "UNAVAILABLE", "{error}");
    assert_eq!(error["extensions"]["deletedRunIds"], json!([one, other]));
    assert!(started.elapsed() < Duration::from_secs(20));
    transaction.commit().await.unwrap();
    assert_eq!(server.delete_runs(&[&one, &locked]).await, json!([locked]));
}

#[apply(on_both_databases)]
#[tokio::test]
async fn deleted_runs_are_gone_with_their_events(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let open = server.create_stock_run().await;
    let ended = server.create_stock_run().await;
    let kept = server.create_stock_run().await;
    for id in [&open, &ended, &kept] {
        let event = json!([{"eventType": "a", "message": "b"}]);
        server.add_events(id, event).await;
    }
    server.complete_run(&ended, json!({})).await;
    let deleted = server
        .delete_runs(&[&ended, UNKNOWN, &open.to_uppercase(), &ended])
        .await;
    assert_eq!(deleted, json!([ended, open]));
    assert_eq!(server.delete_runs(&[&ended, &open]).await, json!([]));
    let left = server
        .data(
            "{ syncRuns { nodes { id } } syncEvents { nodes { run { id } } } }",
            json!({}),
        )
        .await;
    let kept = json!({"nodes": [{"id": kept}]});
    assert_eq!(left["syncRuns"], kept);
    assert_eq!(left["syncEvents"]["nodes"][0]["run"], kept["nodes"][0]);
    assert_eq!(left["syncEvents"]["nodes"].as_array().unwrap().len(), 1);
}

#[apply(on_both_databases)]
#[tokio::test]
async fn nothing_is_deleted_if_an_id_is_malformed(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let id = server.create_stock_run().await;
    let error = server.error(DELETE, json!({"ids": [id, "x"]})).await;
    assert_eq!(code(&error), "BAD_INPUT");
    assert_eq!(server.count_runs().await, 1);
}

#[apply(on_both_databases)]
#[tokio::test]
async fn subscribers_receive_the_deletion_and_an_id_can_be_used_again(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let watch = "subscription($after: String) { syncRunChanged(after: $after) { kind runId run { version } } }";
    let after = server.feed_cursor().await;
    let mut socket: Socket = server.subscribe(watch, json!({"after": after})).await;
    let input = json!({"id": UNKNOWN, "entityType": "STOCK", "source": "AS400"});
    server.create_run(input.clone()).await;
    server.complete_run(UNKNOWN, json!({})).await;
    for kind in ["CREATED", "STATUS"] {
        assert_eq!(socket.data().await["syncRunChanged"]["kind"], kind);
    }
    assert_eq!(server.delete_runs(&[UNKNOWN]).await, json!([UNKNOWN]));
    assert_eq!(
        socket.data().await["syncRunChanged"],
        json!({"kind": "DELETED", "runId": UNKNOWN, "run": null})
    );
    // The worker's reports find no run; the call that created it creates another one.
    let completed = server.complete_run(UNKNOWN, json!({})).await;
    assert_eq!(error_code(&completed), "NOT_FOUND");
    let create = "mutation($input: CreateSyncRunInput!) { createSyncRun(input: $input) {
        replayed run { status version events { totalCount } } } }";
    let created = server.data(create, json!({"input": input})).await;
    assert_eq!(
        created["createSyncRun"],
        json!({"replayed": false,
            "run": {"status": "PENDING", "version": 1, "events": {"totalCount": 0}}})
    );
    assert_eq!(
        socket.data().await["syncRunChanged"],
        json!({"kind": "CREATED", "runId": UNKNOWN, "run": {"version": 1}})
    );
}

#[apply(on_both_databases)]
#[tokio::test]
async fn the_texts_of_a_deleted_run_are_removed_from_the_change_log(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let [deleted, kept] = [
        server.create_stock_run().await,
        server.create_stock_run().await,
    ];
    let table = server.table("sync_history");
    for id in [&deleted, &kept] {
        let failed = json!({"status": "FAILED", "errorMessage": "SSN 078-05-1120"});
        server.complete_run(id, failed).await;
        let id = server.id_literal(id);
        let update =
            format!("UPDATE {table} SET error_message = 'x', records_failed = 1 WHERE id = {id}");
        server.execute_sql(&update).await;
    }
    let texts = |id: &str| {
        format!(
            "SELECT count(*) FROM {} WHERE run_id = {} AND coalesce(error_message, previous_error_message) IS NOT NULL",
            server.table("sync_change"),
            server.id_literal(id)
        )
    };
    assert_eq!(server.number(&texts(&deleted)).await, 2);
    let ids = [&deleted[..]];
    let deletion = server.delete_runs(&ids);
    let (statements, _) = server.record_statements(deletion).await;
    let update = statements.iter().find(|sql| sql.starts_with("UPDATE"));
    let plan = server.plan(update.unwrap()).await;
    assert!(plan.contains("ix_sync_change_texts"), "{plan}");
    assert_eq!(server.number(&texts(&deleted)).await, 0);
    assert_eq!(server.number(&texts(&kept)).await, 2);
    // Another program deletes a run, and leaves the texts.
    let (id, log) = (server.id_literal(&kept), texts(&kept));
    server
        .execute_sql(&format!("DELETE FROM {table} WHERE id = {id}"))
        .await;
    assert_eq!(server.delete_runs(&[&kept]).await, json!([]));
    assert_eq!(server.number(&log).await, 0);
}

#[apply(on_both_databases)]
#[tokio::test]
async fn cancelling_all_active_runs_must_be_said_on_purpose(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let at = async |time: &str| {
        let started = format!("2026-11-20T{time}:00Z");
        let input = json!({"entityType": "STOCK", "source": "AS400", "startedAt": started});
        server.create_run(input).await
    };
    let (early, late) = (at("08:00").await, at("09:00").await);
    let cancel = async |input: Value| {
        let data = server.data(CANCEL_ACTIVE, json!({"input": input})).await;
        data["cancelActiveSyncRuns"]["runs"].clone()
    };
    for input in [
        json!({}),
        json!({"reason": "x"}),
        json!({"all": false, "entityType": null, "source": null, "startedBefore": null}),
    ] {
        let error = server.error(CANCEL_ACTIVE, json!({"input": input})).await;
        assert_eq!(code(&error), "BAD_INPUT", "{input}");
    }
    for input in [
        json!({"source": []}),
        json!({"all": true, "entityType": []}),
        json!({"all": true, "source": "API"}),
        json!({"startedBefore": "2026-11-20T08:00:00Z"}),
        json!({"startedBefore": "2026-11-21T08:00:00Z", "entityType": "ORDER"}),
    ] {
        assert_eq!(cancel(input.clone()).await, json!([]), "{input}");
    }
    let before = json!({"startedBefore": "2026-11-20T10:00:00+01:00"});
    assert_eq!(cancel(before).await, json!([{"id": early}]));
    assert_eq!(cancel(json!({"all": true})).await, json!([{"id": late}]));
}

#[apply(on_both_databases)]
#[tokio::test]
async fn malformed_input_without_the_scope_is_forbidden(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let (_, reader) = create_key(&server, "read").await;
    let (_, admin) = create_key(&server, "admin").await;
    let long = "x".repeat(70_000);
    for (field, input) in [
        (
            "createSyncRun",
            json!({"id": "x", "entityType": "STOCK", "source": "API"}),
        ),
        (
            "createSyncRun",
            json!({"entityType": "STOCK", "source": "API", "startedAt": "2099-01-01T00:00:00Z"}),
        ),
        (
            "addSyncEvent",
            json!({"runId": "x", "event": {"eventType": "", "message": ""}}),
        ),
        (
            "addSyncEvents",
            json!({"runId": UNKNOWN, "events": {"eventType": "a", "message": "b", "details": []}}),
        ),
        (
            "reportSyncProgress",
            json!({"runId": UNKNOWN, "counts": {"recordsFailed": -1}}),
        ),
        ("completeSyncRun", json!({"runId": UNKNOWN, "details": 1})),
        ("cancelSyncRun", json!({"runId": "x"})),
        ("cancelSyncRuns", json!({"runIds": [], "reason": long})),
        ("cancelActiveSyncRuns", json!({"source": "UNKNOWN"})),
        ("cancelActiveSyncRuns", json!({})),
        ("deleteSyncRuns", json!({"runIds": ["x"]})),
    ] {
        let name = field[..1].to_uppercase() + &field[1..];
        let operation =
            format!("mutation($input: {name}Input!) {{ {field}(input: $input) {{ __typename }} }}");
        for (key, expected) in [(&reader, "FORBIDDEN"), (&admin, "BAD_INPUT")] {
            let variables = json!({"input": input});
            let (_, response) = server.execute_as(key, &operation, variables).await;
            assert_eq!(error_code(&response), expected, "{field} {response}");
        }
    }
    let start = "mutation { startSyncRun(runId: \"x\") { replayed } }";
    for (key, expected) in [(&reader, "FORBIDDEN"), (&admin, "BAD_INPUT")] {
        let (_, response) = server.execute_as(key, start, json!({})).await;
        assert_eq!(error_code(&response), expected);
    }
}
