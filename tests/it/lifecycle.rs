//! The lifecycle of a run.

use std::time::Duration;

use crate::support::{DatabaseKind, TestServer, Value, apply, code, json, on_both_databases};

pub(crate) const CREATE: &str =
    "mutation($input: CreateSyncRunInput!) { createSyncRun(input: $input) {
    replayed run { id entityType source status startedAt completedAt durationSeconds
    recordsProcessed recordsExpected progress details triggeredById version events { totalCount } }
    runEdge { cursor node { id } } } }";
pub(crate) const START: &str =
    "mutation($id: ID!) { startSyncRun(runId: $id) { replayed run { status version } } }";
pub(crate) const PROGRESS: &str = "mutation($input: ReportSyncProgressInput!) {
    reportSyncProgress(input: $input) { run { status version recordsProcessed recordsCreated
    recordsUpdated recordsFailed recordsExpected progress details } } }";
const CANCEL: &str = "mutation($input: CancelSyncRunInput!) { cancelSyncRun(input: $input) {
    replayed run { status errorMessage completedAt } } }";
const CANCEL_ACTIVE: &str = "mutation($input: CancelActiveSyncRunsInput!) {
    cancelActiveSyncRuns(input: $input) { runs { id status errorMessage } } }";

#[apply(on_both_databases)]
#[tokio::test]
async fn a_run_goes_from_pending_to_completed(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let created = server
        .data(
            CREATE,
            json!({"input": {"entityType": "ORDER", "source": "API",
            "recordsExpected": 8, "details": {"host": "edge-1"}}}),
        )
        .await;
    let run = &created["createSyncRun"]["run"];
    assert_eq!(
        *run,
        json!({
            "id": "01a207a2-3280-7000-8000-000000000002", "entityType": "ORDER", "source": "API",
            "status": "PENDING", "startedAt": "2026-11-23T09:00:00.000000Z", "completedAt": null,
            "durationSeconds": null, "recordsProcessed": 0, "recordsExpected": 8, "progress": 0.0,
            "details": {"host": "edge-1"}, "triggeredById": null, "version": 1,
            "events": {"totalCount": 0},
        })
    );
    assert_eq!(created["createSyncRun"]["replayed"], false);
    assert_eq!(created["createSyncRun"]["runEdge"]["node"]["id"], run["id"]);

    let id = run["id"].as_str().unwrap();
    let started = server.data(START, json!({"id": id})).await;
    assert_eq!(
        started["startSyncRun"],
        json!({"replayed": false, "run": {"status": "RUNNING", "version": 2}})
    );

    let progress =
        json!({"input": {"runId": id, "counts": {"recordsProcessed": 4, "recordsFailed": 1}}});
    let progress = server.data(PROGRESS, progress).await;
    assert_eq!(progress["reportSyncProgress"]["run"]["progress"], 0.5);

    server.clock.advance(Duration::from_micros(2_500_001));
    let counts = json!({"recordsProcessed": 8, "recordsCreated": 3, "recordsUpdated": 4, "recordsFailed": 1});
    let completed = server
        .complete_run(id, json!({"counts": counts, "details": {"tries": 2}}))
        .await;
    assert_eq!(
        completed["data"]["completeSyncRun"],
        json!({"replayed": false, "run": {
            "id": id, "status": "COMPLETED", "version": 4,
            "completedAt": "2026-11-23T09:00:02.500001Z", "durationSeconds": 2.500_001,
            "errorMessage": null, "details": {"host": "edge-1", "tries": 2},
            "recordsProcessed": 8, "recordsCreated": 3, "recordsUpdated": 4, "recordsFailed": 1,
        }})
    );
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_finished_run_is_immutable(
    database: DatabaseKind,
    #[values("COMPLETED", "FAILED", "CANCELLED")] status: &str,
) {
    let server = TestServer::start(database).await;
    let id = server.create_stock_run().await;
    server.complete_run(&id, json!({"status": status})).await;
    let before = server.get_run(&id).await;
    assert_eq!(before["status"], status);
    let start = server.error(START, json!({"id": id})).await;
    assert_eq!(code(&start), "ALREADY_FINISHED");
    let progress = json!({"input": {"runId": id, "counts": {"recordsProcessed": 1}}});
    assert_eq!(
        code(&server.error(PROGRESS, progress).await),
        "ALREADY_FINISHED"
    );
    let cancel = json!({"input": {"runId": id, "reason": "too late"}});
    assert_eq!(
        code(&server.error(CANCEL, cancel).await),
        "ALREADY_FINISHED"
    );
    assert_eq!(server.get_run(&id).await, before);
}

#[apply(on_both_databases)]
#[tokio::test]
async fn details_are_merged_key_by_key(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let id = server
        .create_run(json!({"entityType": "STOCK", "source": "AS400", "details": {"keep": {"a": 1}, "set": 1}}))
        .await;
    let input = json!({"runId": id, "details": {"set": {"b": 2}, "k\"ey$": null}});
    let reported = server.data(PROGRESS, json!({"input": input})).await;
    let merged = json!({"keep": {"a": 1}, "set": {"b": 2}, "k\"ey$": null});
    assert_eq!(reported["reportSyncProgress"]["run"]["details"], merged);
    let completed = server
        .complete_run(&id, json!({"details": {"keep": []}}))
        .await;
    assert_eq!(
        completed["data"]["completeSyncRun"]["run"]["details"],
        json!({"keep": [], "set": {"b": 2}, "k\"ey$": null})
    );
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_run_never_completes_before_it_started(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    // The worker's clock is ahead of the server's clock.
    let input =
        json!({"entityType": "STOCK", "source": "AS400", "startedAt": "2026-11-23T09:00:30Z"});
    let id = server.create_run(input.clone()).await;
    let early = server
        .complete_run(&id, json!({"completedAt": "2026-11-23T09:00:29.999999Z"}))
        .await;
    assert_eq!(code(&early["errors"][0]), "BAD_INPUT");
    assert_eq!(server.get_run(&id).await["status"], "PENDING");
    let completed = server.complete_run(&id, json!({})).await;
    let run = &completed["data"]["completeSyncRun"]["run"];
    assert_eq!(run["completedAt"], "2026-11-23T09:00:30.000000Z");
    assert_eq!(run["durationSeconds"], 0.0);
}

#[apply(on_both_databases)]
#[tokio::test]
async fn cancelling_a_run_stores_the_reason_and_is_idempotent(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let id = server.create_stock_run().await;
    let input = json!({"input": {"runId": id, "reason": "wrong warehouse"}});
    let first = server.data(CANCEL, input.clone()).await;
    assert_eq!(
        first["cancelSyncRun"],
        json!({"replayed": false, "run": {"status": "CANCELLED", "errorMessage": "wrong warehouse",
            "completedAt": "2026-11-23T09:00:00.000000Z"}})
    );
    let again = server.data(CANCEL, input).await;
    assert_eq!(again["cancelSyncRun"]["replayed"], true);
}

#[apply(on_both_databases)]
#[tokio::test]
async fn active_runs_are_cancelled_by_type_and_source(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let run = async |entity: &str, source: &str, status: &str| {
        server
            .create_run(json!({"entityType": entity, "source": source, "status": status}))
            .await
    };
    let stock = run("STOCK", "AS400", "PENDING").await;
    let order = run("ORDER", "API", "RUNNING").await;
    let price = run("PRICING", "AS400", "RUNNING").await;
    let finished = run("STOCK", "AS400", "RUNNING").await;
    server.complete_run(&finished, json!({})).await;

    let cancel = async |input: Value| {
        let data = server.data(CANCEL_ACTIVE, json!({"input": input})).await;
        let runs = data["cancelActiveSyncRuns"]["runs"]
            .as_array()
            .unwrap()
            .clone();
        runs.iter()
            .map(|run| run["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert!(cancel(json!({"entityType": []})).await.is_empty());
    assert_eq!(
        cancel(json!({"source": "AS400", "entityType": ["STOCK"], "reason": "stop"})).await,
        [stock.as_str()]
    );
    assert_eq!(server.get_run(&stock).await["errorMessage"], "stop");
    assert_eq!(cancel(json!({"all": true})).await, [order, price]);
    assert_eq!(server.get_run(&finished).await["status"], "COMPLETED");
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_call_cancels_a_thousand_runs_at_most(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let table = server.table("sync_history");
    let (numbers, id, now) = if server.is_on_postgres() {
        (
            "SELECT generate_series(1, 2500) AS n",
            "gen_random_uuid()",
            "now()",
        )
    } else {
        let numbers = "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 2500) SELECT n FROM s";
        (numbers, "randomblob(16)", "'2026-11-23T09:00:00+00:00'")
    };
    let details = json!({"a": "x".repeat(65_000)});
    let insert = format!(
        "INSERT INTO {table} (id, entity_type, source, status, started_at, records_processed, records_created,
            records_updated, records_failed, details)
        SELECT {id}, 'stock', 'api', 'running', {now}, 0, 0, 0, 0, '{details}' FROM ({numbers}) AS number"
    );
    server.execute_sql(&insert).await;
    // The details of a thousand runs have more bytes than a response.
    let cancel =
        "mutation { cancelActiveSyncRuns(input: {all: true}) { hasMore runs { id details } } }";
    let response = server.execute(cancel, json!({})).await;
    assert_eq!(response["data"], json!({"cancelActiveSyncRuns": null}));
    let error = &response["errors"][0];
    assert_eq!(code(error), "QUERY_TOO_COMPLEX");
    let message = error["message"].as_str().unwrap();
    assert!(message.starts_with("the mutation was applied"), "{message}");
    let cancel = "mutation { cancelActiveSyncRuns(input: {all: true}) { hasMore runs { id } } }";
    for (count, has_more) in [(1000, true), (500, false), (0, false)] {
        let mut data = server.data(cancel, json!({})).await;
        let payload = data["cancelActiveSyncRuns"].take();
        assert_eq!(payload["hasMore"], has_more);
        assert_eq!(payload["runs"].as_array().unwrap().len(), count);
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_run_is_triggered_by_an_existing_user(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let user = "6513270e-269e-4d37-b2a7-4de452e6b438";
    let input = json!({"entityType": "STOCK", "source": "AS400", "triggeredById": user});
    let error = server.error(CREATE, json!({"input": input})).await;
    assert_eq!(code(&error), "NOT_FOUND");
    assert_eq!(
        error["message"],
        format!("there is no user with the id {user}")
    );

    server
        .add_user(user, "ops@example.test", "Operations")
        .await;
    let id = server.create_run(input).await;
    let data = server
        .data("query($id: ID!) { syncRun(id: $id) { triggeredById triggeredBy { id email fullName } } }", json!({"id": id}))
        .await;
    assert_eq!(
        data["syncRun"],
        json!({"triggeredById": user, "triggeredBy": {"id": user, "email": "ops@example.test", "fullName": "Operations"}})
    );
    let input = json!({"input": {"runId": id, "event": {"eventType": "start", "message": "x"}}});
    let add =
        "mutation($input: AddSyncEventInput!) { addSyncEvent(input: $input) { event { id } } }";
    let event = server.data(add, input).await["addSyncEvent"]["event"]["id"].take();
    let nodes = server
        .data(
            "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id ... on User { fullName }
                ... on SyncEvent { message run { id } } ... on SyncRun { status } } }",
            json!({"ids": [event, user, id]}),
        )
        .await;
    assert_eq!(
        nodes["nodes"],
        json!([
            {"__typename": "SyncEvent", "id": event, "message": "x", "run": {"id": id}},
            {"__typename": "User", "id": user, "fullName": "Operations"},
            {"__typename": "SyncRun", "id": id, "status": "PENDING"},
        ])
    );
}
