//! Acknowledged writes are durable.

use std::{
    collections::HashSet,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use futures_util::future::join_all;

use crate::support::{Process, wait_until};

#[tokio::test]
async fn acknowledged_writes_survive_sigkill() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = HashSet::new();
    for round in 0..3 {
        let mut server = Process::start(folder.path());
        let count = AtomicUsize::new(0);
        let write = async || {
            let mutation = "mutation { createSyncRun(input: {entityType: STOCK, source: AS400}) { run { id } } }";
            let mut ids = Vec::new();
            while let Ok(response) = server.execute(mutation).await {
                count.fetch_add(1, Relaxed);
                ids.push(
                    response["data"]["createSyncRun"]["run"]["id"]
                        .as_str()
                        .unwrap()
                        .to_owned(),
                );
            }
            ids
        };
        let kill = async {
            wait_until("some writes are acknowledged", async || {
                count.load(Relaxed) >= 20
            })
            .await;
            server.signal("-KILL");
        };
        let (written, ()) = tokio::join!(join_all((0..16).map(|_| write())), kill);
        acknowledged.extend(written.into_iter().flatten());
        server.wait();
        assert!(acknowledged.len() >= 20 * (round + 1));
    }
    let server = Process::start(folder.path());
    for id in &acknowledged {
        let response = server
            .execute(&format!("{{ syncRun(id: \"{id}\") {{ id }} }}"))
            .await
            .unwrap();
        assert_eq!(response["data"]["syncRun"]["id"], id.as_str());
    }
    let journal_mode = journal_mode(&folder.path().join("sync-history.db")).await;
    assert_eq!(journal_mode, "wal");
}

/// The journal mode, which is a property of the file.
async fn journal_mode(file: &std::path::Path) -> String {
    use sea_orm::{ConnectionTrait, Database, DbBackend, Statement};
    let database = Database::connect(format!("sqlite://{}", file.display()))
        .await
        .unwrap();
    let pragma = Statement::from_string(DbBackend::Sqlite, "PRAGMA journal_mode");
    let row = database.query_one_raw(pragma).await.unwrap().unwrap();
    row.try_get("", "journal_mode").unwrap()
}
