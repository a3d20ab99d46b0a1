//! SQLite files that are removed, replaced or overwritten while the server runs.

use std::{fs, path::Path, time::Duration};

use crate::support::{
    Options, TestClock, TestServer, Value, code, json, rstest, sqlite_url, wait_until,
};

const CREATE: &str =
    "mutation { createSyncRun(input: {entityType: STOCK, source: AS400}) { run { id } } }";

/// Something that happens to the files of a database.
type Accident = fn(&Path);

fn file(folder: &Path, name: &str) -> std::path::PathBuf {
    folder.join(name)
}

fn rename_over(folder: &Path) {
    fs::rename(folder.join("backup.db"), folder.join("sync-history.db")).unwrap();
}

fn rename_away(folder: &Path) {
    fs::rename(folder.join("sync-history.db"), folder.join("away.db")).unwrap();
}

fn unlink(folder: &Path) {
    fs::remove_file(folder.join("sync-history.db")).unwrap();
}

fn unlink_log(folder: &Path) {
    fs::remove_file(folder.join("sync-history.db-wal")).unwrap();
}

fn copy_over(folder: &Path) {
    fs::copy(folder.join("backup.db"), folder.join("sync-history.db")).unwrap();
}

fn truncate(folder: &Path) {
    fs::write(folder.join("sync-history.db"), "").unwrap();
}

fn truncate_log(folder: &Path) {
    fs::write(folder.join("sync-history.db-wal"), "").unwrap();
}

/// Starts a server with a run, and makes a backup next to the database.
async fn start(folder: &Path) -> TestServer {
    let url = format!(
        "sqlite://{}?mode=rwc",
        file(folder, "sync-history.db").display()
    );
    let server = TestServer::open(url).await;
    server.create_stock_run().await;
    let backup = file(folder, "backup.db");
    server
        .execute_sql(&format!("VACUUM INTO '{}'", backup.display()))
        .await;
    server
}

#[rstest]
#[case::renamed_over(rename_over, "removed or replaced")]
#[case::renamed_away(rename_away, "removed or replaced")]
#[case::unlinked(unlink, "removed or replaced")]
#[case::log_unlinked(unlink_log, "removed or replaced")]
#[case::copied_over(copy_over, "overwritten or truncated")]
#[case::truncated(truncate, "overwritten or truncated")]
#[case::log_truncated(truncate_log, "overwritten or truncated")]
#[tokio::test]
async fn a_replaced_file_is_noticed_at_the_next_write_on_sqlite(
    #[case] accident: Accident,
    #[case] expected: &str,
) {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path()).await;
    accident(folder.path());
    // The first write after it, and all that follow.
    for _ in 0..2 {
        let error = server.error(CREATE, json!({})).await;
        assert_eq!(code(&error), "UNAVAILABLE");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(expected), "{message}");
    }
    let ready = server.get("/readyz").await;
    assert_eq!(ready.status(), 503);
    let reasons = ready.json::<Value>().await.unwrap()["reasons"].take();
    assert!(reasons[0].as_str().unwrap().contains(expected), "{reasons}");
}

#[rstest]
#[case::renamed_over(rename_over)]
#[case::unlinked(unlink)]
#[case::log_unlinked(unlink_log)]
#[case::copied_over(copy_over)]
#[tokio::test]
async fn a_replaced_file_is_noticed_within_a_second_on_sqlite(#[case] accident: Accident) {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path()).await;
    accident(folder.path());
    let noticed = wait_until("the server is not ready", async || {
        server.get("/readyz").await.status() == 503
    });
    tokio::time::timeout(Duration::from_secs(1), noticed)
        .await
        .unwrap();
}

#[tokio::test]
async fn concurrent_writes_are_acknowledged_only_if_the_file_holds_them_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path()).await;
    let write = async || {
        let mut acknowledged = Vec::new();
        loop {
            let response = server.execute(CREATE, json!({})).await;
            match response["data"]["createSyncRun"]["run"]["id"].as_str() {
                Some(id) => acknowledged.push(id.to_owned()),
                None => return acknowledged,
            }
        }
    };
    let replace = async {
        wait_until("some runs are stored", async || {
            server.count_runs().await.as_u64() > Some(50)
        })
        .await;
        rename_away(folder.path());
    };
    let writers = futures_util::future::join_all((0..8).map(|_| write()));
    let (acknowledged, ()) = tokio::join!(writers, replace);
    drop(server);
    // The log is copied to the old file.
    let url = format!("sqlite://{}", file(folder.path(), "away.db").display());
    wait_until("the log is empty", async || {
        fs::metadata(file(folder.path(), "sync-history.db-wal")).is_ok_and(|log| log.len() == 0)
    })
    .await;
    let old = TestServer::open(url).await;
    for id in acknowledged.iter().flatten() {
        assert_eq!(old.get_run(id).await["id"], json!(id));
    }
}

#[tokio::test]
async fn a_restart_recovers_from_a_replaced_file_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = start(folder.path()).await;
    for _ in 0..10 {
        server.create_stock_run().await;
    }
    rename_over(folder.path());
    server.error(CREATE, json!({})).await;
    server.stop().await;
    let options = Options {
        clock: TestClock::for_replica(1),
        ..Options::default()
    };
    let server = TestServer::open_with(sqlite_url(&folder), options).await;
    // The backup's run, and a new one.
    server.create_stock_run().await;
    assert_eq!(server.count_runs().await, json!(2));
    assert_eq!(server.get("/readyz").await.status(), 200);
}

#[tokio::test]
async fn checkpoints_and_other_programs_do_not_disturb_the_server_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path()).await;
    let id = server.create_stock_run().await;
    for sql in [
        "PRAGMA wal_checkpoint(PASSIVE)",
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "UPDATE sync_history SET records_processed = 3",
        "VACUUM",
        "PRAGMA wal_checkpoint(RESTART)",
    ] {
        server.execute_sql(sql).await;
        for _ in 0..20 {
            server.create_stock_run().await;
        }
        assert_eq!(server.get("/readyz").await.status(), 200, "{sql}");
    }
    // Enough for checkpoints by the server itself.
    let events: Vec<_> = (0..500)
        .map(|n| json!({"eventType": "note", "message": format!("{n}").repeat(200)}))
        .collect();
    for _ in 0..40 {
        server.add_events(&id, json!(events)).await;
    }
    assert_eq!(server.get("/readyz").await.status(), 200);
}
