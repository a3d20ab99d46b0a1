//! Subscriptions over server-sent events.

use std::time::Duration;

use crate::support::{DatabaseKind, TestServer, Value, apply, code, json, on_both_databases};

const WATCH: &str = "subscription($after: String) { syncRunChanged(after: $after) { status } }";

/// An event stream of a subscription.
struct Events {
    response: reqwest::Response,
    text: String,
}

#[derive(Debug, PartialEq)]
struct Event {
    kind: String,
    id: Option<String>,
    data: Value,
}

impl Events {
    async fn open(server: &TestServer, request: Value, last: Option<&str>) -> Self {
        let mut post = reqwest::Client::new()
            .post(format!("{}/graphql", server.url))
            .header("accept", "text/event-stream")
            .json(&request);
        if let Some(last) = last {
            post = post.header("last-event-id", last);
        }
        let response = post.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            response,
            text: String::new(),
        }
    }

    /// Receives the next event; `None` if the stream has ended.
    async fn next(&mut self) -> Option<Event> {
        while !self.text.contains("\n\n") {
            let chunk = tokio::time::timeout(Duration::from_secs(20), self.response.chunk());
            let chunk = chunk.await.expect("no event in time").ok()??;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
        let end = self.text.find("\n\n").unwrap() + 2;
        let event: String = self.text.drain(..end).collect();
        let field = |name: &str| {
            event
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .map(|value| value.trim().to_owned())
        };
        let data = field("data:").unwrap_or_default();
        let event = Event {
            kind: field("event:").unwrap(),
            id: field("id:"),
            data: serde_json::from_str(&data).unwrap_or(Value::Null),
        };
        Some(event)
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_subscription_has_begun_when_the_response_head_arrives(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    for _ in 0..12 {
        let mut events = Events::open(&server, json!({"query": WATCH}), None).await;
        server.create_stock_run().await;
        let event = events.next().await.unwrap();
        assert_eq!(event.data["data"]["syncRunChanged"]["status"], "PENDING");
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn the_id_of_each_event_resumes_after_it(
    database: DatabaseKind,
    #[values(
        "subscription($after: String) { syncRunChanged(after: $after) { status } }",
        "subscription { syncRunChanged { status } }",
        "subscription { syncRunChanged(after: null) { status } }"
    )]
    again: &str,
) {
    let server = TestServer::start(database).await;
    let after = server.feed_cursor().await;
    let request = json!({"query": WATCH, "variables": {"after": after}});
    let mut events = Events::open(&server, request, None).await;
    let run = server.create_stock_run().await;
    server.complete_run(&run, json!({})).await;
    let mut ids = Vec::new();
    for status in ["PENDING", "COMPLETED"] {
        let event = events.next().await.unwrap();
        assert_eq!(event.kind, "next");
        // Only the selected fields.
        assert_eq!(
            event.data,
            json!({"data": {"syncRunChanged": {"status": status}}})
        );
        ids.push(event.id.unwrap());
    }
    drop(events);
    let request = json!({"query": again, "variables": {"after": after}});
    let mut resumed = Events::open(&server, request, Some(&ids[0])).await;
    let event = resumed.next().await.unwrap();
    assert_eq!(event.data["data"]["syncRunChanged"]["status"], "COMPLETED");
}

#[apply(on_both_databases)]
#[tokio::test]
async fn finished_operations_send_complete(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let run = server.create_stock_run().await;
    server.complete_run(&run, json!({})).await;
    let follow = format!("subscription {{ syncEventAdded(runId: \"{run}\") {{ cursor }} }}");
    for (query, responses) in [("{ __typename }", 1), ("{ nope }", 1), (&follow, 0)] {
        let mut events = Events::open(&server, json!({"query": query}), None).await;
        for _ in 0..responses {
            let event = events.next().await.unwrap();
            assert_eq!((event.kind.as_str(), event.id), ("next", None));
            if query == "{ nope }" {
                assert_eq!(code(&event.data["errors"][0]), "BAD_INPUT");
            }
        }
        assert_eq!(events.next().await.unwrap().kind, "complete");
        assert_eq!(events.next().await, None);
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn shutdown_ends_streams_without_complete(database: DatabaseKind) {
    let mut server = TestServer::start(database).await;
    let mut events = Events::open(&server, json!({"query": WATCH}), None).await;
    let (next, ()) = tokio::join!(events.next(), server.stop());
    assert_eq!(
        next, None,
        "a `complete` event would stop clients from reconnecting"
    );
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_malformed_last_event_id_is_reported_in_the_stream(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let mut events = Events::open(&server, json!({"query": WATCH}), Some("nonsense")).await;
    assert_eq!(
        code(&events.next().await.unwrap().data["errors"][0]),
        "BAD_CURSOR"
    );
}
