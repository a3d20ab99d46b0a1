//! Lists ordered by status, entity type and source: by name, then newest first.

use std::cmp::Ordering;

use crate::support::{DatabaseKind, TestServer, Value, apply, json, on_both_databases};

const PAGE: &str = "query($filter: SyncRunFilter, $order: SyncRunOrder, $first: Int, $after: String, $last: Int,
    $before: String, $offset: Int) { syncRuns(filter: $filter, orderBy: $order, first: $first, after: $after,
    last: $last, before: $before, offset: $offset) { totalCount edges { cursor node { id status entityType source startedAt
    triggeredBy { id } events(first: 1) { nodes { id } } } } pageInfo { hasNextPage hasPreviousPage } } }";
const ORDERS: [(&str, &str); 3] = [
    ("STATUS", "status"),
    ("ENTITY_TYPE", "entityType"),
    ("SOURCE", "source"),
];

/// Starts a server with runs that another program wrote, of which some have unknown values and many the same start.
async fn seed(database: DatabaseKind) -> TestServer {
    let server = TestServer::start(database).await;
    let statuses = [
        "completed",
        "failed",
        "archived",
        "running",
        "pending",
        "cancelled",
        "zzz",
        "completed",
    ];
    let entity_types = [
        "stock",
        "order",
        "pricing",
        "autocare",
        "product",
        "customer",
        "manufacturer",
        "measurement",
        "",
        "STOCK",
    ];
    let sources = ["as400", "file", "filemaker", "api", "external", "m\u{fc}ll"];
    let mut sql = String::new();
    for number in 0..60_usize {
        let insert = format!(
            "INSERT INTO {} (id, entity_type, source, status, started_at, records_processed, records_created,
                records_updated, records_failed)
            VALUES ({}, '{}', '{}', '{}', '2026-11-23T08:0{}:00+00:00', 0, 0, 0, 0);",
            server.table("sync_history"),
            server.id_literal(&format!("{:08x}-0000-4000-8000-000000000000", number * 7919 % 65_537)),
            entity_types[number * 3 % entity_types.len()],
            sources[number * 5 % 13 % sources.len()],
            statuses[number * 7 % 11 % statuses.len()],
            number % 4,
        );
        sql.push_str(&insert);
    }
    server.execute_sql(&sql).await;
    server
}

/// Compares two runs: by name, unknown last, then newest first.
fn compare(field: &str, descending: bool, one: &Value, other: &Value) -> Ordering {
    let (one_name, other_name) = (one[field].as_str().unwrap(), other[field].as_str().unwrap());
    let unknown = (one_name == "UNKNOWN").cmp(&(other_name == "UNKNOWN"));
    let by_name = if descending {
        other_name.cmp(one_name)
    } else {
        one_name.cmp(other_name)
    };
    let newest = |run: &Value| (run["startedAt"].to_string(), run["id"].to_string());
    unknown
        .then(by_name)
        .then_with(|| newest(other).cmp(&newest(one)))
}

fn nodes(list: &Value) -> Vec<Value> {
    let edges = list["edges"].as_array().unwrap();
    edges.iter().map(|edge| edge["node"].clone()).collect()
}

/// Reads a list in pages, from its beginning or its end.
async fn paginate(server: &TestServer, list: &Value, from_end: bool) -> Vec<Value> {
    let (size, cursor, more) = if from_end {
        ("last", "before", "hasPreviousPage")
    } else {
        ("first", "after", "hasNextPage")
    };
    let (mut rows, mut variables) = (Vec::new(), list.clone());
    variables[size] = json!(7);
    loop {
        let page = server.data(PAGE, variables.clone()).await["syncRuns"].take();
        let edges = page["edges"].as_array().unwrap();
        let next = if from_end {
            edges.first()
        } else {
            edges.last()
        };
        variables[cursor] = next.map_or(Value::Null, |edge| edge["cursor"].clone());
        rows = if from_end {
            [nodes(&page), rows].concat()
        } else {
            [rows, nodes(&page)].concat()
        };
        if page["pageInfo"][more] == false {
            return rows;
        }
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn runs_are_ordered_by_name_then_newest_first(database: DatabaseKind) {
    let server = seed(database).await;
    let filters = [
        json!({}),
        json!({"source": "API"}),
        json!({"status": ["FAILED", "COMPLETED"], "startedAt": {"gte": "2026-11-23T08:01:00Z"}}),
        json!({"entityType": ["STOCK", "ORDER", "PRICING"], "status": "COMPLETED"}),
        json!({"status": ["FAILED", "UNKNOWN"], "entityType": ["STOCK", "UNKNOWN"]}),
        json!({"not": {"source": ["API", "UNKNOWN"]}}),
        json!({"triggeredById": []}),
    ];
    let mut seen = 0;
    for filter in filters {
        let plain = server
            .data(PAGE, json!({"filter": filter, "first": 100}))
            .await;
        for ((order, field), direction) in ORDERS
            .iter()
            .flat_map(|order| [(order, "ASC"), (order, "DESC")])
        {
            let mut expected = nodes(&plain["syncRuns"]);
            expected.sort_by(|one, other| compare(field, direction == "DESC", one, other));
            let list = json!({"filter": filter, "order": {"field": order, "direction": direction}});
            for from_end in [false, true] {
                let found = paginate(&server, &list, from_end).await;
                assert_eq!(found, expected, "{list}, {from_end}");
            }
            for offset in [1, 8, 31, expected.len()] {
                let mut page = list.clone();
                (page["offset"], page["first"]) = (json!(offset), json!(20));
                let data = server.data(PAGE, page).await;
                let found = nodes(&data["syncRuns"]);
                let start = offset.min(expected.len());
                let end = (offset + 20).min(expected.len()).max(start);
                assert_eq!(found, expected[start..end], "{list}, {offset}");
                assert_eq!(data["syncRuns"]["totalCount"], expected.len());
            }
            seen += expected.len();
        }
    }
    assert!(seen > 500, "{seen}");
}

/// A cursor stays where it is when the run that it names moves to another group.
#[apply(on_both_databases)]
#[tokio::test]
async fn a_cursor_keeps_its_place_when_its_run_moves(database: DatabaseKind) {
    let server = seed(database).await;
    let order = json!({"field": "STATUS", "direction": "ASC"});
    let whole = server
        .data(PAGE, json!({"order": order, "first": 100}))
        .await["syncRuns"]
        .take();
    let edges = whole["edges"].as_array().unwrap();
    let run = edges
        .iter()
        .position(|edge| edge["node"]["status"] == "FAILED")
        .unwrap();
    let update = format!(
        "UPDATE {} SET status = 'completed' WHERE id = {}",
        server.table("sync_history"),
        server.id_literal(edges[run]["node"]["id"].as_str().unwrap())
    );
    server.execute_sql(&update).await;
    let after = json!({"order": order, "first": 100, "after": edges[run]["cursor"]});
    let rest = server.data(PAGE, after).await["syncRuns"].take();
    assert_eq!(json!(nodes(&rest)), json!(nodes(&whole)[run + 1..]));
}

/// More unknown texts than are listed one after the other.
#[apply(on_both_databases)]
#[tokio::test]
async fn any_number_of_unknown_names_is_listed(database: DatabaseKind) {
    let server = seed(database).await;
    let sql = format!(
        "UPDATE {} SET status = status || records_processed || started_at",
        server.table("sync_history")
    );
    // At most 20 characters on PostgreSQL.
    let sql = if server.is_on_postgres() {
        format!(
            "UPDATE {} SET status = left(id::text, 8)",
            server.table("sync_history")
        )
    } else {
        sql
    };
    server.execute_sql(&sql).await;
    let list = json!({"order": {"field": "STATUS", "direction": "ASC"}});
    let mut expected = nodes(&server.data(PAGE, json!({"first": 100})).await["syncRuns"]);
    assert_eq!(expected.len(), 60);
    assert!(expected.iter().all(|run| run["status"] == "UNKNOWN"));
    expected.sort_by(|one, other| compare("status", false, one, other));
    for from_end in [false, true] {
        assert_eq!(paginate(&server, &list, from_end).await, expected);
    }
}
