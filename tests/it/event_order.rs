//! Events of the same time are listed in the order in which they were written.

use crate::support::{DatabaseKind, TestServer, Value, apply, json, on_both_databases};

/// IDs in no order.
fn id(number: usize) -> String {
    let digest = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("{:08x}-0000-4000-8000-{number:012}", digest >> 32)
}

fn messages(nodes: &Value) -> Vec<String> {
    let nodes = nodes.as_array().unwrap().iter();
    nodes
        .map(|node| node["message"].as_str().unwrap().to_owned())
        .collect()
}

/// Returns the messages of a list that is read in pages from its beginning, or from its end.
async fn paginated(
    server: &TestServer,
    run: &str,
    list: &str,
    size: usize,
    from_end: bool,
) -> Vec<String> {
    let (page, cursor) = if from_end {
        (format!("last: {size}, before: $cursor"), "startCursor")
    } else {
        (format!("first: {size}, after: $cursor"), "endCursor")
    };
    let list = list.replace("PAGE", &page);
    let query = format!(
        "query($id: ID!, $cursor: String) {{ syncRun(id: $id) {{ id }} {list} }}
        fragment Page on SyncEventConnection {{ nodes {{ message }} pageInfo {{ cursor: {cursor} }} }}"
    );
    let (mut all, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let data = server
            .data(&query, json!({"id": run, "cursor": cursor}))
            .await;
        let page = data.get("events").unwrap_or(&data["run"]["events"]);
        let messages = messages(&page["nodes"]);
        if messages.is_empty() {
            return all;
        }
        all = if from_end {
            [messages, all].concat()
        } else {
            [all, messages].concat()
        };
        cursor = page["pageInfo"]["cursor"].clone();
    }
}

/// Checks that all lists and the subscription return the events of a run in this order.
async fn assert_order(server: &TestServer, run: &str, expected: &[String]) {
    let reversed: Vec<_> = expected.iter().rev().cloned().collect();
    for (list, expected) in [
        (
            "run: syncRun(id: $id) { events(PAGE) { ...Page } }",
            expected,
        ),
        (
            "events: syncEvents(filter: {runId: [$id]}, PAGE) { ...Page }",
            &reversed,
        ),
        ("events: syncEvents(PAGE) { ...Page }", &reversed),
        (
            "events: syncEvents(filter: {eventType: \"a\"}, PAGE) { ...Page }",
            &reversed,
        ),
    ] {
        for size in [1, 5, 100] {
            for from_end in [false, true] {
                let listed = paginated(server, run, list, size, from_end).await;
                assert_eq!(listed, expected, "{list}, {size}, {from_end}");
            }
        }
    }
    let nested = "{ syncRuns { nodes { events(last: 100) { nodes { message } } } } }";
    let nested = server.data(nested, json!({})).await;
    assert_eq!(
        messages(&nested["syncRuns"]["nodes"][0]["events"]["nodes"]),
        expected
    );
    let watch = "subscription($id: ID!) { syncEventAdded(runId: $id) { event { message } } }";
    let mut socket = server.subscribe(watch, json!({"id": run})).await;
    for message in expected {
        assert_eq!(
            socket.data().await["syncEventAdded"]["event"]["message"],
            *message
        );
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn events_of_one_call_with_one_timestamp_keep_their_order(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let run = server.create_stock_run().await;
    let event = |number| {
        json!({"id": id(number), "eventType": "a", "message": number.to_string(),
            "timestamp": "2026-11-23T08:00:00Z"})
    };
    server.add_events(&run, (0..12).map(event).collect()).await;
    let mut expected: Vec<_> = (0..12).map(|number| number.to_string()).collect();
    assert_order(&server, &run, &expected).await;

    // Some of them again, others, and a single one.
    server.add_events(&run, (9..15).map(event).collect()).await;
    let add = "mutation($input: AddSyncEventInput!) { addSyncEvent(input: $input) { eventEdge { cursor } } }";
    let input = json!({"runId": run, "event": event(15)});
    let added = server.data(add, json!({"input": input})).await;
    expected.extend((12..16).map(|number| number.to_string()));
    assert_order(&server, &run, &expected).await;

    // The cursor of an added event is the one that lists return.
    let cursor = &added["addSyncEvent"]["eventEdge"]["cursor"];
    let before = "query($id: ID!, $before: String) {
        syncRun(id: $id) { events(last: 1, before: $before) { nodes { message } } }
        syncEvents(first: 1) { edges { cursor } } }";
    let data = server
        .data(before, json!({"id": run, "before": cursor}))
        .await;
    assert_eq!(
        data["syncRun"]["events"]["nodes"],
        json!([{"message": "14"}])
    );
    assert_eq!(data["syncEvents"]["edges"][0]["cursor"], *cursor);
    let replayed = server.data(add, json!({"input": input})).await;
    assert_eq!(replayed, added);
}

#[apply(on_both_databases)]
#[tokio::test]
async fn events_of_one_transaction_keep_their_order(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let run = server.create_stock_run().await;
    let table = server.table("sync_event");
    let now = if server.is_on_postgres() {
        "now()"
    } else {
        "'2026-11-23T08:00:00+00:00'"
    };
    let insert = |number| {
        format!(
            "INSERT INTO {table} (id, sync_id, event_type, \"timestamp\", message)
            VALUES ({}, {}, 'a', {now}, '{number}');",
            server.id_literal(&id(number)),
            server.id_literal(&run)
        )
    };
    let inserts: String = (0..12).map(insert).collect();
    server
        .execute_sql(&format!("BEGIN; {inserts} COMMIT;"))
        .await;
    let expected: Vec<_> = (0..12).map(|number| number.to_string()).collect();
    assert_order(&server, &run, &expected).await;
}

#[tokio::test]
async fn events_from_before_adoption_come_before_others_of_their_time_on_postgres() {
    let server = TestServer::start(DatabaseKind::Postgres).await;
    let run = server.create_stock_run().await;
    let event = |number| {
        json!({"id": id(number), "eventType": "a", "message": id(number),
            "timestamp": "2026-11-23T08:00:00Z"})
    };
    server.add_events(&run, (0..12).map(event).collect()).await;
    server
        .execute_sql("UPDATE sync_history.sync_event SET seq = NULL WHERE seq % 2 = 0")
        .await;
    // Those have no order but that of their ids.
    let mut expected: Vec<_> = (0..12).filter(|number| number % 2 == 1).map(id).collect();
    expected.sort();
    expected.extend((0..12).filter(|number| number % 2 == 0).map(id));
    assert_order(&server, &run, &expected).await;
}
