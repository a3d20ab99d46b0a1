//! Numbered pages: `offset`, in every order, from both ends.

use std::time::Duration;

use crate::support::{DatabaseKind, TestServer, Value, apply, code, json, on_both_databases};

const RUNS: &str = "query($filter: SyncRunFilter, $order: SyncRunOrder, $first: Int, $last: Int, $offset: Int,
    $after: String, $before: String) { page: syncRuns(filter: $filter, orderBy: $order, first: $first, last: $last,
    offset: $offset, after: $after, before: $before) { edges { cursor node { id } } totalCount
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }";
const EVENTS: &str = "query($direction: OrderDirection! = DESC, $first: Int, $last: Int, $offset: Int,
    $after: String, $before: String) { page: syncEvents(direction: $direction, first: $first, last: $last,
    offset: $offset, after: $after, before: $before) { edges { cursor node { id } } totalCount
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }";

const COUNT: usize = 13;

/// Starts a server with runs, of which some are open, and as many events.
async fn seed(database: DatabaseKind) -> TestServer {
    let server = TestServer::start(database).await;
    for index in 0..COUNT {
        let source = ["AS400", "API", "FILE"][index % 3];
        let started = format!("2026-11-23T08:{:02}:00Z", index / 2);
        let id = server
            .create_run(json!({"entityType": "STOCK", "source": source, "startedAt": started}))
            .await;
        if index % 3 != 0 {
            let counts = json!({"recordsProcessed": index % 4});
            let completed = format!("2026-11-23T09:{:02}:00Z", index / 2);
            let outcome = json!({"completedAt": completed, "counts": counts});
            server.complete_run(&id, outcome).await;
        }
        let event = json!([{"eventType": "a", "message": "b", "timestamp": started}]);
        server.add_events(&id, event).await;
        server.clock.advance(Duration::from_millis(1));
    }
    server
}

/// Compares every page with the whole list, which is read by cursor.
async fn assert_pages(server: &TestServer, query: &str, list: &Value) {
    let page = async |mut variables: Value| {
        let object = variables.as_object_mut().unwrap();
        object.extend(list.as_object().unwrap().clone());
        server.data(query, variables).await["page"].take()
    };
    let whole = page(json!({"first": 100})).await;
    let all = whole["edges"].as_array().unwrap();
    for size in [0, 1, 5, 100] {
        for offset in [0, 1, 4, 5, 9, 12, 13, 14, 10_000] {
            for name in ["first", "last"] {
                let from_end = name == "last";
                let found = page(json!({name: size, "offset": offset})).await;
                let left = all.len().saturating_sub(offset);
                let (start, end) = if from_end {
                    (left.saturating_sub(size), left)
                } else {
                    let start = all.len() - left;
                    (start, (start + size).min(all.len()))
                };
                let context = format!("{list}, {name}: {size}, offset: {offset}: {found}");
                assert_eq!(found["edges"], json!(all[start..end]), "{context}");
                let has_previous = start > 0;
                let has_next = end < all.len();
                let expected = json!({
                    "hasPreviousPage": has_previous,
                    "hasNextPage": has_next,
                    "startCursor": all[start..end].first().map(|edge| edge["cursor"].clone()),
                    "endCursor": all[start..end].last().map(|edge| edge["cursor"].clone()),
                });
                assert_eq!(found["pageInfo"], expected, "{context}");
                assert_eq!(found["totalCount"], all.len(), "{context}");
            }
        }
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn every_numbered_page_is_that_part_of_the_list(database: DatabaseKind) {
    let server = seed(database).await;
    for order in [
        "STARTED_AT",
        "COMPLETED_AT",
        "DURATION",
        "RECORDS_PROCESSED",
        "STATUS",
        "SOURCE",
    ] {
        for direction in ["ASC", "DESC"] {
            let order = json!({"field": order, "direction": direction});
            assert_pages(&server, RUNS, &json!({"order": order})).await;
        }
    }
    for filter in [
        json!({"source": ["API", "FILE"]}),
        json!({"source": "FILE", "status": ["PENDING", "COMPLETED"]}),
        json!({"not": {"source": "API"}}),
        json!({"status": "FAILED"}),
        json!({"status": []}),
    ] {
        assert_pages(&server, RUNS, &json!({"filter": filter})).await;
        let order = json!({"field": "STATUS", "direction": "ASC"});
        assert_pages(&server, RUNS, &json!({"filter": filter, "order": order})).await;
    }
    for direction in ["ASC", "DESC"] {
        assert_pages(&server, EVENTS, &json!({"direction": direction})).await;
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn offset_is_bounded_and_excludes_cursors(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let id = server.create_stock_run().await;
    let event = json!([{"eventType": "a", "message": "b"}]);
    server.add_events(&id, event).await;
    for query in [RUNS, EVENTS] {
        let cursor = server.data(query, json!({})).await["page"]["edges"][0]["cursor"].take();
        for variables in [
            json!({"offset": -1}),
            json!({"offset": 10_001, "last": 5}),
            json!({"offset": 0, "after": cursor}),
            json!({"offset": 0, "first": 5, "after": cursor}),
            json!({"offset": 3, "last": 5, "before": cursor}),
        ] {
            let error = server.error(query, variables.clone()).await;
            assert_eq!(code(&error), "BAD_INPUT", "{variables}: {error}");
            let message = error["message"].as_str().unwrap();
            assert!(message.contains("offset"), "{message}");
        }
        for variables in [
            json!({"offset": 10_000}),
            json!({"offset": null, "after": cursor}),
            json!({"offset": 1, "after": null}),
        ] {
            let data = server.data(query, variables.clone()).await;
            assert_eq!(data["page"]["edges"], json!([]), "{variables}");
        }
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn events_are_listed_in_both_directions(database: DatabaseKind) {
    let server = seed(database).await;
    let list = async |variables: Value| {
        let data = server.data(EVENTS, variables).await;
        let edges = data["page"]["edges"].as_array().unwrap().clone();
        edges
            .iter()
            .map(|edge| edge["node"]["id"].clone())
            .collect::<Vec<_>>()
    };
    let newest = list(json!({})).await;
    assert_eq!(newest.len(), COUNT);
    let mut oldest = list(json!({"direction": "ASC"})).await;
    oldest.reverse();
    assert_eq!(newest, oldest);
    assert_eq!(list(json!({"direction": "DESC"})).await, newest);
    let mut last = list(json!({"direction": "ASC", "last": 4})).await;
    last.reverse();
    assert_eq!(last, newest[..4]);
}
