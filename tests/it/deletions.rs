//! Deletions of runs by other programs, as subscriptions report them.

use crate::support::{
    DatabaseKind, Postgres, TestServer, Value, apply, code, json, on_both_databases, socket::Socket,
};

const WATCH: &str =
    "subscription($filter: SyncRunFilter, $kinds: [SyncChangeKind!], $after: String) {
    syncRunChanged(filter: $filter, kinds: $kinds, after: $after) {
        kind previousStatus status matchesFilter runId run { id } } }";
const WATCH_EVENTS: &str =
    "subscription($runId: ID!) { syncEventAdded(runId: $runId) { event { message } } }";

impl TestServer {
    /// Deletes a run and its events, as another program does.
    async fn delete_run(&self, id: &str) {
        let id = self.id_literal(id);
        for (table, column) in [("sync_event", "sync_id"), ("sync_history", "id")] {
            let sql = format!("DELETE FROM {} WHERE {column} = {id}", self.table(table));
            self.execute_sql(&sql).await;
        }
    }

    /// Watches changes of these kinds after a cursor.
    async fn watch(&self, filter: Value, kinds: Value, after: &Value) -> Socket {
        let variables = json!({"filter": filter, "kinds": kinds, "after": after});
        self.subscribe(WATCH, variables).await
    }
}

async fn next_change(socket: &mut Socket) -> Value {
    socket.data().await["syncRunChanged"].take()
}

fn change(id: &str, kind: &str, previous: Option<&str>, status: &str) -> Value {
    json!({"runId": id, "kind": kind, "previousStatus": previous, "status": status, "matchesFilter": false, "run": null})
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_deletion_is_delivered_live(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let id = server.create_stock_run().await;
    // The default kinds.
    let query = "subscription($after: String) { syncRunChanged(after: $after) {
        kind previousStatus status matchesFilter runId run { id } } }";
    let mut socket = server
        .subscribe(query, json!({"after": server.feed_cursor().await}))
        .await;
    server.delete_run(&id).await;
    let deleted = next_change(&mut socket).await;
    assert_eq!(deleted, change(&id, "DELETED", Some("PENDING"), "PENDING"));
}

#[apply(on_both_databases)]
#[tokio::test]
async fn whoever_resumes_after_a_deletion_receives_all_changes(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let after = server.feed_cursor().await;
    let id = server.create_stock_run().await;
    server.start_run(&id).await;
    server
        .report_progress(&id, json!({"recordsProcessed": 3}))
        .await;
    server
        .add_events(&id, json!([{"eventType": "a", "message": "b"}]))
        .await;
    server.delete_run(&id).await;
    let kinds = json!(["CREATED", "STATUS", "PROGRESS", "DELETED"]);
    let mut socket = server.watch(json!({}), kinds, &after).await;
    for expected in [
        change(&id, "CREATED", None, "PENDING"),
        change(&id, "STATUS", Some("PENDING"), "RUNNING"),
        change(&id, "PROGRESS", Some("RUNNING"), "RUNNING"),
        change(&id, "DELETED", Some("RUNNING"), "RUNNING"),
    ] {
        assert_eq!(next_change(&mut socket).await, expected);
    }
    // A run with the same ID is a different one.
    let input = json!({"id": id, "entityType": "STOCK", "source": "API"});
    server.create_run(input).await;
    let created = next_change(&mut socket).await;
    assert_eq!(created["run"], json!({"id": id}));
    let mut socket = server.watch(json!({}), json!(["DELETED"]), &after).await;
    let deleted = next_change(&mut socket).await;
    assert_eq!(deleted, change(&id, "DELETED", Some("RUNNING"), "RUNNING"));
}

#[apply(on_both_databases)]
#[tokio::test]
async fn filters_apply_to_deleted_runs(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let user = "0197d2c4-8a3e-7c1b-9f00-000000000001";
    server.add_user(user, "u@example.test", "U").await;
    let after = server.feed_cursor().await;
    let input = json!({"entityType": "STOCK", "source": "AS400", "startedAt": "2026-11-20T08:00:00Z",
        "triggeredById": user});
    let id = server.create_run(input).await;
    server
        .report_progress(
            &id,
            json!({"recordsProcessed": 5, "recordsCreated": 2, "recordsFailed": 1}),
        )
        .await;
    let end =
        json!({"status": "FAILED", "errorMessage": "boom", "completedAt": "2026-11-20T08:01:00Z"});
    server.complete_run(&id, end).await;
    server.delete_run(&id).await;
    let end = server
        .create_run(json!({"entityType": "ORDER", "source": "FILE"}))
        .await;

    for (filter, is_delivered) in [
        (json!({"id": id}), true),
        (
            json!({"source": "AS400", "entityType": "STOCK", "status": "FAILED"}),
            true,
        ),
        (json!({"source": "API"}), false),
        (json!({"entityType": "PRICING"}), false),
        (json!({"status": "COMPLETED"}), false),
        (json!({"triggeredById": user}), true),
        (json!({"triggeredById": end}), false),
        (
            json!({"startedAt": {"gte": "2026-11-20T08:00:00Z", "lt": "2026-11-20T08:00:01Z"}}),
            true,
        ),
        (json!({"startedAt": {"gte": "2026-11-20T08:00:01Z"}}), false),
        (
            json!({"completedAt": {"gte": "2026-11-20T08:01:00Z"}}),
            true,
        ),
        (
            json!({"completedAt": {"gte": "2026-11-20T08:01:01Z"}}),
            false,
        ),
        (json!({"durationSeconds": {"gte": 60.0, "lte": 60.0}}), true),
        (json!({"durationSeconds": {"gte": 61.0}}), false),
        (json!({"recordsProcessed": {"gte": 5, "lte": 5}}), true),
        (json!({"recordsProcessed": {"gte": 6}}), false),
        (json!({"recordsFailed": {"gte": 1}}), true),
        (json!({"recordsFailed": {"lte": 0}}), false),
        // The text is no longer known.
        (json!({"errorContains": "boom"}), true),
        (json!({"errorContains": "other"}), true),
        (json!({"not": {"errorContains": "boom"}}), true),
        (json!({"not": {"not": {"errorContains": "other"}}}), true),
        (json!({"errorContains": "boom", "source": "API"}), false),
        (
            json!({"not": {"source": "AS400", "errorContains": "boom"}}),
            true,
        ),
        (json!({"not": {"source": "AS400"}}), false),
    ] {
        let filter = json!({"anyOf": [filter, {"id": end}]});
        let kinds = json!(["CREATED", "DELETED"]);
        let mut socket = server.watch(filter.clone(), kinds, &after).await;
        let mut delivered = Vec::new();
        loop {
            let change = next_change(&mut socket).await;
            if change["runId"] == json!(end) {
                break;
            }
            delivered.push(change);
        }
        let deleted = delivered.iter().find(|change| change["kind"] == "DELETED");
        let expected = is_delivered.then(|| change(&id, "DELETED", Some("FAILED"), "FAILED"));
        assert_eq!(deleted, expected.as_ref(), "{filter}");
    }
}

/// Every value is that of the time of the change, also one that only other programs change.
#[apply(on_both_databases)]
#[tokio::test]
async fn filters_apply_to_the_values_before_and_after_a_change(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let after = server.feed_cursor().await;
    let id = server.create_stock_run().await;
    let (table, id_literal) = (server.table("sync_history"), server.id_literal(&id));
    let sql = format!(
        "UPDATE {table} SET source = 'file', entity_type = 'order' WHERE id = {id_literal}"
    );
    server.execute_sql(&sql).await;
    let kinds = json!(["CREATED", "PROGRESS", "DELETED"]);
    let filter = json!({"entityType": "STOCK"});
    let mut socket = server.watch(filter, kinds, &after).await;
    let created = next_change(&mut socket).await;
    assert_eq!(
        (&created["kind"], &created["matchesFilter"]),
        (&json!("CREATED"), &json!(true))
    );
    let left = next_change(&mut socket).await;
    assert_eq!(
        (&left["kind"], &left["matchesFilter"]),
        (&json!("PROGRESS"), &json!(false))
    );
    // Not reported to those who watch stock; reported to those who watch orders.
    server.delete_run(&id).await;
    let end = server.create_stock_run().await;
    assert_eq!(next_change(&mut socket).await["runId"], json!(end));
    let filter = json!({"entityType": "ORDER"});
    let mut socket = server.watch(filter, json!(["DELETED"]), &after).await;
    assert_eq!(next_change(&mut socket).await["runId"], json!(id));
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_deletion_ends_the_subscriptions_to_the_events_of_the_run(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let id = server.create_stock_run().await;
    let other = server.create_stock_run().await;
    let event = json!([{"eventType": "a", "message": "b"}]);
    let mut socket = server.subscribe(WATCH_EVENTS, json!({"runId": id})).await;
    let mut other_socket = server
        .subscribe(WATCH_EVENTS, json!({"runId": other}))
        .await;
    server.add_events(&id, event.clone()).await;
    assert_eq!(
        socket.data().await["syncEventAdded"]["event"]["message"],
        "b"
    );
    server.delete_run(&id).await;
    assert_eq!(
        socket.receive().await,
        json!({"type": "complete", "id": "1"})
    );
    server.add_events(&other, event).await;
    assert_eq!(
        other_socket.data().await["syncEventAdded"]["event"]["message"],
        "b"
    );
    let error = {
        let mut socket = server.subscribe(WATCH_EVENTS, json!({"runId": id})).await;
        socket.receive().await
    };
    assert_eq!(code(&error["payload"][0]), "NOT_FOUND", "{error}");
}

#[tokio::test]
async fn truncation_expires_cursors_on_postgres() {
    let server = TestServer::start(Postgres).await;
    let before = server.feed_cursor().await;
    let id = server.create_stock_run().await;
    let mut changes = server.watch(json!({}), json!(["STATUS"]), &before).await;
    let mut events = server.subscribe(WATCH_EVENTS, json!({"runId": id})).await;
    server
        .add_events(&id, json!([{"eventType": "a", "message": "b"}]))
        .await;
    events.data().await;
    server.start_run(&id).await;
    next_change(&mut changes).await;

    server
        .execute_sql("TRUNCATE sync_history.sync_history CASCADE")
        .await;
    assert_eq!(
        code(&changes.receive().await["payload"][0]),
        "CURSOR_EXPIRED"
    );
    assert_eq!(
        events.receive().await,
        json!({"type": "complete", "id": "1"})
    );
    let mut resumed = server.watch(json!({}), json!(["STATUS"]), &before).await;
    assert_eq!(
        code(&resumed.receive().await["payload"][0]),
        "CURSOR_EXPIRED"
    );

    let now = server.feed_cursor().await;
    let mut socket = server.watch(json!({}), json!(["CREATED"]), &now).await;
    let id = server.create_stock_run().await;
    assert_eq!(next_change(&mut socket).await["runId"], json!(id));
}

/// A later release may write them into the same database.
#[apply(on_both_databases)]
#[tokio::test]
async fn unknown_kinds_of_change_are_skipped(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let id = server.create_stock_run().await;
    let kinds = json!(["CREATED", "STATUS", "PROGRESS", "DELETED"]);
    let after = server.feed_cursor().await;
    let mut socket = server.watch(json!({}), kinds.clone(), &after).await;
    let (table, id_literal) = (server.table("sync_change"), server.id_literal(&id));
    let sql = format!(
        "INSERT INTO {table} (run_id, kind, previous_status, status, version, changed_at, records_processed, records_failed)
         VALUES ({id_literal}, 'archived', 'pending', 'pending', 2, '2026-11-23T09:00:00+00:00', 0, 0)"
    );
    server.execute_sql(&sql).await;
    server.start_run(&id).await;
    for socket in [
        &mut socket,
        &mut server.watch(json!({}), kinds, &after).await,
    ] {
        assert_eq!(next_change(socket).await["kind"], "STATUS");
    }
}
