//! Orders and pages of lists.

use std::time::Duration;

use crate::support::{DatabaseKind, TestServer, Value, apply, json, on_both_databases};

const PAGE: &str =
    "query($filter: SyncRunFilter, $order: SyncRunOrder, $first: Int, $after: String,
    $last: Int, $before: String) { syncRuns(filter: $filter, orderBy: $order, first: $first,
    after: $after, last: $last, before: $before) { edges { cursor node { id } } nodes { id }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }";

/// Starts a server with twelve runs: some unfinished, and several equal in every order.
async fn seed(database: DatabaseKind) -> TestServer {
    let server = TestServer::start(database).await;
    for index in 0..12 {
        let started = format!("2026-11-23T08:{:02}:00.000001Z", index / 3);
        let id = server
            .create_run(json!({"entityType": "STOCK", "source": "AS400", "startedAt": started}))
            .await;
        if index % 4 != 0 {
            let completed = format!("2026-11-23T08:{:02}:00.5Z", 10 + index / 2);
            let counts = json!({"recordsProcessed": index % 5, "recordsFailed": index % 2});
            server
                .complete_run(&id, json!({"completedAt": completed, "counts": counts}))
                .await;
        }
        server.clock.advance(Duration::from_millis(1));
    }
    server
}

fn ids(connection: &Value) -> Vec<String> {
    let nodes = connection["nodes"].as_array().unwrap();
    nodes
        .iter()
        .map(|node| node["id"].as_str().unwrap().to_owned())
        .collect()
}

#[apply(on_both_databases)]
#[tokio::test]
async fn pages_add_up_to_the_whole_list_in_every_order(
    database: DatabaseKind,
    #[values(
        "STARTED_AT",
        "COMPLETED_AT",
        "DURATION",
        "RECORDS_PROCESSED",
        "RECORDS_FAILED"
    )]
    field: &str,
    #[values("ASC", "DESC")] direction: &str,
) {
    let server = seed(database).await;
    let order = json!({"field": field, "direction": direction});
    let page = async |mut variables: Value| {
        variables["order"] = order.clone();
        server.data(PAGE, variables).await["syncRuns"].take()
    };
    let whole = page(json!({"first": 100})).await;
    assert_eq!(whole["pageInfo"]["hasNextPage"], false);
    assert_eq!(whole["pageInfo"]["hasPreviousPage"], false);
    let all = ids(&whole);
    assert_eq!(all.len(), 12);
    assert_ordered(&server, &all, field, direction).await;

    let mut forwards = Vec::new();
    let mut after = Value::Null;
    loop {
        let part = page(json!({"first": 5, "after": after})).await;
        forwards.extend(ids(&part));
        assert_eq!(part["pageInfo"]["hasPreviousPage"], !after.is_null());
        after = part["pageInfo"]["endCursor"].clone();
        if part["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    assert_eq!(forwards, all);

    let mut backwards = Vec::new();
    let mut before = Value::Null;
    loop {
        let part = page(json!({"last": 5, "before": before})).await;
        backwards.splice(0..0, ids(&part));
        assert_eq!(part["pageInfo"]["hasNextPage"], !before.is_null());
        before = part["pageInfo"]["startCursor"].clone();
        if part["pageInfo"]["hasPreviousPage"] == false {
            break;
        }
    }
    assert_eq!(backwards, all);

    let cursor = |index: usize| whole["edges"][index]["cursor"].clone();
    let between = page(json!({"after": cursor(2), "before": cursor(9)})).await;
    assert_eq!(ids(&between), all[3..9]);
    let last = page(json!({"after": cursor(2), "before": cursor(9), "last": 2})).await;
    assert_eq!(ids(&last), all[7..9]);
}

#[apply(on_both_databases)]
#[tokio::test]
async fn nested_users_and_events_belong_to_their_run(database: DatabaseKind) {
    let server = seed(database).await;
    let user = "0197d2c4-8a3e-7c1b-9f00-0000000000aa";
    server.add_user(user, "u@example.test", "U").await;
    for number in 0..4 {
        let run = server
            .create_run(json!({"entityType": "ORDER", "source": "API", "triggeredById": user}))
            .await;
        let event = |n| json!({"eventType": "chunk", "message": format!("{number}, {n}")});
        let events: Vec<_> = (0..=number).map(event).collect();
        server.add_events(&run, json!(events)).await;
    }
    let selection = "id triggeredBy { id email } events(PAGE) { nodes { message } pageInfo { hasNextPage hasPreviousPage } }
        others: events(first: 100, filter: {eventType: \"chunk\"}) { nodes { message } }";
    let filters = [
        "{}",
        "{entityType: ORDER}",
        "{status: [RUNNING, COMPLETED], source: [API, AS400]}",
        "{status: []}",
        "{not: {source: API}}",
    ];
    let orders = [
        "STARTED_AT",
        "COMPLETED_AT",
        "DURATION",
        "RECORDS_PROCESSED",
    ];
    let pages = [
        "first: 2",
        "last: 1",
        "last: 2, filter: {eventType: [\"chunk\", \"x\"]}",
    ];
    let mut seen = 0;
    for ((filter, order), events) in filters
        .iter()
        .flat_map(|filter| orders.map(|order| (filter, order)))
        .zip(pages.iter().cycle())
    {
        for direction in ["ASC", "DESC"] {
            for page in ["first: 9", "last: 9"] {
                let list = format!(
                    "syncRuns(filter: {filter}, orderBy: {{field: {order}, direction: {direction}}}, {page})"
                );
                let selection = selection.replace("PAGE", events);
                let query = format!(
                    "{{ alone: {list} {{ nodes {{ id }} }} along: {list} {{ nodes {{ {selection} }} edges {{ node {{ {selection} }} }} }} }}"
                );
                let found = server.data(&query, json!({})).await;
                let alone = ids(&found["alone"]);
                let each = format!(
                    "query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on SyncRun {{ {selection} }} }} }}"
                );
                let each = server.data(&each, json!({"ids": alone})).await;
                assert_eq!(found["along"]["nodes"], each["nodes"], "{query}");
                let edges = found["along"]["edges"].as_array().unwrap();
                let edges: Vec<_> = edges.iter().map(|edge| edge["node"].clone()).collect();
                assert_eq!(json!(edges), each["nodes"], "{query}");
                seen += alone.len();
            }
        }
    }
    assert!(seen > 400, "{seen}");
}

/// Nulls come last in both directions; ties are ordered by id.
async fn assert_ordered(server: &TestServer, ids: &[String], field: &str, direction: &str) {
    let mut keys = Vec::new();
    for id in ids {
        let run = server.get_run(id).await;
        let value = match field {
            "STARTED_AT" => run["startedAt"].clone(),
            "COMPLETED_AT" => run["completedAt"].clone(),
            "DURATION" => run["durationSeconds"].clone(),
            "RECORDS_PROCESSED" => run["recordsProcessed"].clone(),
            _ => run["recordsFailed"].clone(),
        };
        let number = value.as_f64().map(|number| format!("{number:020.6}"));
        let text = number.or_else(|| value.as_str().map(str::to_owned));
        keys.push((text.is_none(), text, id.clone()));
    }
    let mut sorted = keys.clone();
    sorted.sort_by(|one, other| {
        let (one_key, other_key) = ((&one.1, &one.2), (&other.1, &other.2));
        let by_key = if direction == "DESC" {
            other_key.cmp(&one_key)
        } else {
            one_key.cmp(&other_key)
        };
        one.0.cmp(&other.0).then(by_key)
    });
    assert_eq!(keys, sorted);
}

#[apply(on_both_databases)]
#[tokio::test]
async fn lists_default_to_the_25_newest(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let mut made = Vec::new();
    for _ in 0..30 {
        server.clock.advance(Duration::from_secs(1));
        made.push(server.create_stock_run().await);
    }
    made.reverse();
    let page = server.data(PAGE, json!({})).await;
    assert_eq!(ids(&page["syncRuns"]), made[..25]);
    assert_eq!(page["syncRuns"]["pageInfo"]["hasNextPage"], true);
}

#[apply(on_both_databases)]
#[tokio::test]
async fn counts_stop_at_their_limit(database: DatabaseKind) {
    let server = seed(database).await;
    let data = server
        .data("{ syncRuns { all: totalCount some: totalCount(upTo: 5) exactly: totalCount(upTo: 12) } }", json!({}))
        .await;
    assert_eq!(
        data["syncRuns"],
        json!({"all": 12, "some": 5, "exactly": 12})
    );
}

#[apply(on_both_databases)]
#[tokio::test]
async fn events_of_a_run_are_paginated_from_both_ends(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let run = server.create_stock_run().await;
    let events: Vec<Value> = (0..7)
        .map(|n| {
            json!({"eventType": "x", "message": n.to_string(),
        "timestamp": format!("2026-11-23T09:00:0{}Z", n / 2)})
        })
        .collect();
    server.add_events(&run, json!(events)).await;
    let data = server
        .data("query($id: ID!) { syncRun(id: $id) {
            head: events(first: 3) { nodes { message } pageInfo { endCursor hasNextPage } }
            tail: events(last: 3) { nodes { message } pageInfo { startCursor hasPreviousPage } totalCount }
            none: events(filter: {eventType: []}) { nodes { message } totalCount } } }", json!({"id": run}))
        .await;
    let messages = |connection: &Value| -> Vec<String> {
        connection["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|node| node["message"].as_str().unwrap().to_owned())
            .collect()
    };
    let run_data = &data["syncRun"];
    assert_eq!(messages(&run_data["head"]), ["0", "1", "2"]);
    assert_eq!(messages(&run_data["tail"]), ["4", "5", "6"]);
    assert_eq!(run_data["tail"]["totalCount"], 7);
    assert_eq!(run_data["none"], json!({"nodes": [], "totalCount": 0}));
    let rest = server
        .data(
            "query($id: ID!, $after: String, $before: String) { syncRun(id: $id) {
            events(after: $after, before: $before) { nodes { message } } } }",
            json!({"id": run, "after": run_data["head"]["pageInfo"]["endCursor"],
                "before": run_data["tail"]["pageInfo"]["startCursor"]}),
        )
        .await;
    assert_eq!(messages(&rest["syncRun"]["events"]), ["3"]);
}

#[apply(on_both_databases)]
#[tokio::test]
async fn fields_are_returned_in_request_order(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let request = json!({"query": "{ two: syncRuns { totalCount nodes { id } pageInfo { hasNextPage
        hasPreviousPage } } one: __typename }"});
    let response = server.post("application/json", request.to_string()).await;
    assert_eq!(
        response.text().await.unwrap(),
        r#"{"data":{"two":{"totalCount":0,"nodes":[],"pageInfo":{"hasNextPage":false,"hasPreviousPage":false}},"one":"Query"}}"#
    );
}

#[apply(on_both_databases)]
#[tokio::test]
async fn errors_propagate_to_the_nearest_nullable_field(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let response = server
        .execute("{ syncRun(id: \"x\") { id } __typename }", json!({}))
        .await;
    assert_eq!(
        response["data"],
        json!({"syncRun": null, "__typename": "Query"})
    );
    let response = server
        .execute("{ __typename syncRuns { totalCount(upTo: 0) } }", json!({}))
        .await;
    assert_eq!(
        response["data"],
        json!({"__typename": "Query", "syncRuns": {"totalCount": null}})
    );
    assert_eq!(
        response["errors"][0]["path"],
        json!(["syncRuns", "totalCount"])
    );
}
