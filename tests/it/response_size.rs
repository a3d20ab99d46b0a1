//! Responses are bounded in bytes, whatever the database holds and however often a document selects it.

use std::{io::Write, net::TcpStream};

use tempfile::TempDir;

use crate::support::{
    DatabaseKind, Process, TestServer, Value, apply, code, json, on_both_databases, wait_until,
};

const MIB: u64 = 1024 * 1024;

/// Selects a field under 90 aliases.
fn aliases(field: &str) -> String {
    let aliases = (0..90).map(|number| format!("a{number}: {field} "));
    aliases.collect()
}

/// Twenty events with long messages.
fn events() -> Value {
    let event = json!({"eventType": "a", "message": "m".repeat(50_000)});
    Value::Array(vec![event; 20])
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_response_that_is_too_large_names_a_page_size_to_try(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let run = server.create_stock_run().await;
    server.add_events(&run, events()).await;
    let messages = aliases("message");
    let page =
        |first: u32| format!("{{ syncEvents(first: {first}) {{ nodes {{ {messages} }} }} }}");
    let query = page(20).replacen('{', "{ viewer { name }", 1);
    let response = server.execute(&query, json!({})).await;
    let error = &response["errors"][0];
    assert_eq!(code(error), "QUERY_TOO_COMPLEX");
    assert_eq!(
        response["data"],
        json!({"viewer": {"name": "anonymous"}, "syncEvents": null})
    );
    // Each event takes 4.5 MB of 16 MiB.
    let message = error["message"].as_str().unwrap();
    assert_eq!(
        message,
        "the response has more than 16777216 bytes: select fewer fields, or a smaller page, such as `first: 2`"
    );
    let data = server.data(&page(2), json!({})).await;
    assert_eq!(data["syncEvents"]["nodes"].as_array().unwrap().len(), 2);
    // Nested: the page size is that of the outer list.
    for _ in 0..3 {
        let run = server.create_stock_run().await;
        server.add_events(&run, events()).await;
    }
    let nested = "{ syncRuns(first: 4) { nodes { events(first: 20) { nodes { a: message b: message c: message
        d: message e: message f: message g: message } } } } }";
    let response = server.execute(nested, json!({})).await;
    let error = &response["errors"][0];
    assert_eq!(code(error), "QUERY_TOO_COMPLEX");
    let message = error["message"].as_str().unwrap();
    assert!(message.ends_with("`first: 1`"), "{message}");
}

/// Objects that no list contains are resolved one by one.
#[apply(on_both_databases)]
#[tokio::test]
async fn responses_without_a_list_are_bounded(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let run = server.create_stock_run().await;
    let details = json!({"a": "d".repeat(65_000)});
    let event = json!({"eventType": "a", "message": "m".repeat(60_000), "details": details});
    let messages = aliases("message");
    let add = format!(
        "mutation($run: ID!, $events: [SyncEventInput!]!) {{
            addSyncEvents(input: {{runId: $run, events: $events}}) {{ events {{ {messages} }} }} }}"
    );
    let variables = json!({"run": run, "events": vec![event; 8]});
    let response = server.execute(&add, variables).await;
    assert_eq!(response["data"], json!({"addSyncEvents": null}));
    let error = &response["errors"][0];
    assert_eq!(code(error), "QUERY_TOO_COMPLEX", "{error}");

    let ids = server
        .data("{ syncEvents { nodes { id } } }", json!({}))
        .await;
    let ids = ids["syncEvents"]["nodes"].as_array().unwrap().iter();
    let ids: Vec<_> = ids.map(|event| event["id"].clone()).collect();
    assert_eq!(ids.len(), 8);
    for field in ["message", "details"] {
        let fields = aliases(field);
        let query = format!(
            "query($ids: [ID!]!) {{ viewer {{ name }} nodes(ids: $ids) {{ ... on SyncEvent {{ {fields} }} }} }}"
        );
        let response = server.execute(&query, json!({"ids": ids})).await;
        assert_eq!(response["data"]["viewer"]["name"], "anonymous");
        let error = &response["errors"][0];
        assert_eq!(code(error), "QUERY_TOO_COMPLEX", "{error}");
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_mutation_with_a_response_that_is_too_large_says_that_it_was_applied(
    database: DatabaseKind,
) {
    let server = TestServer::start(database).await;
    let run = server.create_stock_run().await;
    server.add_events(&run, events()).await;
    let messages = aliases("message");
    let complete = format!(
        "mutation($id: ID!) {{ completeSyncRun(input: {{runId: $id}}) {{
            run {{ events(first: 20) {{ nodes {{ {messages} }} }} }} }} }}"
    );
    let response = server.execute(&complete, json!({"id": run})).await;
    assert_eq!(response["data"], json!({"completeSyncRun": null}));
    let error = &response["errors"][0];
    assert_eq!(code(error), "QUERY_TOO_COMPLEX");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.starts_with("the mutation was applied, but the response has more"),
        "{message}"
    );
    assert_eq!(server.get_run(&run).await["status"], "COMPLETED");
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_subscription_with_a_response_that_is_too_large_names_its_cursor(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let after = server.feed_cursor().await;
    let run = server.create_stock_run().await;
    server.add_events(&run, events()).await;
    server.start_run(&run).await;
    let watch = |fields: &str| {
        format!(
            "subscription($after: String) {{ syncRunChanged(after: $after) {{ kind {fields} }} }}"
        )
    };
    let large = watch(&format!(
        "run {{ events(first: 20) {{ nodes {{ {} }} }} }}",
        aliases("message")
    ));
    let mut socket = server.subscribe(&large, json!({"after": after})).await;
    let error = socket.receive().await["payload"][0].take();
    assert_eq!(code(&error), "QUERY_TOO_COMPLEX", "{error}");
    let message = error["message"].as_str().unwrap();
    let cursor = message.rsplit(' ').next().unwrap();
    let mut socket = server.subscribe(&watch(""), json!({"after": cursor})).await;
    assert_eq!(socket.data().await["syncRunChanged"]["kind"], "STATUS");
}

#[apply(on_both_databases)]
#[tokio::test]
async fn long_texts_of_other_writers_are_cut(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let run = server.create_stock_run().await;
    let neighbour = server.create_stock_run().await;
    server
        .add_events(&run, json!([{"eventType": "a", "message": "b"}]))
        .await;
    let long = "x".repeat(2_000_000);
    let (runs, events) = (server.table("sync_history"), server.table("sync_event"));
    let id = server.id_literal(&run);
    for sql in [
        format!(
            "UPDATE {runs} SET error_message = '{long}', details = '{{\"a\": \"{long}\"}}' WHERE id = {id}"
        ),
        format!("UPDATE {events} SET message = '{long}' WHERE sync_id = {id}"),
    ] {
        server.execute_sql(&sql).await;
    }
    let query = "{ syncRuns { nodes { id errorMessage details events { nodes { message } } } } }";
    let data = server.data(query, json!({})).await;
    let nodes = data["syncRuns"]["nodes"].as_array().unwrap();
    assert_eq!(nodes[0]["id"], json!(neighbour));
    let cut = "xx… (cut: the stored text has 2000000 bytes)";
    let error = nodes[1]["errorMessage"].as_str().unwrap();
    let unreadable =
        "The stored details cannot be read: they have 2000009 bytes, more than 1048576. xx";
    assert!(error.starts_with(unreadable), "{error:.200}");
    assert!(error.ends_with(cut));
    assert_eq!(nodes[1]["details"], Value::Null);
    let message = nodes[1]["events"]["nodes"][0]["message"].as_str().unwrap();
    assert!(message.ends_with(cut) && message.len() < 1_050_000);
}

/// Without the limit, the first query takes 3.5 GiB.
#[tokio::test]
async fn large_responses_take_bounded_memory() {
    let folder = TempDir::new().unwrap();
    let server = Process::start(folder.path());
    let run = "mutation { createSyncRun(input: {entityType: STOCK, source: API}) { run { id } } }";
    let run = server.execute(run).await.unwrap();
    let run = run["data"]["createSyncRun"]["run"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    for event in events().as_array().unwrap() {
        let message = event["message"].as_str().unwrap();
        let add = format!(
            "mutation {{ addSyncEvent(input: {{runId: \"{run}\", event: {{eventType: \"a\", message: \"{message}\"}}}}) {{
                replayed }} }}"
        );
        server.execute(&add).await.unwrap();
    }
    server.reset_peak_memory();
    let messages = aliases("message");
    for query in [
        format!("{{ syncEvents(first: 20) {{ nodes {{ {messages} }} }} }}"),
        format!("{{ syncRuns {{ nodes {{ events(first: 20) {{ nodes {{ {messages} }} }} }} }} }}"),
        format!(
            "{{ syncEvents(first: 20) {{ nodes {{ run {{ events(first: 20) {{ nodes {{ {messages} }} }} }} }} }} }}"
        ),
    ] {
        let response = server.execute(&query).await.unwrap();
        assert_eq!(
            code(&response["errors"][0]),
            "QUERY_TOO_COMPLEX",
            "{response:.300}"
        );
    }
    let peak = server.peak_memory();
    assert!(peak < 300 * MIB, "{} MiB", peak / MIB);

    // Clients that do not read 13 MB each.
    let large = format!("{{ syncEvents(first: 3) {{ nodes {{ {messages} }} }} }}");
    let body = json!({"query": large}).to_string();
    let stalled: Vec<_> = (0..12)
        .map(|_| {
            let mut client = TcpStream::connect(server.address()).unwrap();
            let request = format!(
                "POST /graphql HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                server.address(),
                body.len()
            );
            client.write_all(request.as_bytes()).unwrap();
            client
        })
        .collect();
    let is_refused = async || {
        let response = server.execute(&large).await.unwrap();
        let errors = response["errors"].as_array();
        errors.is_some_and(|errors| code(&errors[0]) == "RATE_LIMITED")
    };
    wait_until("further responses are refused", is_refused).await;
    let peak = server.peak_memory();
    assert!(peak < 500 * MIB, "{} MiB", peak / MIB);
    drop(stalled);
    wait_until("responses are possible again", async || !is_refused().await).await;
}
