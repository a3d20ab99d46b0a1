//! How much one who asks may do, and is told.

use std::{num::NonZeroU32, time::Duration};

use sea_orm::ConnectionTrait;
use sync_history::{
    access::{Policy, Scopes},
    config::Limits,
};

use crate::support::{Ledger, Setup, Sqlite, Value, code, json, socket::Socket};

async fn ledger(limit: impl FnOnce(&mut Limits)) -> Ledger {
    let mut limits = Limits::default();
    limit(&mut limits);
    Ledger::start_with(Sqlite, limits).await.unwrap()
}

const LIST: &str = "{ syncRuns(first: 100) { nodes { id status source } } }";

#[tokio::test]
async fn who_asks_for_too_much_over_time_is_told_when_to_come_back() {
    let ledger = ledger(|limits| {
        let most = NonZeroU32::new(800).unwrap();
        limits.http.quota.rate = most;
        limits.http.quota.burst = most;
    })
    .await;
    let body = json!({"query": LIST}).to_string();
    let first = ledger.post("application/json", body.clone()).await;
    assert_eq!(first.status(), 200);
    let second = ledger.post("application/json", body).await;
    assert_eq!(second.status(), 429);
    let wait: u64 = second.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=2).contains(&wait), "{wait}");
    let answer: Value = second.json().await.unwrap();
    assert_eq!(code(&answer["errors"][0]), "RATE_LIMITED");
    let mut socket = ledger.watch(LIST, json!({})).await;
    assert_eq!(code(&socket.hear().await["payload"][0]), "RATE_LIMITED");
}

#[tokio::test]
async fn operations_and_sockets_at_once_are_bounded() {
    let ledger = ledger(|limits| {
        limits.http.quota.operations = 1;
        limits.http.quota.sockets = 1;
    })
    .await;
    let watch = "subscription { syncRunChanged { status } }";
    let socket = ledger.watch(watch, json!({})).await;
    let body = json!({"query": LIST}).to_string();
    let refused = ledger.post("application/json", body).await;
    assert_eq!(refused.status(), 429);
    let mut second = Socket::connect(&ledger.url, None).await;
    second.say(&json!({"type": "connection_init"})).await;
    assert_eq!(second.close_code().await, 1013);
    drop(socket);
    for _ in 0..100 {
        let body = json!({"query": LIST}).to_string();
        if ledger.post("application/json", body).await.status() == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("what has ended still counts");
}

#[tokio::test]
async fn an_operation_that_takes_too_long_is_given_up() {
    let ledger = ledger(|limits| limits.graphql.operation_time = Duration::from_millis(200)).await;
    // Another writer holds the lock.
    let other = ledger.foreign().await;
    other.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();
    let create = "mutation { createSyncRun(input: {entityType: STOCK, source: API}) { replayed } }";
    let error = ledger.error(create, json!({})).await;
    assert_eq!(code(&error), "UNAVAILABLE");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("took longer than 200ms"), "{message}");
    other.execute_unprepared("ROLLBACK").await.unwrap();
}

#[tokio::test]
async fn names_are_suggested_to_nobody_who_may_not_read() {
    let mistyped = "{ syncRunz { totalCount } }";
    let open = ledger(|_| {}).await;
    let error = open.error(mistyped, json!({})).await;
    assert!(
        error["message"].as_str().unwrap().contains("Did you mean"),
        "{error}"
    );

    let silent = ledger(|limits| limits.graphql.suggestions = false).await;
    let setup = Setup {
        policy: Policy {
            anonymous: Some(Scopes::default()),
        },
        ..Setup::default()
    };
    let closed = Ledger::set_up(Sqlite, setup).await.unwrap();
    for ledger in [silent, closed] {
        let error = ledger.error(mistyped, json!({})).await;
        let message = error["message"].as_str().unwrap();
        assert!(
            message.contains("syncRunz") && !message.contains("Did you mean"),
            "{message}"
        );
    }
}

#[tokio::test]
async fn the_schema_is_told_unless_that_is_turned_off() {
    let ask = "{ __schema { queryType { name } } }";
    let open = ledger(|_| {}).await;
    assert_eq!(
        open.data(ask, json!({})).await["__schema"]["queryType"]["name"],
        "Query"
    );
    let closed = ledger(|limits| limits.graphql.introspection = false).await;
    let answer = closed.answer(ask, json!({})).await;
    assert!(!answer.to_string().contains("queryType"), "{answer}");
}
