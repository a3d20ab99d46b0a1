//! Liveness and readiness probes.

use std::time::Duration;

use tokio::time;

use crate::support::{
    DatabaseKind, Postgres, PrivateCluster, Process, Sqlite, TestServer, Value, apply, code,
    database_name, json, on_both_databases, wait_until,
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

const CREATE: &str =
    "mutation { createSyncRun(input: {entityType: STOCK, source: AS400}) { run { id } } }";

/// Returns the status of the readiness probe and its reasons, which arrive within a second.
async fn readiness(server: &TestServer) -> (u16, Value) {
    let ready = time::timeout(Duration::from_secs(1), server.get("/readyz")).await;
    let ready = ready.expect("no answer within a second");
    let status = ready.status().as_u16();
    (
        status,
        ready.json::<Value>().await.unwrap()["reasons"].take(),
    )
}

/// SQL that lets every write to these tables fail on PostgreSQL, with this code.
fn failing(code: &str) -> String {
    let trigger = |table| {
        format!(
            "CREATE TRIGGER fails BEFORE INSERT ON sync_history.{table} EXECUTE FUNCTION fail();"
        )
    };
    format!(
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END $$; {}{}",
        trigger("sync_history"),
        trigger("sync_moment")
    )
}

#[tokio::test]
async fn a_failed_write_makes_the_server_unready_until_one_succeeds_on_postgres() {
    let server = TestServer::start(Postgres).await;
    // A full disk.
    server.execute_sql(&failing("53100")).await;
    let error = server.error(CREATE, json!({})).await;
    assert_eq!(code(&error), "UNAVAILABLE");
    // Also while test rows are tried.
    for _ in 0..15 {
        let (status, reasons) = readiness(&server).await;
        assert_eq!(status, 503);
        assert!(
            reasons[0]
                .as_str()
                .unwrap()
                .contains("the last write failed"),
            "{reasons}"
        );
        time::sleep(Duration::from_millis(100)).await;
    }
    // Nobody writes but the server itself.
    server.execute_sql("DROP FUNCTION fail CASCADE").await;
    let recovered = wait_until("the server is ready", async || {
        readiness(&server).await.0 == 200
    });
    time::timeout(Duration::from_secs(5), recovered)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_full_disk_makes_the_server_unready_until_a_write_succeeds_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    // The limit of a process's files acts as the disk; its signal is ignored.
    let script = format!(
        "trap '' XFSZ; exec {} --listen 127.0.0.1:0",
        env!("CARGO_BIN_EXE_sync-history")
    );
    let child = std::process::Command::new("sh")
        .args(["-c", &script])
        .current_dir(folder.path())
        .env("RUST_LOG", "off")
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let server = Process::listening(child);
    let status = async || {
        let ready = reqwest::get(format!("{}/readyz", server.url))
            .await
            .unwrap();
        ready.status().as_u16()
    };
    let set_limit = |limit: &str| {
        let pid = server.child.id().to_string();
        let arguments = ["--pid", &pid, &format!("--fsize={limit}")];
        let limited = std::process::Command::new("prlimit")
            .args(arguments)
            .status();
        assert!(limited.unwrap().success());
    };
    assert_eq!(status().await, 200);
    set_limit("4096:unlimited");
    let response = server.execute(CREATE).await.unwrap();
    assert_eq!(code(&response["errors"][0]), "UNAVAILABLE", "{response}");
    for _ in 0..15 {
        assert_eq!(status().await, 503);
        time::sleep(Duration::from_millis(100)).await;
    }
    set_limit("unlimited");
    let recovered = wait_until("the server is ready", async || status().await == 200);
    time::timeout(Duration::from_secs(5), recovered)
        .await
        .unwrap();
    let response = server.execute(CREATE).await.unwrap();
    assert!(response.get("errors").is_none(), "{response}");
}

#[apply(on_both_databases)]
#[tokio::test]
async fn constraint_errors_do_not_make_the_server_unready(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let sql = if database == Postgres {
        failing("23514")
    } else {
        "CREATE TRIGGER fails BEFORE INSERT ON sync_history BEGIN SELECT RAISE(ABORT, 'no'); END"
            .to_owned()
    };
    server.execute_sql(&sql).await;
    server.error(CREATE, json!({})).await;
    assert_eq!(readiness(&server).await, (200, json!([])));
}

#[apply(on_both_databases)]
#[tokio::test]
async fn readiness_is_answered_within_a_second_while_the_database_hangs(database: DatabaseKind) {
    if database == Sqlite {
        let server = TestServer::start(database).await;
        let blocker = server.external_connection().await;
        sea_orm::ConnectionTrait::execute_unprepared(&blocker, "BEGIN IMMEDIATE")
            .await
            .unwrap();
        for _ in 0..3 {
            assert_eq!(readiness(&server).await.0, 503);
        }
        return;
    }
    let cluster = PrivateCluster::start();
    cluster.psql("postgres", "CREATE DATABASE runs");
    let server = TestServer::open(cluster.url("runs")).await;
    assert_eq!(readiness(&server).await.0, 200);
    let processes = cluster.processes("runs");
    let signal = |name: &str| {
        let mut kill = std::process::Command::new("kill");
        assert!(kill.arg(name).args(&processes).status().unwrap().success());
    };
    signal("-STOP");
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(readiness(&server).await);
    }
    signal("-CONT");
    for (status, reasons) in answers {
        assert_eq!(status, 503);
        assert_eq!(reasons, json!(["the database did not respond in time"]));
    }
    wait_until("the server is ready", async || {
        readiness(&server).await.0 == 200
    })
    .await;
}
