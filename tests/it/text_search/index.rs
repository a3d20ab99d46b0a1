//! The index for `errorContains` on PostgreSQL.

use sea_orm::ConnectionTrait;

use super::insert_failed_runs;
use crate::support::{Cluster, TestServer, database_name, json};

const INDEX: &str = "SELECT indisvalid FROM pg_index
    WHERE indexrelid = to_regclass('sync_history.ix_sync_history_error_trigrams')";

#[tokio::test]
async fn an_incomplete_index_is_replaced_at_the_next_start_on_postgres() {
    let cluster = Cluster::get();
    let url = cluster.empty_database().await;
    let name = database_name(&url);
    let start = async || sync_history::db::connect(&url).await.unwrap();
    start().await.close().await.unwrap();
    assert_eq!(cluster.psql(name, &["-c", INDEX]), "t\n");
    let interrupt = "UPDATE pg_index SET indisvalid = false
        WHERE indexrelid = 'sync_history.ix_sync_history_error_trigrams'::regclass";
    cluster.psql(name, &["-c", interrupt]);
    let before = cluster.psql(
        name,
        &[
            "-c",
            "SELECT 'sync_history.ix_sync_history_error_trigrams'::regclass::oid",
        ],
    );
    let database = start().await;
    database.finish_indexes().await;
    database.close().await.unwrap();
    assert_eq!(cluster.psql(name, &["-c", INDEX]), "t\n");
    let after = cluster.psql(
        name,
        &[
            "-c",
            "SELECT 'sync_history.ix_sync_history_error_trigrams'::regclass::oid",
        ],
    );
    assert_ne!(before, after);
}

/// The extension may be created later, by an administrator, in any schema.
#[tokio::test]
async fn the_index_is_created_once_the_extension_is_there_on_postgres() {
    let cluster = Cluster::get();
    let url = cluster.empty_database().await;
    let name = database_name(&url).to_owned();
    let role = format!("limited_{name}");
    // May create neither extensions nor schemas.
    let sql = format!(
        "CREATE ROLE {role} LOGIN; CREATE SCHEMA sync_history AUTHORIZATION {role};
        CREATE SCHEMA \"user\" AUTHORIZATION {role}; REVOKE CREATE ON DATABASE {name} FROM PUBLIC"
    );
    cluster.psql(&name, &["-c", &sql]);
    let as_role = url.replace("postgres://postgres@", &format!("postgres://{role}@"));
    let server = TestServer::open(as_role.clone()).await;
    insert_failed_runs(&server, &["Timeout".to_owned()]).await;
    let count = "{ syncRuns(filter: {errorContains: \"timeout\"}) { totalCount } }";
    let expected = json!({"syncRuns": {"totalCount": 1}});
    assert_eq!(server.data(count, json!({})).await, expected);
    assert_eq!(cluster.psql(&name, &["-c", INDEX]), "");
    drop(server);
    let install = "CREATE SCHEMA \"Other one\"; CREATE EXTENSION pg_trgm SCHEMA \"Other one\";";
    cluster.psql(&name, &["-c", install]);
    let grant = format!("GRANT USAGE ON SCHEMA \"Other one\" TO {role}");
    cluster.psql(&name, &["-c", &grant]);
    let server = TestServer::open(as_role).await;
    assert_eq!(cluster.psql(&name, &["-c", INDEX]), "t\n");
    assert_eq!(server.data(count, json!({})).await, expected);
}

/// A worker's transaction that stays open delays the build, but not the start of servers.
#[tokio::test]
async fn servers_start_while_the_index_is_built_on_postgres() {
    let cluster = Cluster::get();
    let url = cluster.empty_database().await;
    let name = database_name(&url).to_owned();
    let first = TestServer::open(url.clone()).await;
    cluster.psql(
        &name,
        &[
            "-c",
            "DROP INDEX sync_history.ix_sync_history_error_trigrams",
        ],
    );
    let worker = first.external_connection().await;
    let run = "BEGIN; INSERT INTO sync_history.sync_history (id, entity_type, source, status, records_processed,
        records_created, records_updated, records_failed, error_message)
        VALUES (gen_random_uuid(), 'stock', 'api', 'failed', 0, 0, 0, 0, 'Timeout')";
    worker.execute_unprepared(run).await.unwrap();
    let second = TestServer::open(url.clone()).await;
    let third = TestServer::open(url.clone()).await;
    let count = "{ syncRuns(filter: {errorContains: \"timeout\"}) { totalCount } }";
    for server in [&first, &second, &third] {
        assert_eq!(
            server.data(count, json!({})).await["syncRuns"]["totalCount"],
            0
        );
    }
    assert_ne!(cluster.psql(&name, &["-c", INDEX]), "t\n");
    worker.execute_unprepared("COMMIT").await.unwrap();
    let database = sync_history::db::connect(&url).await.unwrap();
    database.finish_indexes().await;
    assert_eq!(cluster.psql(&name, &["-c", INDEX]), "t\n");
    for server in [&first, &second, &third] {
        assert_eq!(
            server.data(count, json!({})).await["syncRuns"]["totalCount"],
            1
        );
    }
}
