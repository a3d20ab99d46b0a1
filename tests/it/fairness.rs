//! A principal with many operations delays those of others by a bounded number of turns.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use sync_history::config::Limits;
use tokio::{task::JoinSet, time};

use crate::{
    authentication::create_key,
    support::{
        DatabaseKind, TestServer, Value, apply, code, json, on_both_databases, socket::Socket,
    },
};

/// Operations that one principal sends at the same time. Clients and server share the processors here, so that more of
/// them are answered meanwhile than have their turn; without turns, nearly all are.
const MANY: usize = 900;

const COMPLEX_QUERY: &str = "{ syncRuns(first: 100) { nodes { id source status events(first: 10) {
    nodes { id message } } } } }";

const ADD_EVENTS: &str = "mutation($input: AddSyncEventsInput!) {
    addSyncEvents(input: $input) { replayedCount } }";

const CREATE_WITH_DETAILS: &str = "mutation($details: JSON) {
    createSyncRun(input: {entityType: STOCK, source: API, details: $details}) { run { details } } }";

/// A server without a rate limit, and with two principals.
async fn start(database: DatabaseKind) -> (Arc<TestServer>, String, String) {
    let mut limits = Limits::default();
    let rate_limits = &mut limits.http.rate_limits;
    rate_limits.complexity_per_second = u32::MAX.try_into().unwrap();
    rate_limits.complexity_burst = u32::MAX.try_into().unwrap();
    let server = TestServer::start_with(database, limits).await;
    let (_, many) = create_key(&server, "read report").await;
    let (_, few) = create_key(&server, "admin").await;
    (Arc::new(server), many, few)
}

/// The operations of a principal, each of which adds to the count when it is answered.
struct Flood {
    answered: Arc<AtomicUsize>,
    operations: JoinSet<Value>,
}

impl Flood {
    /// Sends an operation many times, and waits until the first are answered.
    async fn start(
        server: &Arc<TestServer>,
        key: &str,
        query: &'static str,
        variables: &Value,
    ) -> Self {
        let answered = Arc::new(AtomicUsize::new(0));
        let mut operations = JoinSet::new();
        for _ in 0..MANY {
            let (server, answered) = (Arc::clone(server), Arc::clone(&answered));
            let (key, variables) = (key.to_owned(), variables.clone());
            operations.spawn(async move {
                let (_, response) = server.execute_as(&key, query, variables).await;
                answered.fetch_add(1, Ordering::Relaxed);
                response
            });
        }
        while answered.load(Ordering::Relaxed) < 5 {
            time::sleep(Duration::from_millis(1)).await;
        }
        Self {
            answered,
            operations,
        }
    }

    /// Asserts that few of the operations are answered while `work` is being done.
    async fn assert_is_overtaken<T>(&self, work: impl Future<Output = T>) -> T {
        let before = self.answered.load(Ordering::Relaxed);
        let output = work.await;
        let meanwhile = self.answered.load(Ordering::Relaxed) - before;
        assert!(before < MANY / 2, "the others are too fast: {before}");
        assert!(meanwhile < MANY / 3, "{meanwhile} of {MANY} came first");
        output
    }

    /// Asserts that the operations so far have succeeded, or were rejected as one too many, and cancels the others.
    fn finish(mut self) {
        while let Some(response) = self.operations.try_join_next() {
            let response = response.unwrap();
            if let Some(error) = response.get("errors") {
                assert_eq!(code(&error[0]), "RATE_LIMITED", "{error}");
            }
        }
    }
}

async fn fill(server: &TestServer, key: &str) -> String {
    let create =
        "mutation { createSyncRun(input: {entityType: STOCK, source: API}) { run { id } } }";
    let mut id = String::new();
    for _ in 0..100 {
        let (_, response) = server.execute_as(key, create, json!({})).await;
        id = response["data"]["createSyncRun"]["run"]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let event = json!({"eventType": "row", "message": "a"});
        let input = json!({"input": {"runId": id, "events": vec![event; 10]}});
        server.execute_as(key, ADD_EVENTS, input).await;
    }
    id
}

#[apply(on_both_databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_of_one_principal_delay_others_by_few_turns(database: DatabaseKind) {
    let (server, many, few) = start(database).await;
    let run = fill(&server, &few).await;
    let flood = Flood::start(&server, &many, COMPLEX_QUERY, &json!({})).await;
    // Complex and simple queries, and mutations.
    let read = async {
        let (status, response) = server.execute_as(&few, COMPLEX_QUERY, json!({})).await;
        assert_eq!(status, 200, "{response}");
        let node = "query($id: ID!) { syncRun(id: $id) { status } }";
        server.execute_as(&few, node, json!({"id": run})).await
    };
    let (_, response) = flood.assert_is_overtaken(read).await;
    assert_eq!(
        response["data"]["syncRun"]["status"], "PENDING",
        "{response}"
    );
    let start = "mutation($id: ID!) { startSyncRun(runId: $id) { run { status } } }";
    let write = server.execute_as(&few, start, json!({"id": run}));
    let (_, response) = flood.assert_is_overtaken(write).await;
    assert_eq!(
        response["data"]["startSyncRun"]["run"]["status"], "RUNNING",
        "{response}"
    );
    flood.finish();
}

#[apply(on_both_databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mutations_of_one_principal_delay_others_by_few_turns(database: DatabaseKind) {
    let (server, many, few) = start(database).await;
    let details = json!({"details": {"text": "a".repeat(1000)}});
    let flood = Flood::start(&server, &many, CREATE_WITH_DETAILS, &details).await;
    let create =
        "mutation { createSyncRun(input: {entityType: STOCK, source: API}) { run { status } } }";
    let write = server.execute_as(&few, create, json!({}));
    let (_, response) = flood.assert_is_overtaken(write).await;
    assert_eq!(
        response["data"]["createSyncRun"]["run"]["status"], "PENDING",
        "{response}"
    );
    flood.finish();
}

#[apply(on_both_databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_of_one_principal_delay_the_backfill_of_others_by_few_turns(
    database: DatabaseKind,
) {
    let (server, many, few) = start(database).await;
    let list = "{ syncRuns(first: 1) { feedCursor } }";
    let (_, response) = server.execute_as(&few, list, json!({})).await;
    let cursor = &response["data"]["syncRuns"]["feedCursor"];
    fill(&server, &few).await;
    let flood = Flood::start(&server, &many, COMPLEX_QUERY, &json!({})).await;
    let read = async {
        let payload = json!({"authorization": few});
        let mut socket = Socket::open_with(&server.url, payload).await;
        let watch = "subscription($after: String) { syncRunChanged(after: $after) { status } }";
        socket.subscribe(watch, json!({"after": cursor})).await;
        for _ in 0..100 {
            socket.data().await;
        }
    };
    flood.assert_is_overtaken(read).await;
    flood.finish();
}
