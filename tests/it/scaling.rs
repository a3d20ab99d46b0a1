//! Lists whose cost is independent of the number of runs: plans of all documented filters and orders.

use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};

use crate::{
    query_plans::start_with_20_000_runs,
    support::{DatabaseKind, Options, Postgres, TestServer, Value, apply, json, on_both_databases},
};

/// Rows of a page of the default size, and one more for `hasNextPage`.
const PAGE: f64 = 26.0;
const STARTED_AT: &str = "startedAt: {gte: \"2026-01-03T00:00:00Z\", lt: \"2026-01-13T00:00:00Z\"}";
const ORDERS: [(&str, &str); 8] = [
    ("STARTED_AT", STARTED_AT),
    ("STATUS", STARTED_AT),
    ("ENTITY_TYPE", STARTED_AT),
    ("SOURCE", STARTED_AT),
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

/// A list with a filter and an order.
struct List {
    filter: String,
    field: &'static str,
    direction: &'static str,
}

/// A query of a list.
struct Query {
    text: String,
    /// Whether it reads from one end of all runs: then it walks along an index without a search term.
    is_walk: bool,
    /// The number of lists that it combines: each is read to the depth of the page.
    lists: f64,
}

/// All lists whose cost is documented to be independent of the number of runs.
fn lists() -> Vec<List> {
    let user = "triggeredById: \"0197d2c4-8a3e-7c1b-9f00-000000000001\"";
    let filters = [
        "",
        "status: FAILED",
        "status: COMPLETED",
        "source: AS400",
        "entityType: STOCK",
        user,
        "status: FAILED, source: AS400",
        "status: COMPLETED, source: API",
        // Matches nothing: failed runs have other types.
        "status: FAILED, entityType: STOCK",
        "status: RUNNING, entityType: MEASUREMENT",
        "entityType: STOCK, source: AS400",
        "status: [PENDING, RUNNING]",
        "status: [FAILED, RUNNING], source: [AS400, API]",
    ];
    let mut lists = Vec::new();
    for (field, range) in ORDERS {
        for direction in ["ASC", "DESC"] {
            for filter in filters {
                if !filter.is_empty() && field != "STARTED_AT" {
                    continue;
                }
                for range in ["", range] {
                    let filter = [filter, range].join(" ").trim().to_owned();
                    lists.push(List {
                        filter,
                        field,
                        direction,
                    });
                }
            }
        }
    }
    lists
}

impl List {
    fn query(&self, page: &str, select: &str) -> String {
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

    /// Queries of the first page, of a middle page in both directions, of the last page and of the count.
    fn queries(&self, middle: &str) -> Vec<Query> {
        let is_unfiltered = self.filter.is_empty();
        let groups = match self.field {
            "STATUS" | "SOURCE" => 6.0,
            "ENTITY_TYPE" => 9.0,
            "COMPLETED_AT" | "DURATION" => 2.0,
            _ => 1.0,
        };
        let is_list = |filter: &str| self.filter.contains(filter);
        let values = [is_list("status: ["), is_list("source: [")];
        let values = values.map(|is_list| if is_list { 2.0 } else { 1.0 });
        let lists = groups * values[0] * values[1];
        let query = |page: &str, select: &str, is_walk: bool| Query {
            text: self.query(page, select),
            is_walk,
            lists,
        };
        vec![
            query("", "nodes { id }", is_unfiltered),
            query(&format!(", after: \"{middle}\""), "nodes { id }", false),
            query(
                &format!(", last: 25, before: \"{middle}\""),
                "nodes { id }",
                false,
            ),
            query(", last: 25", "nodes { id }", is_unfiltered),
            query("", "totalCount", is_unfiltered),
        ]
    }
}

/// Returns a cursor in the middle of the list of all runs in this order.
async fn middle_cursor(server: &TestServer, field: &str) -> String {
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
    let server = start_with_20_000_runs(database, Options::default()).await;
    let connection = connection_with_server_settings(&server, database).await;
    let mut wrong = Vec::new();
    let nested =
        "{ syncRuns(first: 20) { nodes { events(first: 10) { totalCount nodes { id } } } } }";
    let mut queries = vec![Query {
        text: nested.to_owned(),
        is_walk: true,
        lists: 1.0,
    }];
    for (field, _) in ORDERS {
        let middle = middle_cursor(&server, field).await;
        let lists = lists().into_iter().filter(|list| list.field == field);
        queries.extend(lists.flat_map(|list| list.queries(&middle)));
    }
    for query in queries {
        let text = &query.text;
        let (statements, _) = server.record_statements(server.data(text, json!({}))).await;
        for statement in statements {
            let found = if database == Postgres {
                wrong_on_postgres(&connection, &statement, query.lists).await
            } else {
                wrong_on_sqlite(&connection, &statement, &query).await
            };
            wrong.extend(found.map(|found| format!("{text}\n{statement}\n{found}")));
        }
    }
    let count = wrong.len();
    assert!(wrong.is_empty(), "{count}\n{}", wrong.join("\n\n"));
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_filter_by_several_enum_values_is_paginated_as_one_list(database: DatabaseKind) {
    let server = start_with_20_000_runs(database, Options::default()).await;
    let day = "startedAt: {gte: \"2026-01-05T00:00:00Z\", lt: \"2026-01-05T04:00:00Z\"}";
    let indexed = format!("status: [RUNNING, FAILED, RUNNING], source: [API, AS400, FILE], {day}");
    // The same filter in a form that uses no index.
    let unindexed = format!("not: {{not: {{{indexed}}}}}, {day}");
    let forwards = ("first: 7, after", "endCursor", "hasNextPage");
    let backwards = ("last: 7, before", "startCursor", "hasPreviousPage");
    let mut found = Vec::new();
    for filter in [indexed, unindexed] {
        for direction in ["ASC", "DESC"] {
            for (page, end, more) in [forwards, backwards] {
                let query = format!(
                    "query($cursor: String) {{ syncRuns(filter: {{{filter}}}, {page}: $cursor, \
                     orderBy: {{field: STARTED_AT, direction: {direction}}}) {{ totalCount \
                     nodes {{ id status }} pageInfo {{ {end} {more} }} }} }}"
                );
                let mut cursor = Value::Null;
                loop {
                    let mut list =
                        server.data(&query, json!({"cursor": cursor})).await["syncRuns"].take();
                    cursor = list["pageInfo"][end].take();
                    let has_more = list["pageInfo"][more] == true;
                    found.push(list);
                    if !has_more {
                        break;
                    }
                }
            }
        }
    }
    let (indexed, unindexed) = found.split_at(found.len() / 2);
    assert!(indexed.len() > 8, "{}", indexed.len());
    assert_eq!(indexed, unindexed);
}

/// Opens a connection with the settings of the server.
async fn connection_with_server_settings(
    server: &TestServer,
    database: DatabaseKind,
) -> DatabaseConnection {
    let connection = server.external_connection().await;
    if database == Postgres {
        let settings = "SET search_path = sync_history; SET jit = off; \
            SET max_parallel_workers_per_gather = 0; SET enable_seqscan = off; \
            SET seq_page_cost = 0.1; SET random_page_cost = 0.1";
        connection.execute_unprepared(settings).await.unwrap();
    }
    connection
}

/// Returns the plan if it reads many more rows than it returns, scans a table, or sorts more than a page of each list.
async fn wrong_on_postgres(
    connection: &DatabaseConnection,
    statement: &str,
    lists: f64,
) -> Option<String> {
    let explain = format!("EXPLAIN (ANALYZE, FORMAT JSON) {statement}");
    let explain = Statement::from_string(connection.get_database_backend(), explain);
    let row = connection.query_one_raw(explain).await.unwrap().unwrap();
    let plan: Value = row.try_get("", "QUERY PLAN").unwrap();
    let mut stats = PlanStats::default();
    stats.add(&plan[0]["Plan"], false);
    // The rows of the page are looked up once those of all lists are merged.
    let reads_more = stats.read > (3.0 * stats.returned).max((lists + 1.0) * PAGE) + 10.0;
    (reads_more || stats.scans || stats.sorted > lists * PAGE)
        .then(|| format!("{stats:?}\n{plan:#}"))
}

/// Row counts of an executed plan.
#[derive(Debug, Default)]
struct PlanStats {
    read: f64,
    returned: f64,
    sorted: f64,
    scans: bool,
}

impl PlanStats {
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

/// Returns the plan if it sorts or scans a table. Right are a walk along an index from one end of all runs, and a sort of
/// what was read of several lists.
async fn wrong_on_sqlite(
    connection: &DatabaseConnection,
    statement: &str,
    query: &Query,
) -> Option<String> {
    let explain = format!("EXPLAIN QUERY PLAN {statement}");
    let explain = Statement::from_string(connection.get_database_backend(), explain);
    let rows = connection.query_all_raw(explain).await.unwrap();
    let lines: Vec<String> = rows
        .iter()
        .map(|row| row.try_get("", "detail").unwrap())
        .collect();
    let is_wrong = lines.iter().any(|line| {
        let scans = line.starts_with("SCAN sync_");
        let sorts = line.contains("TEMP B-TREE");
        sorts && query.lists < 2.0 || scans && !(query.is_walk && line.contains("INDEX"))
    });
    is_wrong.then(|| lines.join("\n"))
}
