//! Adoption of the predecessor's database, which is on PostgreSQL.

use std::process::{Command, Stdio};

use sea_orm::ConnectionTrait;

use crate::support::{Cluster, DatabaseKind, TestServer, Value, database_name, json};

/// The predecessor's columns of all rows, as text.
fn rows(cluster: &Cluster, database: &str) -> String {
    cluster.psql(
        database,
        &[
            "-c",
            "SELECT id, entity_type, source, status, started_at, completed_at, records_processed,
            records_created, records_updated, records_failed, sync_duration, triggered_by_id,
            error_message, details FROM sync_history.sync_history ORDER BY id",
            "-c",
            "SELECT id, sync_id, event_type, timestamp, message, details
            FROM sync_history.sync_event ORDER BY id",
            "-c",
            "SELECT * FROM \"user\".\"user\" ORDER BY id",
        ],
    )
}

#[tokio::test]
async fn adoption_leaves_every_existing_row_unchanged() {
    let cluster = Cluster::get();
    let url = cluster.existing_database().await;
    let name = database_name(&url);
    let before = rows(cluster, name);
    assert_eq!(before.lines().count(), 1376 + 4857 + 3);
    // The second time there is nothing to migrate.
    for _ in 0..2 {
        sync_history::db::connect(&url)
            .await
            .unwrap()
            .close()
            .await
            .unwrap();
    }
    assert!(rows(cluster, name) == before, "rows were changed");
}

#[tokio::test]
async fn existing_runs_are_listed_with_their_users_and_events() {
    let server = TestServer::start_on_existing_database().await;
    let page = "query($after: String) { syncRuns(first: 100, after: $after) { totalCount
        pageInfo { hasNextPage endCursor } nodes { id status startedAt completedAt updatedAt
        durationSeconds version errorMessage details triggeredById triggeredBy { id fullName }
        events { totalCount nodes { eventType details } } } } }";
    let (mut runs, mut events, mut after) = (0, 0, Value::Null);
    let mut users = std::collections::HashSet::new();
    loop {
        let data = server.data(page, json!({"after": after})).await["syncRuns"].take();
        assert_eq!(data["totalCount"], 1376);
        for run in data["nodes"].as_array().unwrap() {
            runs += 1;
            events += run["events"]["totalCount"].as_u64().unwrap();
            assert_eq!(run["version"], 1);
            assert!(run["details"].is_object());
            assert_eq!(run["completedAt"].is_null(), run["status"] == "RUNNING");
            assert_eq!(run["durationSeconds"].is_null(), run["status"] == "RUNNING");
            assert_eq!(run["triggeredBy"]["id"], run["triggeredById"]);
            users.insert(run["triggeredBy"]["fullName"].to_string());
            // The predecessor stored missing details as JSON null.
            let nodes = run["events"]["nodes"].as_array().unwrap();
            assert!(
                nodes
                    .iter()
                    .all(|event| event["details"].is_null() == (event["eventType"] == "start"))
            );
        }
        after = data["pageInfo"]["endCursor"].clone();
        if data["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    assert_eq!((runs, events, users.len()), (1376, 4857, 3));
}

#[tokio::test]
async fn existing_runs_are_filtered_and_counted() {
    let server = TestServer::start_on_existing_database().await;
    let data = server
        .data(
            "{ failed: syncRuns(filter: {status: FAILED}) { totalCount }
            active: syncRuns(filter: {status: [PENDING, RUNNING]}) { nodes { entityType source status } }
            autocare: syncRuns(filter: {entityType: AUTOCARE, source: EXTERNAL}) { totalCount }
            checksum: syncRuns(filter: {errorContains: \"CHECKSUM MISMATCH\"}) { totalCount }
            slow: syncRuns(first: 1, orderBy: {field: DURATION}) { nodes { durationSeconds } }
            errors: syncEvents(filter: {eventType: \"error\"}) { totalCount }
            latest: syncRuns(first: 1) { nodes { id startedAt triggeredBy { email }
                details events(first: 1) { nodes { message } } } } }",
            json!({}),
        )
        .await;
    assert_eq!(
        data,
        json!({
            "failed": {"totalCount": 88},
            "active": {"nodes": [
                {"entityType": "ORDER", "source": "API", "status": "RUNNING"},
                {"entityType": "MEASUREMENT", "source": "AS400", "status": "RUNNING"},
                {"entityType": "PRODUCT", "source": "AS400", "status": "RUNNING"},
            ]},
            "autocare": {"totalCount": 9},
            "checksum": {"totalCount": 14},
            "slow": {"nodes": [{"durationSeconds": 616.966_526}]},
            "errors": {"totalCount": 88},
            "latest": {"nodes": [{"id": "24b3e54f-7f70-4373-a1ac-4eb4affc910a",
                "startedAt": "2026-11-20T05:51:00.000000Z", "triggeredBy": {"email": "integration@example.test"},
                "details": {"batch_size": 1000, "host": "edge-2"},
                "events": {"nodes": [{"message": "Extraction started"}]}}]},
        })
    );
}

#[tokio::test]
async fn an_existing_run_is_completed_by_the_new_server() {
    let server = TestServer::start_on_existing_database().await;
    let id = "c3821561-d593-44bd-9ca3-a6a8003faf7b";
    let completed = server
        .complete_run(
            id,
            json!({"details": {"closed": "by hand"}, "counts": {"recordsProcessed": 25100}}),
        )
        .await;
    let run = &completed["data"]["completeSyncRun"]["run"];
    assert_eq!(run["status"], "COMPLETED");
    assert_eq!(
        run["details"],
        json!({"batch_size": 1000, "host": "edge-1", "closed": "by hand"})
    );
    assert_eq!(run["version"], 2);
    // The predecessor's duration column is set as well.
    let cluster = Cluster::get();
    let query = format!(
        "SELECT sync_duration = extract(epoch FROM completed_at - started_at)
        FROM sync_history.sync_history WHERE id = '{id}'"
    );
    assert_eq!(
        cluster
            .psql(database_name(&server.database_url), &["-c", &query])
            .trim(),
        "t"
    );
}

#[tokio::test]
async fn concurrently_started_servers_adopt_a_database_once() {
    let cluster = Cluster::get();
    let url = cluster.existing_database().await;
    let starts = (0..4).map(|_| sync_history::db::connect(&url));
    for database in futures_util::future::join_all(starts).await {
        database.unwrap().close().await.unwrap();
    }
}

/// A worker's transaction holds locks on the tables while the server starts.
#[tokio::test]
async fn adoption_waits_for_open_transactions_without_blocking_writers() {
    let cluster = Cluster::get();
    let url = cluster.existing_database().await;
    let worker = || async {
        let mut options = sea_orm::ConnectOptions::new(&url);
        options.max_connections(1).sqlx_logging(false);
        sea_orm::Database::connect(options).await.unwrap()
    };
    let (blocker, other) = (worker().await, worker().await);
    let run = "24b3e54f-7f70-4373-a1ac-4eb4affc910a";
    blocker.execute_unprepared("BEGIN").await.unwrap();
    let event = |text: &str| {
        format!(
            "INSERT INTO sync_history.sync_event (id, sync_id, event_type, message)
            VALUES (gen_random_uuid(), '{run}', 'chunk', '{text}')"
        )
    };
    blocker.execute_unprepared(&event("before")).await.unwrap();
    let connecting = tokio::spawn({
        let url = url.clone();
        async move { sync_history::db::connect(&url).await }
    });
    // Meanwhile, for a second, other workers do not wait long for locks that the server requests.
    let started = std::time::Instant::now();
    for _ in 0..20 {
        other.execute_unprepared(&event("meanwhile")).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(started.elapsed() < std::time::Duration::from_secs(15));
    assert!(!connecting.is_finished());
    // This update would deadlock with a server that waited for locks on both tables.
    let update =
        format!("UPDATE sync_history.sync_history SET records_processed = 150 WHERE id = '{run}'");
    blocker.execute_unprepared(&update).await.unwrap();
    blocker.execute_unprepared("COMMIT").await.unwrap();
    connecting.await.unwrap().unwrap();
}

/// The first Python that has the packages of the predecessor's models: the one in PATH or Debian's.
fn python_with_sqlalchemy() -> Option<&'static str> {
    ["python3", "/usr/bin/python3"].into_iter().find(|python| {
        let modules = ["-c", "import sqlalchemy, psycopg2"];
        let tried = Command::new(python)
            .args(modules)
            .stderr(Stdio::null())
            .status();
        tried.is_ok_and(|status| status.success())
    })
}

/// The predecessor's SQLAlchemy models know only the old columns.
#[tokio::test]
async fn the_predecessors_models_keep_writing() {
    let python = python_with_sqlalchemy().expect("install Python with SQLAlchemy and psycopg2");
    let server = TestServer::start_on_existing_database().await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/predecessor.py");
    let url = server.database_url.replace("postgres://", "postgresql://");
    let output = Command::new(python).args([script, &url]).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let id = String::from_utf8(output.stdout).unwrap();
    let data = server
        .data(
            "query($id: ID!) { syncRun(id: $id) { entityType source status version recordsProcessed
            durationSeconds details events { nodes { eventType message details } } } }",
            json!({"id": id.trim()}),
        )
        .await;
    assert_eq!(
        data["syncRun"],
        json!({"entityType": "PRICING", "source": "FILE", "status": "COMPLETED", "version": 3,
        "recordsProcessed": 12, "durationSeconds": 2.5, "details": {"sheet": "A"},
        "events": {"nodes": [
            {"eventType": "start", "message": "Extraction started", "details": null},
            {"eventType": "chunk", "message": "Chunk 1/1 imported", "details": {"rows": 12}},
        ]}})
    );
}

#[tokio::test]
async fn new_and_adopted_databases_have_the_same_columns() {
    let adopted = TestServer::start_on_existing_database().await;
    let fresh = TestServer::start(DatabaseKind::Postgres).await;
    let columns = "SELECT table_name, column_name, data_type, character_maximum_length FROM information_schema.columns
        WHERE table_schema = 'sync_history' ORDER BY 1, 2";
    let cluster = Cluster::get();
    let columns_of =
        |server: &TestServer| cluster.psql(database_name(&server.database_url), &["-c", columns]);
    assert_eq!(columns_of(&fresh), columns_of(&adopted));
}

/// One role migrates the database, another with rights to read and write only serves it.
#[tokio::test]
async fn a_role_without_ddl_rights_serves_a_migrated_database() {
    let server = TestServer::start_on_existing_database().await;
    let cluster = Cluster::get();
    let name = database_name(&server.database_url);
    let script = "DO $$ BEGIN CREATE ROLE server LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
        GRANT USAGE ON SCHEMA sync_history, \"user\" TO server;
        GRANT SELECT ON \"user\".\"user\" TO server;
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA sync_history TO server;";
    cluster.psql(name, &["-v", "ON_ERROR_STOP=1", "-c", script]);
    let url = server.database_url.replace("postgres@", "server@");
    sync_history::db::connect(&url)
        .await
        .unwrap()
        .close()
        .await
        .unwrap();
}
