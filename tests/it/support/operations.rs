//! Common operations, typed.

use serde_json::{Value, json};

use super::TestServer;

impl TestServer {
    /// Creates a run and returns its id.
    pub(crate) async fn create_run(&self, input: Value) -> String {
        let data = self
            .data(
                "mutation($input: CreateSyncRunInput!) { createSyncRun(input: $input) { run { id } } }",
                json!({"input": input}),
            )
            .await;
        let id = data["createSyncRun"]["run"]["id"].as_str();
        id.unwrap().to_owned()
    }

    /// Creates a run of type `STOCK` and source `AS400` and returns its id.
    pub(crate) async fn create_stock_run(&self) -> String {
        self.create_run(json!({"entityType": "STOCK", "source": "AS400"}))
            .await
    }

    pub(crate) async fn start_run(&self, id: &str) {
        self.data(
            "mutation($id: ID!) { startSyncRun(runId: $id) { replayed } }",
            json!({"id": id}),
        )
        .await;
    }

    pub(crate) async fn report_progress(&self, run_id: &str, counts: Value) {
        self.data(
            "mutation($input: ReportSyncProgressInput!) { reportSyncProgress(input: $input) { run { id } } }",
            json!({"input": {"runId": run_id, "counts": counts}}),
        )
        .await;
    }

    /// Completes a run with these fields of the input; returns the whole response.
    pub(crate) async fn complete_run(&self, run_id: &str, mut input: Value) -> Value {
        input["runId"] = json!(run_id);
        self.execute(
            "mutation($input: CompleteSyncRunInput!) { completeSyncRun(input: $input) {
                replayed run { id status version completedAt durationSeconds errorMessage details
                    recordsProcessed recordsCreated recordsUpdated recordsFailed } } }",
            json!({"input": input}),
        )
        .await
    }

    /// Adds events to a run and returns how many were replayed.
    pub(crate) async fn add_events(&self, run_id: &str, events: Value) -> Value {
        let data = self
            .data(
                "mutation($input: AddSyncEventsInput!) { addSyncEvents(input: $input) { replayedCount } }",
                json!({"input": {"runId": run_id, "events": events}}),
            )
            .await;
        data["addSyncEvents"]["replayedCount"].clone()
    }

    /// Returns all stored fields of a run.
    pub(crate) async fn get_run(&self, id: &str) -> Value {
        let data = self
            .data(
                "query($id: ID!) { syncRun(id: $id) { id entityType source status startedAt
                    completedAt durationSeconds recordsProcessed recordsCreated recordsUpdated
                    recordsFailed recordsExpected progress errorMessage details triggeredById
                    version } }",
                json!({"id": id}),
            )
            .await;
        data["syncRun"].clone()
    }

    /// Returns the number of runs.
    pub(crate) async fn count_runs(&self) -> Value {
        let data = self.data("{ syncRuns { totalCount } }", json!({})).await;
        data["syncRuns"]["totalCount"].clone()
    }

    /// Returns the feed cursor after everything that is committed.
    pub(crate) async fn feed_cursor(&self) -> Value {
        let data = self.data("{ syncRuns { feedCursor } }", json!({})).await;
        data["syncRuns"]["feedCursor"].clone()
    }

    /// Inserts a user, as the application that owns the table does.
    pub(crate) async fn add_user(&self, id: &str, email: &str, full_name: &str) {
        let table = if self.is_on_postgres() {
            "\"user\".\"user\""
        } else {
            "\"user\""
        };
        let id = self.id_literal(id);
        self.execute_sql(&format!(
            "INSERT INTO {table} VALUES ({id}, '{email}', '{full_name}')"
        ))
        .await;
    }
}
