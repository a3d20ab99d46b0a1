//! No N+1: what a request costs does not grow with what it lists.

use crate::support::{Kind, Ledger, Postgres, Sqlite, json, rstest};

#[rstest]
#[tokio::test]
async fn twenty_runs_with_user_and_ten_events_each_take_three_statements(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(ledger) = Ledger::start(kind).await else {
        return;
    };
    let table = if kind == Postgres {
        "\"user\".\"user\""
    } else {
        "\"user\""
    };
    let mut users = Vec::new();
    for number in 0..5 {
        let user = format!("0197d2c4-8a3e-7c1b-9f00-00000000000{number}");
        ledger
            .sql(&format!(
                "INSERT INTO {table} VALUES ({}, 'u{number}@example.test', 'U')",
                ledger.id(&user)
            ))
            .await;
        users.push(user);
    }
    for number in 0..20 {
        let run = ledger
            .create(json!({"entityType": "STOCK", "source": "AS400", "triggeredById": users[number % 5]}))
            .await;
        let events = vec![json!({"eventType": "chunk", "message": "x"}); 12];
        ledger
            .data("mutation($input: AddSyncEventsInput!) { addSyncEvents(input: $input) { replayedCount } }",
                json!({"input": {"runId": run, "events": events}}))
            .await;
    }
    let query = "{ syncRuns(first: 20) { nodes { id triggeredBy { email } events(first: 10) {
        nodes { message run { id } } pageInfo { hasNextPage } } } } }";
    let with_runs = query;
    let without_runs = query.replace("run { id }", "");
    for (query, most) in [(without_runs.as_str(), 3), (with_runs, 4)] {
        let (statements, data) = ledger.statements_of(ledger.data(query, json!({}))).await;
        assert!(statements <= most, "{statements} statements");
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
    let counts = "{ syncRuns(first: 20) { nodes { events(first: 1) { totalCount } } } }";
    let (statements, _) = ledger.statements_of(ledger.data(counts, json!({}))).await;
    assert!(statements <= 3, "{statements} statements");
}
