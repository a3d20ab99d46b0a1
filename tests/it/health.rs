//! Liveness and readiness probes.

use crate::support::{
    DatabaseKind, Postgres, Sqlite, TestServer, Value, apply, database_name, json,
    on_both_databases,
};

#[apply(on_both_databases)]
#[tokio::test]
async fn a_healthy_server_is_live_and_ready(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let (statements, alive) = server.record_statements(server.get("/livez")).await;
    assert_eq!((alive.status().as_u16(), statements.len()), (200, 0));
    let ready = server.get("/readyz").await;
    assert_eq!(ready.status(), 200);
    assert_eq!(
        ready.json::<Value>().await.unwrap(),
        json!({"ready": true, "reasons": []})
    );
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_missing_migration_makes_the_server_unready(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let table = server.table("seaql_migrations");
    server
        .execute_sql(&format!(
            "DELETE FROM {table} WHERE version LIKE '%000003_indexes'"
        ))
        .await;
    let ready = server.get("/readyz").await;
    assert_eq!(ready.status(), 503);
    assert_eq!(
        ready.json::<Value>().await.unwrap(),
        json!({"ready": false, "reasons": ["pending migrations: m20261123_000003_indexes"]})
    );
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_database_that_rejects_writes_makes_the_server_unready(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let blocker = server.external_connection().await;
    if database == Postgres {
        let name = database_name(&server.database_url);
        let read_only = format!("ALTER DATABASE {name} SET default_transaction_read_only = on");
        sea_orm::ConnectionTrait::execute_unprepared(&blocker, &read_only)
            .await
            .unwrap();
        // New connections are read-only, as after a failover.
        let terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()";
        sea_orm::ConnectionTrait::execute_unprepared(&blocker, terminate)
            .await
            .unwrap();
    } else {
        // Another process holds the write lock.
        sea_orm::ConnectionTrait::execute_unprepared(&blocker, "BEGIN IMMEDIATE")
            .await
            .unwrap();
    }
    let mut reasons = Value::Null;
    for _ in 0..20 {
        let ready = server.get("/readyz").await;
        if ready.status() == 503 {
            reasons = ready.json::<Value>().await.unwrap()["reasons"].take();
            if reasons[0] != "the database does not answer in time" || database == Sqlite {
                break;
            }
        }
    }
    let reason = reasons[0].as_str().unwrap();
    assert!(reason.starts_with("the database"), "{reasons}");
}
