//! Attacks on a server process, whose memory and CPU time they must not use up. Limits that a debug build would need minutes
//! to reach are lowered; the bounds are generous, and far below what the attacks take without the protection.

use std::time::{Duration, Instant};

use sea_orm::ConnectionTrait;
use tempfile::TempDir;
use tokio::{task::JoinSet, time};

use crate::support::{Process, Value, code, json, socket::Socket};

const MIB: u64 = 1024 * 1024;

/// Connections that send requests at the same time.
const CONNECTIONS: usize = 16;

fn start(arguments: &[&str]) -> (TempDir, Process) {
    let folder = TempDir::new().unwrap();
    let server = Process::start_with(folder.path(), arguments);
    (folder, server)
}

/// Sends a document, and returns the status.
async fn send(client: &reqwest::Client, url: &str, query: &str) -> u16 {
    let request = client
        .post(format!("{url}/graphql"))
        .header("accept", "application/graphql-response+json")
        .json(&json!({"query": query}));
    request.send().await.unwrap().status().as_u16()
}

/// A document with many tokens, which is invalid.
fn invalid_document() -> String {
    format!("{{ {} }}", "a { b } ".repeat(900))
}

/// Runs many clients for a while, and returns the CPU time of the server meanwhile. `attack` runs one client, which
/// attacks the server with this URL until it is stopped.
async fn flood<F>(server: &Process, attack: impl Fn(String) -> F) -> Duration
where
    F: Future<Output = ()> + Send + 'static,
{
    let before = server.cpu_time();
    let mut clients: JoinSet<_> = (0..CONNECTIONS)
        .map(|_| attack(server.url.clone()))
        .collect();
    time::sleep(Duration::from_secs(3)).await;
    clients.shutdown().await;
    server.cpu_time().saturating_sub(before)
}

/// Asserts that an attack takes far less CPU time than without a rate limit.
async fn assert_limited<F>(attack: impl Fn(String) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let (_folder, limited) = start(&["--max-rate", "20000", "--max-burst", "20000"]);
    let unlimited = ["--max-rate", "4000000000", "--max-burst", "4000000000"];
    let (_other, unlimited) = start(&unlimited);
    let without = flood(&unlimited, &attack).await;
    drop(unlimited);
    let with = flood(&limited, &attack).await;
    assert!(with * 3 < without, "{with:?} of {without:?}");
}

#[tokio::test]
async fn rejected_documents_take_bounded_cpu_time() {
    assert_limited(async move |url: String| {
        let (client, document) = (reqwest::Client::new(), invalid_document());
        loop {
            send(&client, &url, &document).await;
        }
    })
    .await;
}

#[tokio::test]
async fn large_websocket_messages_take_bounded_cpu_time() {
    assert_limited(async move |url: String| {
        let payload: Value = (0..10_000)
            .map(|number| (number.to_string(), json!(1)))
            .collect();
        let ping = json!({"type": "ping", "payload": payload});
        let mut socket = Socket::open(&url).await;
        loop {
            socket.send(&ping).await;
            assert_eq!(socket.receive().await["type"], "pong");
        }
    })
    .await;
}

#[tokio::test]
async fn a_client_that_sends_sequentially_is_never_limited_by_default() {
    let (_folder, server) = start(&[]);
    let client = reqwest::Client::new();
    let invalid = invalid_document();
    let nested =
        "{ syncRuns(first: 100) { nodes { events(first: 80) { nodes { id message } } } } }";
    let search = "{ syncRuns(filter: {errorContains: \"a\"}) { totalCount } }";
    let create = "mutation { createSyncRun(input: {entityType: STOCK, source: API}) { replayed } }";
    let deadline = Instant::now() + Duration::from_secs(4);
    let mut number = 0;
    while Instant::now() < deadline {
        // Each document of this kind is parsed.
        number += 1;
        let uncached = format!("query q{number} {{ syncRuns {{ nodes {{ id }} }} }}");
        for query in [&invalid, nested, search, create, uncached.as_str()] {
            let status = send(&client, &server.url, query).await;
            assert_ne!(status, 429, "{query:.80}");
        }
        for _ in 0..20 {
            assert_ne!(send(&client, &server.url, nested).await, 429);
        }
    }
}

#[tokio::test]
async fn search_patterns_take_bounded_memory() {
    let (_folder, server) = start(&[]);
    server.reset_peak_memory();
    let watch = |texts: usize| {
        let fields = ["a", "b", "c", "d"].repeat(12).concat();
        let texts: Vec<_> = (0..texts)
            .map(|number| json!({"errorContains": format!("{number:03}{}", &fields.repeat(11)[..487])}))
            .collect();
        json!({"filter": {"not": {"anyOf": texts}}})
    };
    let subscribe =
        "subscription($filter: SyncRunFilter) { syncRunChanged(filter: $filter) { status } }";
    let mut sockets = Vec::new();
    for number in 0..120 {
        let mut socket = Socket::open(&server.url).await;
        // Every other one has more characters than are allowed.
        let is_allowed = number % 2 == 0;
        let variables = watch(if is_allowed { 4 } else { 45 });
        socket.subscribe(subscribe, variables).await;
        if !is_allowed {
            let error = socket.receive().await["payload"][0].take();
            assert_eq!(code(&error), "QUERY_TOO_COMPLEX", "{error}");
        }
        sockets.push(socket);
    }
    let peak = server.peak_memory();
    assert!(peak < 300 * MIB, "{} MiB", peak / MIB);
}

/// Without the limit on merged details, the run would have 12 MB of them, all of which each report reads and writes.
#[tokio::test]
async fn details_that_are_merged_again_and_again_take_bounded_memory() {
    let (_folder, server) = start(&[]);
    let create =
        "mutation { createSyncRun(input: {entityType: STOCK, source: API}) { run { id } } }";
    let run = server.execute(create).await.unwrap();
    let run = run["data"]["createSyncRun"]["run"]["id"].clone();
    server.reset_peak_memory();
    for number in 0..200 {
        let text = "x".repeat(60_000);
        let report = format!(
            "mutation {{ reportSyncProgress(input: {{runId: {run}, details: {{k{number}: \"{text}\"}}}}) {{ run {{ id }} }} }}"
        );
        let response = server.execute(&report).await.unwrap();
        if number > 4 {
            assert_eq!(code(&response["errors"][0]), "BAD_INPUT");
        }
    }
    let peak = server.peak_memory();
    assert!(peak < 100 * MIB, "{} MiB", peak / MIB);
}

/// Without the limit on one call, all runs would be read and returned at once.
#[tokio::test]
async fn runs_that_are_cancelled_together_take_bounded_memory() {
    let (folder, server) = start(&[]);
    let url = format!(
        "sqlite://{}",
        folder.path().join("sync-history.db").display()
    );
    let database = sea_orm::Database::connect(url).await.unwrap();
    let insert =
        "INSERT INTO sync_history (id, entity_type, source, status, started_at, records_processed,
            records_created, records_updated, records_failed, error_message)
        WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 20000)
        SELECT randomblob(16), 'stock', 'api', 'running', '2026-11-23T09:00:00+00:00', 0, 0, 0, 0,
            hex(zeroblob(5000)) FROM s";
    database.execute_unprepared(insert).await.unwrap();
    server.reset_peak_memory();
    let cancel = "mutation { cancelActiveSyncRuns(input: {all: true}) { hasMore runs { id errorMessage } } }";
    let response = server.execute(cancel).await.unwrap();
    let payload = &response["data"]["cancelActiveSyncRuns"];
    assert_eq!(payload["hasMore"], true, "{response:.300}");
    assert_eq!(payload["runs"].as_array().unwrap().len(), 1000);
    let peak = server.peak_memory();
    assert!(peak < 150 * MIB, "{} MiB", peak / MIB);
}

#[tokio::test]
async fn clients_without_a_scope_take_bounded_memory_and_keep_nobody_out() {
    let folder = TempDir::new().unwrap();
    let server = Process::start_with(folder.path(), &["--anonymous", ""]);
    server.reset_peak_memory();
    for _ in 0..500 {
        let mut socket = Socket::connect(&server.url, None).await;
        socket.send(&json!({"type": "connection_init"})).await;
        assert_eq!(socket.close_code().await, 4401);
    }
    let mut idle = Vec::new();
    for _ in 0..500 {
        idle.push(Socket::connect(&server.url, None).await);
    }
    time::sleep(Duration::from_millis(100)).await;
    assert!(server.execute("{ __typename }").await.is_ok());
    let peak = server.peak_memory();
    assert!(peak < 200 * MIB, "{} MiB", peak / MIB);
}
