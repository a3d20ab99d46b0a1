//! `idStartsWith`: an index range.

use crate::{
    query_plans::start_with_20_000_runs,
    support::{DatabaseKind, Options, TestServer, Value, apply, code, json, on_both_databases},
};

const LIST: &str =
    "query($prefix: String) { syncRuns(filter: {idStartsWith: $prefix}, first: 100) {
    totalCount nodes { id } } }";

async fn list(server: &TestServer, prefix: &str) -> Value {
    server.data(LIST, json!({"prefix": prefix})).await["syncRuns"].take()
}

#[apply(on_both_databases)]
#[tokio::test]
async fn runs_are_found_by_the_beginning_of_their_id(database: DatabaseKind) {
    let server = start_with_20_000_runs(database, Options::default()).await;
    let data = server
        .data(
            "{ syncRuns(first: 5, offset: 9000) { nodes { id } } }",
            json!({}),
        )
        .await;
    for node in data["syncRuns"]["nodes"].as_array().unwrap() {
        let id = node["id"].as_str().unwrap();
        for length in [8, 9, 12, 18, 19, 35, 36] {
            for prefix in [
                id[..length].to_owned(),
                id[..length].to_uppercase().replace('-', ""),
            ] {
                let (mut statements, found) =
                    server.record_statements(list(&server, &prefix)).await;
                // Without those of background tasks, such as retention.
                statements.retain(|statement| statement.contains("\"sync_history\""));
                assert!(
                    found["nodes"].as_array().unwrap().contains(node),
                    "{prefix}"
                );
                assert_eq!(
                    found["totalCount"],
                    found["nodes"].as_array().unwrap().len()
                );
                // No statement orders runs that it has not looked up.
                assert!(statements.len() <= 4, "{statements:#?}");
            }
        }
        let found = list(&server, &id[..4]).await;
        assert!(found["nodes"].as_array().unwrap().contains(node));
    }
    assert_eq!(list(&server, "00000000-0000").await["nodes"], json!([]));
}

/// More runs than are looked up one by one.
#[apply(on_both_databases)]
#[tokio::test]
async fn any_number_of_runs_may_begin_with_the_same_digits(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let mut sql = String::new();
    for number in 0..1100 {
        let id = format!("0197d2c4-8a3e-7c1b-9f00-{number:012x}");
        let insert = format!(
            "INSERT INTO {} (id, entity_type, source, status, started_at, records_processed, records_created,
                records_updated, records_failed)
            VALUES ({}, 'stock', 'as400', 'running', '2026-11-23T08:00:00+00:00', 0, 0, 0, 0);",
            server.table("sync_history"),
            server.id_literal(&id),
        );
        sql.push_str(&insert);
    }
    server.execute_sql(&sql).await;
    let found = list(&server, "0197D2C4").await;
    assert_eq!(found["totalCount"], 1100);
    assert_eq!(
        found["nodes"][0]["id"],
        "0197d2c4-8a3e-7c1b-9f00-00000000044b"
    );
    assert_eq!(
        list(&server, "0197d2c4-8a3e-7c1b-9f00-00000000000").await["totalCount"],
        16
    );
}

#[apply(on_both_databases)]
#[tokio::test]
async fn what_begins_no_id_is_rejected(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    for prefix in [
        "",
        "019",
        "0197g",
        "01-97",
        "0197%",
        " 0197",
        "0197d2c4-8a3e-7c1b-9f00-3b5a1c2d4e6f0",
    ] {
        let error = server.error(LIST, json!({"prefix": prefix})).await;
        assert_eq!(code(&error), "BAD_INPUT", "{prefix}");
        assert!(
            error["message"].as_str().unwrap().contains("idStartsWith"),
            "{error}"
        );
    }
}
