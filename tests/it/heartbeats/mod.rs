//! Runs whose workers stop reporting: closed as lost, and recovered if their outcome is reported later.

mod closing;
mod recovery;
mod reports;

use std::time::Duration;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, Statement};

use crate::support::{TestServer, Value, json, wait_until};

const READ: &str = "query($id: ID!) { syncRun(id: $id) {
    status errorMessage completedAt version lastHeartbeatAt lostAt recoveredAt recordsProcessed
    events { nodes { eventType message timestamp } } } }";
const PROGRESS: &str = "mutation($input: ReportSyncProgressInput!) {
    reportSyncProgress(input: $input) { run { version lastHeartbeatAt } } }";
const COMPLETE: &str = "mutation($input: CompleteSyncRunInput!) { completeSyncRun(input: $input) {
    replayed run { status errorMessage completedAt lostAt recoveredAt recordsProcessed } } }";
const CHANGES: &str = "subscription($after: String) {
    syncRunChanged(after: $after, kinds: [CREATED, STATUS, PROGRESS, DELETED]) {
        kind previousStatus status run { id status lostAt recoveredAt } } }";
/// How long after its timeout a run is closed, at most.
const MAX_DELAY: Duration = Duration::from_secs(5);

impl TestServer {
    /// Creates a running run with this heartbeat timeout.
    async fn create_watched_run(&self, timeout_seconds: i32) -> String {
        self.create_run(
            json!({"entityType": "STOCK", "source": "AS400", "status": "RUNNING",
            "heartbeatTimeoutSeconds": timeout_seconds}),
        )
        .await
    }

    async fn read(&self, id: &str) -> Value {
        self.data(READ, json!({"id": id})).await["syncRun"].take()
    }

    async fn is_lost(&self, id: &str) -> bool {
        !self.read(id).await["lostAt"].is_null()
    }

    async fn wait_until_lost(&self, id: &str) -> Value {
        wait_until("the run is closed as lost", async || self.is_lost(id).await).await;
        self.read(id).await
    }

    /// Creates a run and returns it once it was closed as lost.
    async fn create_lost_run(&self) -> String {
        let id = self.create_watched_run(1).await;
        self.wait_until_lost(&id).await;
        id
    }

    async fn heartbeat(&self, id: &str) -> Value {
        let variables = json!({"input": {"runId": id}});
        self.execute(PROGRESS, variables).await
    }

    async fn complete(&self, id: &str, mut input: Value) -> Value {
        input["runId"] = json!(id);
        self.execute(COMPLETE, json!({"input": input})).await
    }

    async fn count_changes_of(&self, id: &str) -> i64 {
        let connection = self.external_connection().await;
        let sql = format!(
            "SELECT count(*) AS n FROM {} WHERE run_id = {}",
            self.table("sync_change"),
            self.id_literal(id)
        );
        let backend = connection.get_database_backend();
        let statement = Statement::from_string(backend, sql);
        let row = connection.query_one_raw(statement).await.unwrap().unwrap();
        row.try_get("", "n").unwrap()
    }

    /// Changes a run as another program does.
    async fn update_run(&self, id: &str, assignments: &str) {
        let (table, id) = (self.table("sync_history"), self.id_literal(id));
        let sql = format!("UPDATE {table} SET {assignments} WHERE id = {id}");
        self.execute_sql(&sql).await;
    }

    /// Inserts an event as another program does, which does not know the added columns.
    fn insert_event(&self, run_id: &str) -> String {
        let table = self.table("sync_event");
        let event_id = if self.is_on_postgres() {
            "gen_random_uuid()"
        } else {
            "randomblob(16)"
        };
        format!(
            "INSERT INTO {table} (id, sync_id, event_type, timestamp, message)
            VALUES ({event_id}, {}, 'chunk', '2026-11-20T08:00:00+00:00', 'a foreign event')",
            self.id_literal(run_id)
        )
    }
}

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

/// The types of the events of a run that the server has added.
fn server_events(run: &Value) -> Vec<&str> {
    let events = run["events"]["nodes"].as_array().unwrap();
    let types = events.iter().map(|event| event["eventType"].as_str());
    let is_own = |event: &&str| ["lost", "recovered"].contains(event);
    types.flatten().filter(is_own).collect()
}
