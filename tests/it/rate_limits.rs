//! Rate limits, timeouts, and limits on what errors reveal.

use std::{num::NonZeroU32, time::Duration};

use sea_orm::ConnectionTrait;
use sync_history::{
    auth::{AuthSettings, Scopes},
    config::Limits,
};

use crate::support::{Options, Sqlite, TestServer, Value, code, json, socket::Socket, wait_until};

async fn start_with(limit: impl FnOnce(&mut Limits)) -> TestServer {
    let mut limits = Limits::default();
    limit(&mut limits);
    TestServer::start_with(Sqlite, limits).await
}

const LIST: &str = "{ syncRuns(first: 100) { nodes { id status source } } }";

#[tokio::test]
async fn requests_over_the_rate_limit_receive_retry_after() {
    let server = start_with(|limits| {
        let limit = NonZeroU32::new(800).unwrap();
        limits.http.rate_limits.complexity_per_second = limit;
        limits.http.rate_limits.complexity_burst = limit;
    })
    .await;
    let body = json!({"query": LIST}).to_string();
    let first = server.post("application/json", body.clone()).await;
    assert_eq!(first.status(), 200);
    let second = server.post("application/json", body).await;
    assert_eq!(second.status(), 429);
    let wait: u64 = second.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=2).contains(&wait), "{wait}");
    let response: Value = second.json().await.unwrap();
    assert_eq!(code(&response["errors"][0]), "RATE_LIMITED");
    let mut socket = server.subscribe(LIST, json!({})).await;
    assert_eq!(code(&socket.receive().await["payload"][0]), "RATE_LIMITED");
}

#[tokio::test]
async fn concurrent_operations_and_sockets_are_limited() {
    let server = start_with(|limits| {
        limits.http.rate_limits.max_operations = 1;
        limits.http.rate_limits.max_sockets = 1;
    })
    .await;
    let watch = "subscription { syncRunChanged { status } }";
    let socket = server.subscribe(watch, json!({})).await;
    let body = json!({"query": LIST}).to_string();
    let rejected = server.post("application/json", body).await;
    assert_eq!(rejected.status(), 429);
    let mut second = Socket::connect(&server.url, None).await;
    second.send(&json!({"type": "connection_init"})).await;
    assert_eq!(second.close_code().await, 1013);
    drop(socket);
    wait_until("the closed socket no longer counts", async || {
        let body = json!({"query": LIST}).to_string();
        server.post("application/json", body).await.status() == 200
    })
    .await;
}

#[tokio::test]
async fn slow_operations_time_out() {
    let server =
        start_with(|limits| limits.graphql.operation_time = Duration::from_millis(200)).await;
    // Another writer holds the write lock.
    let other = server.external_connection().await;
    other.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();
    let create = "mutation { createSyncRun(input: {entityType: STOCK, source: API}) { replayed } }";
    let error = server.error(create, json!({})).await;
    assert_eq!(code(&error), "UNAVAILABLE");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("took longer than 200ms"), "{message}");
    other.execute_unprepared("ROLLBACK").await.unwrap();
}

#[tokio::test]
async fn name_suggestions_require_the_read_scope() {
    let mistyped = "{ syncRunz { totalCount } }";
    let default_server = start_with(|_| {}).await;
    let error = default_server.error(mistyped, json!({})).await;
    assert!(
        error["message"].as_str().unwrap().contains("Did you mean"),
        "{error}"
    );

    let without_suggestions = start_with(|limits| limits.graphql.suggestions = false).await;
    let options = Options {
        auth: AuthSettings {
            anonymous_scopes: Some(Scopes::default()),
            ..AuthSettings::default()
        },
        ..Options::default()
    };
    let restricted = TestServer::start_with(Sqlite, options).await;
    for server in [without_suggestions, restricted] {
        let error = server.error(mistyped, json!({})).await;
        let message = error["message"].as_str().unwrap();
        assert!(
            message.contains("syncRunz") && !message.contains("Did you mean"),
            "{message}"
        );
    }
}

#[tokio::test]
async fn introspection_can_be_disabled() {
    let introspection = "{ __schema { queryType { name } } }";
    let default_server = start_with(|_| {}).await;
    assert_eq!(
        default_server.data(introspection, json!({})).await["__schema"]["queryType"]["name"],
        "Query"
    );
    let restricted = start_with(|limits| limits.graphql.introspection = false).await;
    let response = restricted.execute(introspection, json!({})).await;
    assert!(!response.to_string().contains("queryType"), "{response}");
}
