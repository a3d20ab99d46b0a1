//! Rate limits, timeouts, and limits on what errors reveal.

use std::{num::NonZeroU32, time::Duration};

use sea_orm::ConnectionTrait;
use sync_history::{
    auth::{AuthSettings, Scopes},
    config::Limits,
};

use crate::{
    authentication::create_key,
    support::{Options, Sqlite, TestServer, Value, code, json, rstest, socket::Socket, wait_until},
};

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
    assert_eq!(
        response["errors"][0]["extensions"],
        json!({"code": "RATE_LIMITED", "retryAfter": wait})
    );
    let mut socket = server.subscribe(LIST, json!({})).await;
    let error = socket.receive().await["payload"][0].take();
    assert_eq!(code(&error), "RATE_LIMITED");
    let wait = error["extensions"]["retryAfter"].as_u64().unwrap();
    assert!((1..=2).contains(&wait), "{error}");
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
    assert_eq!(
        error["extensions"],
        json!({"code": "UNAVAILABLE", "retryAfter": 1})
    );
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

/// Limits the complexity per second, and of a burst.
fn complexity(limits: &mut Limits, units: u32) {
    let units = NonZeroU32::new(units).unwrap();
    limits.http.rate_limits.complexity_per_second = units;
    limits.http.rate_limits.complexity_burst = units;
}

/// Sends a document with these headers, and returns the status.
async fn send(server: &TestServer, query: &str, headers: &[(&str, &str)]) -> u16 {
    let request = reqwest::Client::new()
        .post(format!("{}/graphql", server.url))
        .json(&json!({"query": query}));
    let request = headers.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    request.send().await.unwrap().status().as_u16()
}

#[rstest]
#[case::too_many_tokens("{ a ".repeat(5001))]
#[case::syntax_error(format!("{{ {} ) }}", "a ".repeat(5000)))]
#[case::invalid(format!("{{ {} }}", "a { b } ".repeat(900)))]
#[tokio::test]
async fn rejected_documents_are_charged(#[case] document: String) {
    let body = json!({"query": document}).to_string();
    assert_is_charged(body).await;
}

#[tokio::test]
async fn rejected_requests_are_charged() {
    assert_is_charged(format!("{{\"query\": [{}", "1,".repeat(30_000))).await;
}

/// Asserts that a request that is rejected is charged, so that the rate limit rejects it soon.
async fn assert_is_charged(body: String) {
    let server = start_with(|limits| complexity(limits, 2000)).await;
    let mut statuses = Vec::new();
    for _ in 0..5 {
        let accept = "application/graphql-response+json";
        let response = server.post(accept, body.clone()).await;
        statuses.push(response.status().as_u16());
    }
    assert_eq!(statuses[0], 400);
    assert_eq!(statuses[4], 429, "{statuses:?}");
    // Each charge is at most what a bucket holds, so that the limit is exceeded for at most a second.
    wait_until("the bucket is full again", async || {
        send(&server, "{ viewer { name } }", &[]).await == 200
    })
    .await;
}

#[tokio::test]
async fn unauthenticated_requests_are_limited_per_address_that_a_trusted_proxy_names() {
    for (is_trusted, expected) in [(true, 200), (false, 429)] {
        let server = start_with(|limits| {
            complexity(limits, 800);
            if is_trusted {
                limits.http.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
            }
        })
        .await;
        let first = ("x-forwarded-for", "192.0.2.66, 198.51.100.1");
        let many = LIST.replace("100", "60");
        // Requests that a proxy forwards have no scope on a loopback address; that is found while they are executed.
        while send(&server, &many, &[first]).await != 429 {}
        let other = ("forwarded", "for=198.51.100.2");
        assert_eq!(send(&server, &many, &[other]).await, expected);
        // A forged entry is further from the proxy than the one that it has added.
        let forged = ("x-forwarded-for", "198.51.100.7, 198.51.100.1");
        assert_eq!(send(&server, &many, &[forged]).await, 429);
    }
}

#[tokio::test]
async fn wrong_credentials_are_limited_per_address_and_valid_keys_are_not() {
    let server = start_with(|limits| complexity(limits, 2000)).await;
    let (_, key) = create_key(&server, "read").await;
    let bearer = format!("Bearer {key}");
    let valid = [("authorization", bearer.as_str())];
    assert_eq!(send(&server, LIST, &valid).await, 200);
    let wrong = [("authorization", "Basic YTpi")];
    let mut statuses = Vec::new();
    while statuses.last() != Some(&429) {
        statuses.push(send(&server, LIST, &wrong).await);
        assert!(statuses.len() < 1000, "never limited");
    }
    assert!(statuses.len() > 1 && statuses[0] == 401, "{statuses:?}");
    assert_eq!(send(&server, LIST, &valid).await, 200);
}
