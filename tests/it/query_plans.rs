//! Statements of lists: no N+1 queries, and an index for every documented filter and order.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use sync_history::runs::failures::Fingerprint;

use crate::support::{
    DatabaseKind, Options, Postgres, TestServer, Value, apply, json, on_both_databases,
};

/// A selection with users and events.
const NESTED: &str = "id triggeredBy { email } events(first: 10) { nodes { message } }";

#[apply(on_both_databases)]
#[tokio::test]
async fn runs_with_users_and_events_are_read_in_one_statement(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let mut users = Vec::new();
    for number in 0..5 {
        let user = format!("0197d2c4-8a3e-7c1b-9f00-00000000000{number}");
        let email = format!("u{number}@example.test");
        server.add_user(&user, &email, "U").await;
        users.push(user);
    }
    for number in 0..20 {
        let run = server
            .create_run(json!({"entityType": "STOCK", "source": "AS400", "triggeredById": users[number % 5]}))
            .await;
        let events = vec![json!({"eventType": "chunk", "message": "x"}); 12];
        server.add_events(&run, json!(events)).await;
    }
    let query = "{ syncRuns(first: 20) { nodes { id triggeredBy { email } events(first: 10) {
        nodes { message run { id } } pageInfo { hasNextPage } } } } }";
    let with_runs = query;
    let without_runs = query.replace("run { id }", "");
    for (query, expected) in [(without_runs.as_str(), 1), (with_runs, 2)] {
        let (statements, data) = server
            .record_statements(server.data(query, json!({})))
            .await;
        assert_eq!(statements.len(), expected, "{statements:#?}");
        let nodes = data["syncRuns"]["nodes"].as_array().unwrap();
        assert_eq!(nodes.len(), 20);
        assert!(
            nodes
                .iter()
                .all(|node| node["events"]["nodes"].as_array().unwrap().len() == 10)
        );
        assert!(
            nodes
                .iter()
                .all(|node| node["events"]["pageInfo"]["hasNextPage"] == true)
        );
    }
    let one = "query($id: ID!) { syncRun(id: $id) { triggeredBy { id } a: events { nodes { id } }
        b: events(last: 1) { nodes { id } } } }";
    let run = server.create_stock_run().await;
    let (statements, _) = server
        .record_statements(server.data(one, json!({"id": run})))
        .await;
    assert_eq!(statements.len(), 2, "{statements:#?}");
    let feed_cursors = "{ syncRuns(first: 20) { nodes { events(first: 1) { feedCursor } } } }";
    let (statements, _) = server
        .record_statements(server.data(feed_cursors, json!({})))
        .await;
    assert!(statements.len() <= 3, "{statements:#?}");
    let counts = "{ syncRuns(first: 20) { nodes { events(first: 1) { totalCount } } } }";
    let (statements, _) = server
        .record_statements(server.data(counts, json!({})))
        .await;
    assert!(statements.len() <= 3, "{statements:#?}");
}

#[apply(on_both_databases)]
#[tokio::test]
async fn an_extra_row_is_read_only_for_page_info(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let mut run = String::new();
    for _ in 0..9 {
        run = server.create_stock_run().await;
    }
    let events = vec![json!({"eventType": "chunk", "message": "x"}); 9];
    server.add_events(&run, json!(events)).await;
    let connection = connection_like_the_servers(&server).await;
    let lists = [
        "syncRuns(last: 7) { SELECTED }",
        "syncEvents(first: 7) { SELECTED }",
        "syncRuns(first: 1) { nodes { events(first: 7) { SELECTED } } }",
    ];
    for list in lists {
        let of = if list.contains("vents") {
            "Event"
        } else {
            "Run"
        };
        let fragment =
            format!("fragment Info on Sync{of}Connection {{ pageInfo {{ hasPreviousPage }} }}");
        for (selected, fragment, expected) in [
            ("nodes { id }", "", 7),
            ("edges { cursor } ... { pageInfo { hasNextPage } }", "", 8),
            ("nodes { id } ...Info", fragment.as_str(), 8),
        ] {
            let query = format!(
                "{{ {} }} {fragment}",
                list.replace("SELECTED", selected).replace("ID", &run)
            );
            let (statements, _) = server
                .record_statements(server.data(&query, json!({})))
                .await;
            let mut read = 0;
            for statement in &statements {
                read = read.max(rows_of_page(&connection, statement).await);
            }
            assert_eq!(read, expected, "{query}: {statements:#?}");
        }
    }
}

/// Executes a statement and returns the number of rows of its page, which may be nested in one row.
async fn rows_of_page(connection: &DatabaseConnection, statement: &str) -> u64 {
    let backend = connection.get_database_backend();
    let execute = async |sql: String| {
        let statement = Statement::from_string(backend, sql);
        connection.query_all_raw(statement).await.unwrap()
    };
    if backend == DbBackend::Postgres {
        let explain = format!("EXPLAIN (ANALYZE, FORMAT JSON) {statement}");
        let plan: Value = execute(explain).await[0].try_get("", "QUERY PLAN").unwrap();
        return limited_rows(&plan[0]["Plan"]);
    }
    let rows = execute(statement.to_owned()).await;
    let nested = rows.iter().flat_map(|row| {
        row.column_names().into_iter().filter_map(|column| {
            let json: String = row.try_get("", &column).ok()?;
            let events: Vec<Value> = serde_json::from_str(&json).ok()?;
            Some(events.len())
        })
    });
    nested.max().unwrap_or_default().max(rows.len()) as u64
}

/// The highest number of rows that a `Limit` node of a plan returned.
fn limited_rows(node: &Value) -> u64 {
    let children = node["Plans"].as_array().into_iter().flatten();
    let below = children.map(limited_rows).max().unwrap_or_default();
    let is_limit = node["Node Type"] == "Limit";
    let rows = node["Actual Rows"].as_f64().unwrap_or_default();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a small number of rows"
    )]
    below.max(if is_limit { rows as u64 } else { 0 })
}

/// Starts a server with 20,000 runs of all types and 60,000 events, and current planner statistics.
pub(crate) async fn start_with_20_000_runs(database: DatabaseKind, options: Options) -> TestServer {
    let server = TestServer::start_with(database, options).await;
    let (series, id, started_at, completed_at) = if database == Postgres {
        (
            "generate_series(1, 20000) AS series(n)",
            "gen_random_uuid()",
            "timestamptz '2026-01-01' + n * interval '1 minute'",
            "timestamptz '2026-01-01' + n * interval '1 minute' + n % 500 * interval '1 second'",
        )
    } else {
        (
            "(WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < 20000)
                SELECT n FROM series)",
            "randomblob(16)",
            "strftime('%Y-%m-%dT%H:%M:%S', '2026-01-01', n || ' minutes') || '+00:00'",
            "strftime('%Y-%m-%dT%H:%M:%S', '2026-01-01', n || ' minutes', n % 500 || ' seconds') || '+00:00'",
        )
    };
    let (runs, events) = (server.table("sync_history"), server.table("sync_event"));
    let enum_value = |values: &[&str], by: u32| {
        let cases = values
            .iter()
            .enumerate()
            .map(|(n, enum_value)| format!(" WHEN {n} THEN '{enum_value}'"));
        format!(
            "CASE n / {by} % {}{} END",
            values.len(),
            cases.collect::<String>()
        )
    };
    let entities = [
        "product",
        "measurement",
        "stock",
        "pricing",
        "manufacturer",
        "customer",
        "order",
        "autocare",
    ];
    let sql = format!(
        "INSERT INTO {runs} (id, entity_type, source, status, started_at, completed_at,
            records_processed, records_created, records_updated, records_failed, error_message)
        SELECT {id}, {entity}, {source}, CASE WHEN n % 100 = 0 THEN 'failed' WHEN n % 10 = 1
            THEN 'running' ELSE 'completed' END, {started_at}, CASE WHEN n % 10 <> 1 THEN {completed_at} END,
            n % 5000, 0, 0, n % 500, CASE WHEN n % 100 = 0 THEN 'read timed out' END
        FROM {series};
        INSERT INTO {events} (id, sync_id, event_type, timestamp, message)
        SELECT {id}, id, CASE n % 3 WHEN 0 THEN 'start' WHEN 1 THEN 'chunk' ELSE 'error' END,
            started_at, 'x' FROM {runs}, (SELECT 0 AS n UNION SELECT 1 UNION SELECT 2) AS three;
        ANALYZE;",
        entity = enum_value(&entities, 1),
        source = enum_value(&["as400", "filemaker", "api", "file", "external"], 8),
    );
    server.execute_sql(&sql).await;
    server
}

#[apply(on_both_databases)]
#[tokio::test]
async fn every_documented_filter_and_order_uses_an_index(database: DatabaseKind) {
    let server = start_with_20_000_runs(database, Options::default()).await;
    let id = "0197d2c4-8a3e-7c1b-9f00-3b5a1c2d4e6f";
    let day = "{gte: \"2026-01-05T00:00:00Z\", lt: \"2026-01-06T00:00:00Z\"}";
    let fingerprint = Fingerprint::of(Some("read timed out"));
    let mut lists = vec![
        format!(
            "syncFailureGroups(filter: {{startedAt: {day}}}) {{ groups {{ sampleRun {{ id }} }} }}"
        ),
        "syncRuns { nodes { id } }".to_owned(),
        "syncRuns(last: 25) { nodes { id } }".to_owned(),
        "syncEvents { nodes { id } }".to_owned(),
        "syncEvents(direction: ASC, offset: 10000) { nodes { id } }".to_owned(),
        "syncRuns(last: 25, offset: 10000) { nodes { id } }".to_owned(),
    ];
    for filter in [
        format!("id: \"{id}\""),
        "idStartsWith: \"0197d2c4\"".to_owned(),
        "status: FAILED".to_owned(),
        "status: [PENDING, RUNNING]".to_owned(),
        "source: AS400".to_owned(),
        "entityType: STOCK".to_owned(),
        format!("triggeredById: \"{id}\""),
        format!("startedAt: {day}"),
        format!("completedAt: {day}"),
        "durationSeconds: {gte: 100}".to_owned(),
        "recordsProcessed: {gte: 4999}".to_owned(),
        "recordsFailed: {gte: 499}".to_owned(),
        "errorContains: \"timed\"".to_owned(),
        format!("errorFingerprint: \"{fingerprint}\""),
        format!("errorFingerprint: [\"{fingerprint}\", \"0123456789abcdef\"], startedAt: {day}"),
        format!("errorFingerprint: \"{fingerprint}\", status: FAILED"),
    ] {
        lists.push(format!(
            "syncRuns(filter: {{{filter}}}) {{ nodes {{ id }} }}"
        ));
        lists.push(format!(
            "syncRuns(filter: {{{filter}}}) {{ nodes {{ {NESTED} }} }}"
        ));
    }
    for field in [
        "STARTED_AT",
        "COMPLETED_AT",
        "DURATION",
        "RECORDS_PROCESSED",
        "RECORDS_FAILED",
        "STATUS",
        "ENTITY_TYPE",
        "SOURCE",
    ] {
        for direction in ["ASC", "DESC"] {
            let order = format!("{{field: {field}, direction: {direction}}}");
            lists.push(format!("syncRuns(orderBy: {order}) {{ nodes {{ id }} }}"));
            lists.push(format!(
                "syncRuns(orderBy: {order}, offset: 300) {{ nodes {{ {NESTED} }} }}"
            ));
        }
    }
    lists.push("syncFreshness { state }".to_owned());
    for filter in [
        format!("runId: \"{id}\""),
        "eventType: \"error\"".to_owned(),
        format!("timestamp: {day}"),
        "messageContains: \"x\"".to_owned(),
    ] {
        lists.push(format!(
            "syncEvents(filter: {{{filter}}}) {{ nodes {{ id }} }}"
        ));
    }
    let connection = connection_like_the_servers(&server).await;
    for list in lists {
        let query = format!("{{ {list} }}");
        let (statements, _) = server
            .record_statements(server.data(&query, json!({})))
            .await;
        for statement in statements {
            let plan = plan(&connection, database, &statement).await;
            // Reads a whole table.
            let reads_all = plan.lines().any(|line| {
                line.contains("Seq Scan on sync_")
                    || line.starts_with("SCAN sync_") && !line.contains("INDEX")
            });
            assert!(!reads_all, "{list}\n{statement}\n{plan}");
        }
    }
}

/// Opens a connection with the server's search path.
async fn connection_like_the_servers(server: &TestServer) -> DatabaseConnection {
    let connection = server.external_connection().await;
    if server.is_on_postgres() {
        let search_path = "SET search_path = sync_history, \"user\"";
        connection.execute_unprepared(search_path).await.unwrap();
    }
    connection
}

async fn plan(connection: &DatabaseConnection, database: DatabaseKind, statement: &str) -> String {
    let explain = if database == Postgres {
        "EXPLAIN"
    } else {
        "EXPLAIN QUERY PLAN"
    };
    let backend = connection.get_database_backend();
    // Only the server's connections to SQLite have a REGEXP function.
    let statement = statement.replace(" REGEXP ", " GLOB ");
    let explain = Statement::from_string(backend, format!("{explain} {statement}"));
    let rows = connection.query_all_raw(explain).await.unwrap();
    let column = if database == Postgres {
        "QUERY PLAN"
    } else {
        "detail"
    };
    let lines = rows
        .iter()
        .map(|row| row.try_get::<String>("", column).unwrap());
    lines.collect::<Vec<_>>().join("\n")
}
