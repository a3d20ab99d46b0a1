//! Lists of several such rows.

use super::{ignore_foreign_keys, start};
use crate::support::{DatabaseKind, Sqlite, TestServer, Value, json};

fn id(number: usize) -> String {
    format!("0197d2c4-8a3e-7c1b-9f00-0000000000{:02}", 99 - number)
}

/// Stores a run and an event of it, with these values.
async fn insert(server: &TestServer, number: usize, status: &str, time: &str, text: &str) {
    let (pragma, id) = (ignore_foreign_keys(server), server.id_literal(&id(number)));
    let sql = format!(
        "{pragma} INSERT INTO sync_history (id, entity_type, source, status, started_at, updated_at, records_processed,
            records_created, records_updated, records_failed, error_message)
        VALUES ({id}, 'stock', 'as400', '{status}', {time}, '2026-11-20T10:00:00+00:00', 0, 0, 0, 0, {text});
        INSERT INTO sync_event (id, sync_id, event_type, \"timestamp\", message) VALUES ({id}, {id}, 'a', {time}, {text})"
    );
    server.execute_sql(&sql).await;
}

/// Returns the ids of a list that is read in pages of one.
async fn paginated(server: &TestServer, list: &str, from_end: bool) -> Vec<Value> {
    let (page, cursor) = if from_end {
        ("last: 1, before: $cursor", "startCursor")
    } else {
        ("first: 1, after: $cursor", "endCursor")
    };
    let list = list.replace("PAGE", page);
    let query = format!(
        "query($cursor: String) {{ page: {list} {{ nodes {{ id }} pageInfo {{ cursor: {cursor} }} }} }}"
    );
    let (mut ids, mut cursor) = (Vec::new(), Value::Null);
    while ids.len() < 20 {
        let data = server.data(&query, json!({"cursor": cursor})).await;
        let page = &data["page"];
        let nodes = page["nodes"].as_array().unwrap();
        let Some(node) = nodes.first() else {
            break;
        };
        ids.push(node["id"].clone());
        cursor = page["pageInfo"]["cursor"].clone();
    }
    if from_end {
        ids.reverse();
    }
    ids
}

#[tokio::test]
async fn several_texts_that_are_no_instants_are_paginated_on_sqlite() {
    let server = start(Sqlite).await;
    let times = [
        "'zebra'",
        "'apple'",
        "'+1'",
        "'yesterday'",
        "'!'",
        "'2026-11-20T08:00:00+00:00'",
    ];
    for (number, time) in times.iter().enumerate() {
        let status = ["pending", "running"][number % 2];
        insert(&server, number, status, time, "'x'").await;
    }
    let descending = [0, 3, 1, 5, 2, 4].map(|number| json!(id(number)));
    let ascending: Vec<_> = descending.iter().rev().cloned().collect();
    for (list, expected) in [
        ("syncRuns(PAGE)", descending.to_vec()),
        (
            "syncRuns(filter: {status: [PENDING, RUNNING]}, PAGE)",
            descending.to_vec(),
        ),
        (
            "syncRuns(filter: {status: [PENDING, RUNNING]}, orderBy: {direction: ASC}, PAGE)",
            ascending,
        ),
        ("syncEvents(PAGE)", descending.to_vec()),
    ] {
        for from_end in [false, true] {
            let listed = paginated(&server, list, from_end).await;
            assert_eq!(listed, expected, "{list}, {from_end}");
        }
    }
}

#[tokio::test]
async fn texts_are_searched_beside_bytes_that_are_not_utf8_on_sqlite() {
    let server = start(DatabaseKind::Sqlite).await;
    let after = server.feed_cursor().await;
    for (number, text) in [
        "'Äpfel'",
        "CAST(x'ffc384' AS text)",
        "CAST(x'c3' AS text)",
        "x'c384'",
        "'A' || char(0) || 'ä'",
    ]
    .into_iter()
    .enumerate()
    {
        insert(
            &server,
            number,
            "failed",
            "'2026-11-20T08:00:00+00:00'",
            text,
        )
        .await;
    }
    let found = json!({"totalCount": 4});
    let search = "{ syncRuns(filter: {errorContains: \"ä\"}) { totalCount }
        syncEvents(filter: {messageContains: \"ä\"}) { totalCount } }";
    assert_eq!(
        server.data(search, json!({})).await,
        json!({"syncRuns": found, "syncEvents": found})
    );
    let watch = "subscription($after: String) { syncRunChanged(after: $after, filter: {errorContains: \"ä\"}) { run { id } } }";
    let mut socket = server.subscribe(watch, json!({"after": after})).await;
    for number in [0, 1, 3, 4] {
        assert_eq!(
            socket.data().await["syncRunChanged"]["run"]["id"],
            id(number)
        );
    }
}

/// Foreign keys are not enforced on SQLite unless a program asks for it.
#[tokio::test]
async fn events_of_a_run_that_does_not_exist_are_listed_on_sqlite() {
    let server = TestServer::start(Sqlite).await;
    let (deleted, other) = (
        server.create_stock_run().await,
        server.create_stock_run().await,
    );
    for run in [&deleted, &other] {
        server
            .add_events(run, json!([{"eventType": "a", "message": "b"}]))
            .await;
    }
    let sql = format!(
        "{} DELETE FROM sync_history WHERE id = {}",
        ignore_foreign_keys(&server),
        server.id_literal(&deleted)
    );
    server.execute_sql(&sql).await;
    let list =
        "{ syncEvents { nodes { run { id status errorMessage events { nodes { message } } } } } }";
    let events = json!({"nodes": [{"message": "b"}]});
    assert_eq!(
        server.data(list, json!({})).await["syncEvents"]["nodes"],
        json!([
            {"run": {"id": other, "status": "PENDING", "errorMessage": null, "events": events}},
            {"run": {"id": deleted, "status": "UNKNOWN", "errorMessage": "The run does not exist.", "events": events}},
        ])
    );
}
