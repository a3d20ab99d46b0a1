//! The index of SQLite, which the server fills.

use sea_orm::{ConnectionTrait, DbBackend, Statement};

use super::{index_messages, insert_failed_runs};
use crate::support::{DatabaseKind, TestServer, json};

/// The numbers of the runs that a search finds, newest first.
async fn find(server: &TestServer, text: &str) -> Vec<u128> {
    let list = "query($text: String) { syncRuns(filter: {errorContains: $text}) { totalCount nodes { id } } }";
    let found = server.data(list, json!({"text": text})).await["syncRuns"].take();
    let ids = found["nodes"].as_array().unwrap().iter();
    let id =
        |node: &crate::support::Value| node["id"].as_str().unwrap().parse::<uuid::Uuid>().unwrap();
    let ids: Vec<_> = ids.map(|node| id(node).as_u128()).collect();
    assert_eq!(found["totalCount"], ids.len());
    ids
}

fn messages() -> Vec<String> {
    (0..1500)
        .map(|n| format!("unreachable host {n:04}"))
        .collect()
}

#[tokio::test]
async fn runs_are_found_before_they_are_indexed_and_by_what_they_are_now_on_sqlite() {
    let server = TestServer::start(DatabaseKind::Sqlite).await;
    insert_failed_runs(&server, &messages()).await;
    assert_eq!(find(&server, "HOST 0007").await, [7]);
    index_messages(&server).await;
    assert_eq!(find(&server, "HOST 0007").await, [7]);
    for is_indexed in [false, true] {
        let (seven, eight) = (format!("x'{:032x}'", 7), format!("x'{:032x}'", 8));
        let message = format!("Prüfsumme {is_indexed}");
        let sql = format!(
            "UPDATE sync_history SET error_message = '{message}' WHERE id = {seven};
            UPDATE sync_history SET error_message = NULL WHERE id = {eight}"
        );
        server.execute_sql(&sql).await;
        if is_indexed {
            index_messages(&server).await;
        }
        assert_eq!(find(&server, "host 0007").await, [0; 0]);
        assert_eq!(find(&server, "host 0008").await, [0; 0]);
        assert_eq!(find(&server, &message.to_uppercase()).await, [7]);
    }
    // The rows of a table without an integer key are renumbered.
    server
        .execute_sql(
            "DELETE FROM sync_history WHERE id < x'00000000000000000000000000000400'; VACUUM",
        )
        .await;
    for _ in 0..2 {
        assert_eq!(find(&server, "host 0007").await, [0; 0]);
        assert_eq!(find(&server, "host 1499").await, [1499]);
        index_messages(&server).await;
    }
    insert_failed_runs(&server, &["unreachable host 1499".to_owned()]).await;
    assert_eq!(find(&server, "host 1499").await, [1499, 0]);
}

#[tokio::test]
async fn nothing_is_left_of_deleted_runs_on_sqlite() {
    let server = TestServer::start(DatabaseKind::Sqlite).await;
    insert_failed_runs(&server, &messages()).await;
    index_messages(&server).await;
    server.execute_sql("DELETE FROM sync_history").await;
    index_messages(&server).await;
    let connection = server.external_connection().await;
    for table in ["sync_text_run", "sync_text('hos OR rea')"] {
        let select = format!("SELECT count(*) AS count FROM {table}");
        let select = Statement::from_string(DbBackend::Sqlite, select);
        let row = connection.query_one_raw(select).await.unwrap().unwrap();
        assert_eq!(row.try_get::<i64>("", "count").unwrap(), 0, "{table}");
    }
}

/// Other writers may have an SQLite without FTS5: what they execute uses ordinary tables only.
#[tokio::test]
async fn triggers_use_ordinary_tables_on_sqlite() {
    let server = TestServer::start(DatabaseKind::Sqlite).await;
    let connection = server.external_connection().await;
    let select = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'";
    let select = Statement::from_string(DbBackend::Sqlite, select);
    for row in connection.query_all_raw(select).await.unwrap() {
        let sql: String = row.try_get("", "sql").unwrap();
        assert!(!sql.contains("sync_text "), "{sql}");
    }
}

#[tokio::test]
async fn runs_of_an_earlier_version_are_indexed_on_sqlite() {
    let sql = "INSERT INTO sync_history (id, entity_type, source, status, started_at, records_processed,
            records_created, records_updated, records_failed, error_message)
        VALUES (x'0197d2c48a3e7c1b9f003b5a1c2d4e6f', 'stock', 'as400', 'failed', '2026-11-20T08:00:00+00:00',
            1, 2, 3, 4, 'Prüfsumme')";
    let server = TestServer::start_on_earlier_sqlite_database(21, sql).await;
    for _ in 0..2 {
        assert_eq!(find(&server, "PRÜF").await.len(), 1);
        index_messages(&server).await;
    }
}
