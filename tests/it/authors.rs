//! Who created and who ended a run.

use crate::{
    authentication::create_key,
    support::{
        Cluster, DatabaseKind, OidcIssuer, TestServer, Value, apply, database_name, json,
        on_both_databases, socket::Socket,
    },
};

const ID: &str = "0197d2c4-8a3e-7c1b-9f00-000000000001";
const CREATE: &str = "mutation($input: CreateSyncRunInput!) {
    createSyncRun(input: $input) { replayed run { id createdBy endedBy } } }";
const COMPLETE: &str = "mutation($id: ID!) {
    completeSyncRun(input: {runId: $id}) { replayed run { createdBy endedBy } } }";
const REPORTER: &str = "worker with report";
const OPERATOR: &str = "worker with operate read";

impl TestServer {
    /// Executes an operation as a principal, and returns its data.
    async fn data_as(&self, secret: &str, operation: &str, variables: Value) -> Value {
        let (_, mut response) = self.execute_as(secret, operation, variables).await;
        assert!(response.get("errors").is_none(), "{response:#}");
        response["data"].take()
    }

    async fn create_as(&self, secret: &str, input: &Value) -> Value {
        let mut data = self.data_as(secret, CREATE, json!({"input": input})).await;
        data["createSyncRun"].take()
    }

    /// Changes a run as another program does.
    async fn set(&self, id: &str, assignments: &str) {
        let (table, id) = (self.table("sync_history"), self.id_literal(id));
        let sql = format!("UPDATE {table} SET {assignments} WHERE id = {id}");
        self.execute_sql(&sql).await;
    }
}

fn run(created_by: impl Into<Value>, ended_by: impl Into<Value>) -> Value {
    json!({"createdBy": created_by.into(), "endedBy": ended_by.into()})
}

#[apply(on_both_databases)]
#[tokio::test]
async fn every_read_says_who_created_and_ended_a_run(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let (_, reporter) = create_key(&server, "report").await;
    let (_, operator) = create_key(&server, "operate read").await;
    let mut socket = Socket::open_with(&server.url, json!({"token": operator})).await;
    let watch = "subscription { syncRunChanged { run { createdBy endedBy } } }";
    socket.subscribe(watch, json!({})).await;
    let input = json!({"id": ID, "entityType": "STOCK", "source": "AS400"});
    let created = server.create_as(&reporter, &input).await;
    let open = json!({"id": ID, "createdBy": REPORTER, "endedBy": null});
    assert_eq!(created, json!({"replayed": false, "run": open}));
    let changed = socket.data().await["syncRunChanged"]["run"].take();
    assert_eq!(changed, run(REPORTER, Value::Null));
    let start = "mutation($id: ID!) { startSyncRun(runId: $id) { run { createdBy endedBy } } }";
    let started = server.data_as(&reporter, start, json!({"id": ID})).await;
    assert_eq!(started["startSyncRun"]["run"], run(REPORTER, Value::Null));
    socket.data().await;

    let cancel =
        "mutation($id: ID!) { cancelSyncRun(input: {runId: $id}) { run { createdBy endedBy } } }";
    let cancelled = server.data_as(&operator, cancel, json!({"id": ID})).await;
    let ended = run(REPORTER, OPERATOR);
    assert_eq!(cancelled["cancelSyncRun"]["run"], ended);
    let changed = socket.data().await["syncRunChanged"]["run"].take();
    assert_eq!(changed, ended);
    let read = "query($id: ID!) {
        syncRun(id: $id) { createdBy endedBy }
        syncRuns { nodes { createdBy endedBy } edges { node { createdBy endedBy } } }
        node(id: $id) { ... on SyncRun { createdBy endedBy } } }";
    let data = server.data_as(&operator, read, json!({"id": ID})).await;
    let list = json!({"nodes": [ended], "edges": [{"node": ended}]});
    assert_eq!(
        data,
        json!({"syncRun": ended, "syncRuns": list, "node": ended})
    );
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_repeated_call_of_another_key_changes_no_name(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let (_, first) = create_key(&server, "report").await;
    let (_, other) = create_key(&server, "report operate").await;
    let input = json!({"id": ID, "entityType": "STOCK", "source": "AS400"});
    server.create_as(&first, &input).await;
    let repeated = server.create_as(&other, &input).await;
    assert_eq!(repeated["replayed"], true);
    assert_eq!(repeated["run"]["createdBy"], REPORTER);
    server.data_as(&first, COMPLETE, json!({"id": ID})).await;
    let repeated = server.data_as(&other, COMPLETE, json!({"id": ID})).await;
    assert_eq!(
        repeated["completeSyncRun"],
        json!({"replayed": true, "run": run(REPORTER, REPORTER)})
    );
}

#[apply(on_both_databases)]
#[tokio::test]
async fn cancelling_several_runs_names_who_did(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let one = server.create_stock_run().await;
    let other = server.create_stock_run().await;
    let (_, operator) = create_key(&server, "operate read").await;
    let bulk = "mutation($ids: [ID!]!) { cancelSyncRuns(input: {runIds: $ids}) {
        results { run { createdBy endedBy } } } }";
    let data = server.data_as(&operator, bulk, json!({"ids": [one]})).await;
    // Created by an unauthenticated request.
    let ended = run(Value::Null, OPERATOR);
    assert_eq!(data["cancelSyncRuns"]["results"][0]["run"], ended);
    let active =
        "mutation { cancelActiveSyncRuns(input: {all: true}) { runs { id createdBy endedBy } } }";
    let data = server.data_as(&operator, active, json!({})).await;
    let ended = json!({"id": other, "createdBy": null, "endedBy": OPERATOR});
    assert_eq!(data["cancelActiveSyncRuns"]["runs"], json!([ended]));
}

#[apply(on_both_databases)]
#[tokio::test]
async fn unauthenticated_requests_are_not_named(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let id = server.create_stock_run().await;
    let data = server.data(COMPLETE, json!({"id": id})).await;
    assert_eq!(
        data["completeSyncRun"]["run"],
        run(Value::Null, Value::Null)
    );
}

#[apply(on_both_databases)]
#[tokio::test]
async fn users_are_named_as_their_token_says(database: DatabaseKind) {
    use sync_history::clock::Clock;
    let issuer = OidcIssuer::start().await;
    let server = TestServer::start_with(database, issuer.settings()).await;
    let expires = server.clock.now().timestamp() + 60;
    for (name, expected) in [
        ("Zoë".to_owned(), "Zoë".to_owned()),
        ("a\0b".to_owned(), "ab".to_owned()),
        ("é".repeat(300), "é".repeat(200)),
    ] {
        let claims = json!({"sub": "a", "name": name, "scope": "report", "exp": expires});
        let token = issuer.token(claims);
        let input = json!({"entityType": "STOCK", "source": "AS400"});
        let created = server.create_as(&token, &input).await;
        assert_eq!(created["run"]["createdBy"], expected);
        let id = created["run"]["id"].clone();
        let data = server.data_as(&token, COMPLETE, json!({"id": id})).await;
        assert_eq!(data["completeSyncRun"]["run"], run(&*expected, &*expected));
    }
}

/// Whatever another program does to the status, the name is that of who ended the run as it is now.
#[apply(on_both_databases)]
#[tokio::test]
async fn another_program_that_changes_the_status_leaves_no_wrong_name(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let (_, key) = create_key(&server, "admin").await;
    let name = "worker with admin";
    let names = async || {
        let query = "query($id: ID!) { syncRun(id: $id) { createdBy endedBy } }";
        server.data_as(&key, query, json!({"id": ID})).await["syncRun"].take()
    };
    let open = "completed_at = NULL, sync_duration = NULL";
    let complete = async || {
        server.data_as(&key, COMPLETE, json!({"id": ID})).await;
        assert_eq!(names().await, run(name, name));
    };
    let input = json!({"id": ID, "entityType": "STOCK", "source": "AS400"});
    server.create_as(&key, &input).await;

    server.set(ID, "status = 'completed'").await;
    assert_eq!(names().await, run(name, Value::Null));
    for status in ["running", "pending"] {
        server
            .set(ID, &format!("status = '{status}', {open}"))
            .await;
        assert_eq!(names().await, run(name, Value::Null));
        complete().await;
    }
    // What does not change the status does not change who ended the run.
    server
        .set(ID, "error_message = 'late', records_processed = 7")
        .await;
    server
        .set(ID, "records_failed = 1, status = 'completed'")
        .await;
    assert_eq!(names().await, run(name, name));
    // Opened together with other changes.
    server
        .set(ID, "status = 'running', records_processed = 8")
        .await;
    assert_eq!(names().await, run(name, Value::Null));
    complete().await;
    server.set(ID, "status = 'failed'").await;
    assert_eq!(names().await, run(name, Value::Null));
    server.set(ID, &format!("status = 'running', {open}")).await;
    complete().await;
    server.set(ID, "status = 'archived'").await;
    assert_eq!(names().await, run(name, Value::Null));
}

/// Inserts without column names, and reads of all columns.
#[tokio::test]
async fn positional_inserts_of_other_writers_keep_working_on_postgres() {
    let server = TestServer::start_on_existing_database().await;
    let script = format!(
        "CREATE TEMP TABLE run AS SELECT * FROM sync_history.sync_history LIMIT 1;
        INSERT INTO sync_history.sync_history VALUES ('{ID}', 'stock', 'as400', 'running', now(), NULL, 0, 0, 0, 0);"
    );
    let name = database_name(&server.database_url);
    Cluster::get().psql(name, &["-v", "ON_ERROR_STOP=1", "-c", &script]);
    let query = "query($id: ID!) { syncRun(id: $id) { status createdBy endedBy } }";
    let data = server.data(query, json!({"id": ID})).await;
    assert_eq!(
        data["syncRun"],
        json!({"status": "RUNNING", "createdBy": null, "endedBy": null})
    );
}
