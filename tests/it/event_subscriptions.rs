//! Subscriptions to the events of a run.

use crate::support::{
    DatabaseKind, TestServer, Value, apply, code, json, on_both_databases, socket::Socket,
};

const FOLLOW: &str = "subscription($run: ID!, $after: String) {
    syncEventAdded(runId: $run, after: $after) { cursor event { message } } }";

async fn add(server: &TestServer, run: &str, messages: &[&str]) {
    let events: Vec<Value> = messages
        .iter()
        .map(|message| json!({"eventType": "chunk", "message": message}))
        .collect();
    server.add_events(run, json!(events)).await;
}

fn messages(added: &[(String, Value)]) -> Vec<&str> {
    added.iter().map(|(message, _)| message.as_str()).collect()
}

/// Receives events until the subscription completes: messages and cursors.
async fn receive_all(socket: &mut Socket) -> Vec<(String, Value)> {
    let mut added = Vec::new();
    loop {
        let mut message = socket.receive().await;
        if message["type"] == "complete" {
            return added;
        }
        let mut next = message["payload"]["data"]["syncEventAdded"].take();
        let text = next["event"]["message"].as_str().unwrap().to_owned();
        added.push((text, next["cursor"].take()));
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn events_are_replayed_then_followed_until_the_run_finishes(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let (run, other) = (
        server.create_stock_run().await,
        server.create_stock_run().await,
    );
    add(&server, &run, &["1", "2"]).await;
    add(&server, &other, &["x"]).await;
    let mut socket = server.subscribe(FOLLOW, json!({"run": run})).await;
    for expected in ["1", "2"] {
        assert_eq!(
            socket.data().await["syncEventAdded"]["event"]["message"],
            expected
        );
    }
    // Events added just before completion are delivered before the subscription completes.
    add(&server, &run, &["3"]).await;
    server.complete_run(&other, json!({})).await;
    add(&server, &run, &["4", "5"]).await;
    server.complete_run(&run, json!({})).await;
    let added = receive_all(&mut socket).await;
    assert_eq!(messages(&added), ["3", "4", "5"]);
}

#[apply(on_both_databases)]
#[tokio::test]
async fn an_event_cursor_resumes_exactly_after_it(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let run = server.create_stock_run().await;
    add(&server, &run, &["1"]).await;
    let list = "query($id: ID!) { syncRun(id: $id) { events { feedCursor } } }";
    let listed = server.data(list, json!({"id": run})).await;
    add(&server, &run, &["2", "3"]).await;
    server.complete_run(&run, json!({})).await;
    let follow = async |after: &Value| {
        let mut socket = server
            .subscribe(FOLLOW, json!({"run": run, "after": after}))
            .await;
        receive_all(&mut socket).await
    };
    let all = follow(&Value::Null).await;
    assert_eq!(all.len(), 3);
    for (index, (_, cursor)) in all.iter().enumerate() {
        let remaining = follow(cursor).await;
        assert_eq!(messages(&remaining), messages(&all[index + 1..]));
    }
    let from_list = follow(&listed["syncRun"]["events"]["feedCursor"]).await;
    assert_eq!(messages(&from_list), ["2", "3"]);
}

#[tokio::test]
async fn events_from_before_adoption_are_replayed_first_on_postgres() {
    let server = TestServer::start_on_existing_database().await;
    let run = "c3821561-d593-44bd-9ca3-a6a8003faf7b";
    add(&server, run, &["after adoption"]).await;
    server.complete_run(run, json!({})).await;
    let follow = async |after: &Value| {
        let mut socket = server
            .subscribe(FOLLOW, json!({"run": run, "after": after}))
            .await;
        receive_all(&mut socket).await
    };
    let all = follow(&Value::Null).await;
    assert_eq!(
        messages(&all),
        ["Extraction started", "Chunk 1/1 imported", "after adoption"]
    );
    for (index, (_, cursor)) in all.iter().enumerate() {
        let remaining = follow(cursor).await;
        assert_eq!(messages(&remaining), messages(&all[index + 1..]));
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn events_of_an_unknown_run_cannot_be_followed(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let run = server.create_stock_run().await;
    let changes = server.feed_cursor().await;
    for (run, after, expected) in [
        (
            "0197d2c4-8a3e-7c1b-9f00-3b5a1c2d4e6f",
            Value::Null,
            "NOT_FOUND",
        ),
        ("x", Value::Null, "BAD_INPUT"),
        (&run, json!("x"), "BAD_CURSOR"),
        (&run, changes, "BAD_CURSOR"),
    ] {
        let mut socket = server
            .subscribe(FOLLOW, json!({"run": run, "after": after}))
            .await;
        assert_eq!(code(&socket.receive().await["payload"][0]), expected);
    }
}
