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

const RUN: &str = "0197d2c4-8a3e-7c1b-9f00-3b5a1c2d4e6f";

/// Stores a run and an event, and gathers statistics of the indexes.
const FILL: &str = "
    INSERT INTO sync_history (id, entity_type, source, status, started_at, completed_at, records_processed,
        records_created, records_updated, records_failed)
    VALUES (x'0197d2c48a3e7c1b9f003b5a1c2d4e6f', 'stock', 'as400', 'completed', '2026-11-20T08:00:00+00:00',
        '2026-11-20T09:00:00+00:00', 1, 2, 3, 4);
    INSERT INTO sync_event (id, sync_id, event_type, timestamp, message)
    VALUES (randomblob(16), x'0197d2c48a3e7c1b9f003b5a1c2d4e6f', 'a', '2026-11-20T08:00:00+00:00', 'b');
    ANALYZE;";

#[tokio::test]
async fn an_earlier_sqlite_database_gets_the_current_indexes() {
    let current = indexes(&TestServer::start(DatabaseKind::Sqlite).await).await;
    for migrations in [1, 4, 8, 9, 12] {
        let server = TestServer::start_on_earlier_sqlite_database(migrations, FILL).await;
        assert_eq!(indexes(&server).await, current, "after {migrations}");
        let lists = "{ syncRuns(orderBy: {field: DURATION}) { nodes { id durationSeconds } }
            syncEvents { nodes { message } } }";
        let listed = json!({"syncRuns": {"nodes": [{"id": RUN, "durationSeconds": 3600.0}]},
            "syncEvents": {"nodes": [{"message": "b"}]}});
        assert_eq!(server.data(lists, json!({})).await, listed);

        // All indexes have statistics if some had, but for those of values that no row has.
        let sql = "SELECT count(*) AS indexes FROM sqlite_stat1 WHERE idx LIKE 'ix_sync_%'";
        let connection = server.external_connection().await;
        let statement = Statement::from_string(DbBackend::Sqlite, sql);
        let row = connection.query_one_raw(statement).await.unwrap().unwrap();
        let with_statistics: i64 = row.try_get("", "indexes").unwrap();
        assert!(with_statistics >= 12, "{with_statistics}");
    }
}

/// Returns the definitions of the indexes on the server's tables.
async fn indexes(server: &TestServer) -> BTreeMap<String, String> {
    let connection = server.external_connection().await;
    let sql = "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql NOT NULL";
    let statement = Statement::from_string(DbBackend::Sqlite, sql);
    let rows = connection.query_all_raw(statement).await.unwrap();
    let texts = |row: &QueryResult| {
        let text = |column| row.try_get::<String>("", column).unwrap();
        (text("name"), text("sql").replace("IF NOT EXISTS ", ""))
    };
    rows.iter().map(texts).collect()
}
