//! How much one who asks may do, and is told.

use std::{num::NonZeroU32, time::Duration};

use sea_orm::ConnectionTrait;
use sync_history::{
    auth::{AuthSettings, Scopes},
    config::Limits,
};

use crate::support::{Options, Sqlite, TestServer, Value, code, json, socket::Socket};

async fn server(limit: impl FnOnce(&mut Limits)) -> TestServer {
    let mut limits = Limits::default();
    limit(&mut limits);
    TestServer::start_with(Sqlite, limits).await
}

const LIST: &str = "{ syncRuns(first: 100) { nodes { id status source } } }";

#[tokio::test]
async fn requests_over_the_rate_limit_receive_retry_after() {
    let server = server(|limits| {
        let most = NonZeroU32::new(800).unwrap();
        limits.http.rate_limits.complexity_per_second = most;
        limits.http.rate_limits.complexity_burst = most;
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
    let answer: Value = second.json().await.unwrap();
    assert_eq!(code(&answer["errors"][0]), "RATE_LIMITED");
    let mut socket = server.subscribe(LIST, json!({})).await;
    assert_eq!(code(&socket.receive().await["payload"][0]), "RATE_LIMITED");
}

#[tokio::test]
async fn concurrent_operations_and_sockets_are_limited() {
    let server = server(|limits| {
        limits.http.rate_limits.max_operations = 1;
        limits.http.rate_limits.max_sockets = 1;
    })
    .await;
    let watch = "subscription { syncRunChanged { status } }";
    let socket = server.subscribe(watch, json!({})).await;
    let body = json!({"query": LIST}).to_string();
    let refused = server.post("application/json", body).await;
    assert_eq!(refused.status(), 429);
    let mut second = Socket::connect(&server.url, None).await;
    second.send(&json!({"type": "connection_init"})).await;
    assert_eq!(second.close_code().await, 1013);
    drop(socket);
    for _ in 0..100 {
        let body = json!({"query": LIST}).to_string();
        if server.post("application/json", body).await.status() == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("what has ended still counts");
}

#[tokio::test]
async fn slow_operations_time_out() {
    let server = server(|limits| limits.graphql.operation_time = Duration::from_millis(200)).await;
    // Another writer holds the lock.
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
    let open = server(|_| {}).await;
    let error = open.error(mistyped, json!({})).await;
    assert!(
        error["message"].as_str().unwrap().contains("Did you mean"),
        "{error}"
    );

    let silent = server(|limits| limits.graphql.suggestions = false).await;
    let options = Options {
        auth: AuthSettings {
            anonymous_scopes: Some(Scopes::default()),
            ..AuthSettings::default()
        },
        ..Options::default()
    };
    let closed = TestServer::start_with(Sqlite, options).await;
    for server in [silent, closed] {
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
    let ask = "{ __schema { queryType { name } } }";
    let open = server(|_| {}).await;
    assert_eq!(
        open.data(ask, json!({})).await["__schema"]["queryType"]["name"],
        "Query"
    );
    let closed = server(|limits| limits.graphql.introspection = false).await;
    let answer = closed.execute(ask, json!({})).await;
    assert!(!answer.to_string().contains("queryType"), "{answer}");
}
