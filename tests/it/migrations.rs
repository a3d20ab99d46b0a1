//! Migrations of SQLite databases.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement};

use crate::support::{DatabaseKind, TestServer, json};

#[tokio::test]
async fn concurrently_started_servers_create_one_sqlite_database() {
    let folder = tempfile::tempdir().unwrap();
    let url = crate::support::sqlite_url(&folder);
    let starts = (0..4).map(|_| sync_history::db::connect(&url));
    for database in futures_util::future::join_all(starts).await {
        let database = database.unwrap();
        assert_eq!(
            sync_history::db::migrate::pending(&database).await.unwrap(),
            [""; 0]
        );
    }
}

#[tokio::test]
async fn an_earlier_sqlite_database_gets_the_current_indexes() {
    let server = TestServer::start(DatabaseKind::Sqlite).await;
    let run = server.create_stock_run().await;
    let connection = server.external_connection().await;
    let sql = async |sql: String| connection.execute_unprepared(&sql).await.unwrap();
    let indexes = async || {
        let sql = "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql NOT NULL";
        let statement = Statement::from_string(DbBackend::Sqlite, sql);
        let rows = connection.query_all_raw(statement).await.unwrap();
        let texts = |row: &QueryResult| {
            let text = |column| row.try_get::<String>("", column).unwrap();
            (text("name"), text("sql"))
        };
        rows.iter().map(texts).collect::<BTreeMap<_, _>>()
    };
    let current = indexes().await;
    // Recreate the earlier indexes, which were descending.
    for (name, on) in &current {
        if name.ends_with("_newest") {
            let (columns, rest) = on.split_once(", id)").unwrap();
            sql(format!("DROP INDEX {name}")).await;
            sql(format!("{columns} DESC, id DESC){rest}")).await;
        }
    }
    assert_ne!(indexes().await, current);
    sql("DELETE FROM seaql_migrations WHERE version LIKE '%ascending'; ANALYZE".into()).await;

    let replica = server.replica().await;
    assert_eq!(indexes().await, current);
    let analysed = "SELECT 1 FROM sqlite_stat1 WHERE idx = 'ix_sync_history_newest'";
    let analysed = Statement::from_string(DbBackend::Sqlite, analysed);
    assert!(connection.query_one_raw(analysed).await.unwrap().is_some());
    let list = "{ syncRuns { nodes { id } } }";
    let listed = json!({"syncRuns": {"nodes": [{"id": run}]}});
    assert_eq!(replica.data(list, json!({})).await, listed);
}
