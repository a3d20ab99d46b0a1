//! Events.

use super::{
    BAD,
    cases::{FIRST, LAST},
    ignore_foreign_keys, start,
};
use crate::support::{
    DatabaseKind, Postgres, Sqlite, TestServer, Value, apply, json, on_both_databases,
};

/// Column, stored value, and the value of the API.
type Case = (&'static str, &'static str, &'static str);

const POSTGRES: &[Case] = &[
    ("timestamp", "'infinity'", LAST),
    ("timestamp", "'-infinity'", FIRST),
    ("timestamp", "'294276-12-31 23:59:59Z'", LAST),
];

const SQLITE: &[Case] = &[
    ("timestamp", "'yesterday'", LAST),
    ("timestamp", "x'ff'", LAST),
    ("timestamp", "'!'", FIRST),
    ("event_type", "x'61ff'", "a\u{fffd}"),
    ("message", "CAST(x'61ff' AS text)", "a\u{fffd}"),
    ("message", "x'61ff'", "a\u{fffd}"),
];

#[apply(on_both_databases)]
#[tokio::test]
async fn an_event_with_a_value_that_cannot_be_represented_is_served(database: DatabaseKind) {
    let server = start(database).await;
    let run = server.create_stock_run().await;
    let event = json!({"eventType": "a", "message": "b"});
    server.add_events(&run, json!([event, event])).await;
    let watch = "subscription($id: ID!) { syncEventAdded(runId: $id) { event { id } } }";
    let mut socket = server.subscribe(watch, json!({"id": run})).await;
    for _ in 0..2 {
        socket.data().await;
    }
    let cases = match database {
        Postgres => POSTGRES,
        Sqlite => SQLITE,
    };
    for (column, literal, expected) in cases {
        let name = format!("{column} = {literal}");
        insert(&server, &run, column, literal).await;
        let events = "{ syncEvents { totalCount nodes { id event_type: eventType timestamp message } }
            syncRuns { nodes { events { nodes { id event_type: eventType timestamp message } } } } }";
        let data = server.data(events, json!({})).await;
        assert_eq!(data["syncEvents"]["totalCount"], 3, "{name}");
        let of_run = &data["syncRuns"]["nodes"][0]["events"]["nodes"];
        for nodes in [&data["syncEvents"]["nodes"], of_run] {
            let nodes = nodes.as_array().unwrap();
            assert_eq!(nodes.len(), 3, "{name}");
            let event = nodes.iter().find(|node| node["id"] == BAD).unwrap();
            assert_eq!(event[column], *expected, "{name}: {event}");
        }
        for (page, cursor) in [
            ("first: 1, after: $cursor", "endCursor"),
            ("last: 1, before: $cursor", "startCursor"),
        ] {
            let selected = format!("nodes {{ id }} pageInfo {{ cursor: {cursor} }}");
            let of_all = format!("page: syncEvents({page}) {{ {selected} }}");
            let of_run = format!("syncRun(id: $id) {{ page: events({page}) {{ {selected} }} }}");
            for list in [of_all, of_run] {
                assert_eq!(
                    paginated_ids(&server, &run, &list).await,
                    3,
                    "{name}: {list}"
                );
            }
        }
        let added = socket.data().await;
        assert_eq!(added["syncEventAdded"]["event"]["id"], BAD, "{name}");
        let (table, id) = (server.table("sync_event"), server.id_literal(BAD));
        server
            .execute_sql(&format!("DELETE FROM {table} WHERE id = {id}"))
            .await;
    }
}

/// Stores an event with a value in one column, which SQLite's trigger does not convert.
async fn insert(server: &TestServer, run: &str, column: &str, literal: &str) {
    let mut columns = vec![
        ("event_type", "'a'"),
        ("timestamp", "'2026-11-20T08:00:00+00:00'"),
        ("message", "'b'"),
    ];
    columns.retain(|(name, _)| *name != column);
    columns.push((column, literal));
    let (names, values): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    let sql = format!(
        "{} INSERT INTO {} (id, sync_id, {}) VALUES ({}, {}, {})",
        ignore_foreign_keys(server),
        server.table("sync_event"),
        names.join(", "),
        server.id_literal(BAD),
        server.id_literal(run),
        values.join(", ")
    );
    server.execute_sql(&sql).await;
}

/// Returns the number of different events in a list that is read in pages of one.
async fn paginated_ids(server: &TestServer, run: &str, list: &str) -> usize {
    let query = format!("query($cursor: String, $id: ID!) {{ node(id: $id) {{ id }} {list} }}");
    let (mut ids, mut cursor) = (std::collections::HashSet::new(), Value::Null);
    for _ in 0..4 {
        let data = server
            .data(&query, json!({"id": run, "cursor": cursor}))
            .await;
        let page = data.get("page").unwrap_or(&data["syncRun"]["page"]);
        let nodes = page["nodes"].as_array().unwrap();
        ids.extend(nodes.iter().map(|node| node["id"].to_string()));
        cursor = page["pageInfo"]["cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    ids.len()
}
