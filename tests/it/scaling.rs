//! Lists that cost the same however many runs there are: what the database does for each of them.

use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};

use crate::{
    query_plans::grown,
    support::{DatabaseKind, Options, Postgres, TestServer, Value, apply, json, on_both_databases},
};

/// Rows of a page of the default size, and the one that tells of more.
const PAGE: f64 = 26.0;
const ORDERS: [(&str, &str); 5] = [
    (
        "STARTED_AT",
        "startedAt: {gte: \"2026-01-03T00:00:00Z\", lt: \"2026-01-13T00:00:00Z\"}",
    ),
    (
        "COMPLETED_AT",
        "completedAt: {gte: \"2026-01-03T00:00:00Z\", lt: \"2026-01-13T00:00:00Z\"}",
    ),
    ("DURATION", "durationSeconds: {gte: 100, lte: 300}"),
    (
        "RECORDS_PROCESSED",
        "recordsProcessed: {gte: 1000, lte: 4000}",
    ),
    ("RECORDS_FAILED", "recordsFailed: {gte: 100, lte: 400}"),
];

/// A list: its filter, and its order.
struct Shape {
    filter: String,
    field: &'static str,
    direction: &'static str,
}

/// All that the README says to cost the same.
fn shapes() -> Vec<Shape> {
    let user = "triggeredById: \"0197d2c4-8a3e-7c1b-9f00-000000000001\"";
    let words = [
        "",
        "status: FAILED",
        "status: COMPLETED",
        "source: AS400",
        "entityType: STOCK",
        user,
        "status: FAILED, source: AS400",
        "status: COMPLETED, source: API",
        // There are none: the failed are of other types.
        "status: FAILED, entityType: STOCK",
        "status: RUNNING, entityType: MEASUREMENT",
        "entityType: STOCK, source: AS400",
        "status: [PENDING, RUNNING]",
        "status: [FAILED, RUNNING], source: [AS400, API]",
    ];
    let mut shapes = Vec::new();
    for (field, range) in ORDERS {
        for direction in ["ASC", "DESC"] {
            for words in words {
                if !words.is_empty() && field != "STARTED_AT" {
                    continue;
                }
                for range in ["", range] {
                    let filter = format!("{words}, {range}");
                    shapes.push(Shape {
                        filter,
                        field,
                        direction,
                    });
                }
            }
        }
    }
    shapes
}

impl Shape {
    fn list(&self, page: &str, select: &str) -> String {
        let Self {
            filter,
            field,
            direction,
        } = self;
        format!(
            "{{ syncRuns(filter: {{{filter}}}, orderBy: {{field: {field}, direction: {direction}}}{page}) \
             {{ {select} }} }}"
        )
    }

    /// The first page, one in the middle in either direction, the last, and the number of all.
    fn pages(&self, middle: &str) -> Vec<String> {
        let place = |side| format!(", {side}: \"{middle}\"");
        let pages = [
            String::new(),
            place("after"),
            format!(", last: 25{}", place("before")),
            ", last: 25".to_owned(),
        ];
        let lists = pages.iter().map(|page| self.list(page, "nodes { id }"));
        lists.chain([self.list("", "totalCount")]).collect()
    }
}

/// A cursor somewhere in the middle of the list of all in this order.
async fn middle(server: &TestServer, field: &str) -> String {
    let few = "startedAt: {gte: \"2026-01-07T22:00:00Z\", lt: \"2026-01-07T22:10:00Z\"}";
    let query = format!(
        "{{ syncRuns(filter: {{{few}}}, orderBy: {{field: {field}}}) {{ edges {{ cursor }} }} }}"
    );
    let data = server.data(&query, json!({})).await;
    let cursor = &data["syncRuns"]["edges"][5]["cursor"];
    cursor.as_str().unwrap().to_owned()
}

#[apply(on_both_databases)]
#[tokio::test]
async fn indexed_pages_and_counts_read_no_more_than_they_return(database: DatabaseKind) {
    let server = grown(database, Options::default()).await;
    let connection = as_the_server(&server, database).await;
    let mut wrong = Vec::new();
    let nested =
        "{ syncRuns(first: 20) { nodes { events(first: 10) { totalCount nodes { id } } } } }";
    let mut queries = vec![nested.to_owned()];
    for (field, _) in ORDERS {
        let middle = middle(&server, field).await;
        let shapes = shapes().into_iter().filter(|shape| shape.field == field);
        queries.extend(shapes.flat_map(|shape| shape.pages(&middle)));
    }
    for query in queries {
        let (statements, _) = server
            .record_statements(server.data(&query, json!({})))
            .await;
        for statement in statements {
            let found = if database == Postgres {
                wrong_on_postgres(&connection, &statement).await
            } else {
                wrong_on_sqlite(&connection, &statement).await
            };
            wrong.extend(found.map(|found| format!("{query}\n{statement}\n{found}")));
        }
    }
    let count = wrong.len();
    assert!(wrong.is_empty(), "{count}\n{}", wrong.join("\n\n"));
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_filter_by_several_enum_values_is_paginated_as_one_list(database: DatabaseKind) {
    let server = grown(database, Options::default()).await;
    let day = "startedAt: {gte: \"2026-01-05T00:00:00Z\", lt: \"2026-01-05T04:00:00Z\"}";
    let merged = format!("status: [RUNNING, FAILED, RUNNING], source: [API, AS400, FILE], {day}");
    // The same, by which no index is asked for.
    let searched = format!("not: {{not: {{{merged}}}}}, {day}");
    let forth = ("first: 7, after", "endCursor", "hasNextPage");
    let back = ("last: 7, before", "startCursor", "hasPreviousPage");
    let mut found = Vec::new();
    for filter in [merged, searched] {
        for direction in ["ASC", "DESC"] {
            for (page, cursor, more) in [forth, back] {
                let query = format!(
                    "query($place: String) {{ syncRuns(filter: {{{filter}}}, {page}: $place, \
                     orderBy: {{field: STARTED_AT, direction: {direction}}}) {{ totalCount \
                     nodes {{ id status }} pageInfo {{ {cursor} {more} }} }} }}"
                );
                let mut place = Value::Null;
                loop {
                    let mut list =
                        server.data(&query, json!({"place": place})).await["syncRuns"].take();
                    place = list["pageInfo"][cursor].take();
                    let goes_on = list["pageInfo"][more] == true;
                    found.push(list);
                    if !goes_on {
                        break;
                    }
                }
            }
        }
    }
    let (merged, searched) = found.split_at(found.len() / 2);
    assert!(merged.len() > 8, "{}", merged.len());
    assert_eq!(merged, searched);
}

/// A connection with the settings of the server's own.
async fn as_the_server(server: &TestServer, database: DatabaseKind) -> DatabaseConnection {
    let connection = server.external_connection().await;
    if database == Postgres {
        let settings = "SET search_path = sync_history; SET jit = off; \
            SET max_parallel_workers_per_gather = 0; SET enable_seqscan = off; \
            SET seq_page_cost = 0.1; SET random_page_cost = 0.1";
        connection.execute_unprepared(settings).await.unwrap();
    }
    connection
}

async fn wrong_on_postgres(connection: &DatabaseConnection, statement: &str) -> Option<String> {
    let explain = format!("EXPLAIN (ANALYZE, FORMAT JSON) {statement}");
    let explain = Statement::from_string(connection.get_database_backend(), explain);
    let row = connection.query_one_raw(explain).await.unwrap().unwrap();
    let plan: Value = row.try_get("", "QUERY PLAN").unwrap();
    let mut seen = Seen::default();
    seen.add(&plan[0]["Plan"], false);
    let reads_more = seen.read > 3.0 * seen.returned + 10.0;
    (reads_more || seen.scans || seen.sorted > PAGE).then(|| format!("{seen:?}\n{plan:#}"))
}

/// What a plan did.
#[derive(Debug, Default)]
struct Seen {
    read: f64,
    returned: f64,
    sorted: f64,
    scans: bool,
}

impl Seen {
    fn add(&mut self, node: &Value, is_limited: bool) {
        let number = |name: &str| node[name].as_f64().unwrap_or_default();
        let loops = number("Actual Loops");
        let rows = number("Actual Rows") * loops;
        let is = node["Node Type"].as_str().unwrap();
        let table = node["Relation Name"].as_str().unwrap_or_default();
        if table.starts_with("sync_") || is == "Bitmap Index Scan" {
            let removed = ["Rows Removed by Filter", "Rows Removed by Index Recheck"];
            let removed: f64 = removed.iter().map(|name| number(name)).sum();
            self.read += rows + removed * loops;
            self.scans |= is == "Seq Scan";
        }
        let is_limit = is == "Limit";
        if is_limit && !is_limited {
            self.returned += rows;
        }
        for child in node["Plans"].as_array().into_iter().flatten() {
            if is.contains("Sort") {
                let sorted = child["Actual Rows"].as_f64().unwrap();
                self.sorted = self.sorted.max(sorted);
            }
            self.add(child, is_limited || is_limit);
        }
    }
}

async fn wrong_on_sqlite(connection: &DatabaseConnection, statement: &str) -> Option<String> {
    let explain = format!("EXPLAIN QUERY PLAN {statement}");
    let explain = Statement::from_string(connection.get_database_backend(), explain);
    let rows = connection.query_all_raw(explain).await.unwrap();
    let lines: Vec<String> = rows
        .iter()
        .map(|row| row.try_get("", "detail").unwrap())
        .collect();
    // To walk along an index is right for a page of all alone.
    let is_of_all = statement.contains(" WHERE TRUE ");
    let is_wrong = lines.iter().any(|line| {
        let walks = line.starts_with("SCAN sync_");
        line.contains("TEMP B-TREE") || walks && !(is_of_all && line.contains("INDEX"))
    });
    is_wrong.then(|| lines.join("\n"))
}
