//! Queries without a supporting index have a time budget.

use std::time::Duration;

use sync_history::db::StatementTimeouts;

use crate::{
    query_plans::start_with_20_000_runs,
    support::{DatabaseKind, Options, apply, code, json, on_both_databases},
};

/// Shorter than any scan takes.
const SHORT: Duration = Duration::from_millis(1);

#[apply(on_both_databases)]
#[tokio::test]
async fn slow_queries_time_out_with_advice(database: DatabaseKind) {
    let timeouts = StatementTimeouts {
        slow_query: SHORT,
        ..StatementTimeouts::default()
    };
    let options = Options {
        timeouts: Some(timeouts),
        ..Options::default()
    };
    let server = start_with_20_000_runs(database, options).await;
    let nothing = "messageContains: \"nowhere\"";
    for query in [
        format!("syncEvents(filter: {{{nothing}}}) {{ nodes {{ id }} }}"),
        "syncRuns(filter: {not: {recordsProcessed: {gte: 0}}}) { nodes { id } }".to_owned(),
        "syncRuns(filter: {not: {recordsProcessed: {gte: 0}}}, first: 1) { totalCount }".to_owned(),
    ] {
        let error = server.error(&format!("{{ {query} }}"), json!({})).await;
        assert_eq!(code(&error), "QUERY_TOO_COMPLEX", "{query}: {error}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("0.001 s") && message.contains("startedAt"));
    }
    // Indexed queries on the same connections are not affected, however often they run.
    for _ in 0..5 {
        let indexed = "{ syncRuns(filter: {status: FAILED}) { totalCount nodes { id } } }";
        let data = server.data(indexed, json!({})).await;
        assert_eq!(data["syncRuns"]["totalCount"], 200);
        let run = data["syncRuns"]["nodes"][0]["id"].clone();
        // Nor is a query within one run.
        let few = "query($run: ID!) { syncEvents(filter: {runId: [$run], timestamp: {gte: \
            \"2026-01-01T00:00:00Z\"}}) { nodes { id } } }";
        let data = server.data(few, json!({"run": run})).await;
        assert_eq!(data["syncEvents"]["nodes"].as_array().unwrap().len(), 3);
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn slow_queries_of_one_operation_share_a_time_budget(database: DatabaseKind) {
    let timeouts = StatementTimeouts {
        slow_query: Duration::from_millis(30),
        ..StatementTimeouts::default()
    };
    let options = Options {
        timeouts: Some(timeouts),
        ..Options::default()
    };
    let server = start_with_20_000_runs(database, options).await;
    let query = |n: usize| {
        format!(
            "a{n}: syncEvents(filter: {{messageContains: \"nowhere{n}\"}}) {{ pageInfo {{ hasNextPage }} }} "
        )
    };
    let queries: String = (0..20).map(query).collect();
    let started = std::time::Instant::now();
    let (statements, response) = server
        .record_statements(server.execute(&format!("{{ {queries} }}"), json!({})))
        .await;
    assert!(started.elapsed() < Duration::from_secs(3));
    assert!(statements.len() < 20, "{}", statements.len());
    assert_eq!(code(&response["errors"][0]), "QUERY_TOO_COMPLEX");
}
