//! What was acknowledged is kept.

use std::collections::HashSet;

use futures_util::future::join_all;

use crate::support::Process;

#[tokio::test]
async fn acknowledged_writes_survive_sigkill() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = HashSet::new();
    for round in 0..3 {
        let mut server = Process::start(folder.path());
        let write = async || {
            let mutation = "mutation { createSyncRun(input: {entityType: STOCK, source: AS400}) { run { id } } }";
            let mut ids = Vec::new();
            while let Ok(answer) = server.execute(mutation).await {
                ids.push(
                    answer["data"]["createSyncRun"]["run"]["id"]
                        .as_str()
                        .unwrap()
                        .to_owned(),
                );
            }
            ids
        };
        let kill = async {
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            server.signal("-KILL");
        };
        let (written, ()) = tokio::join!(join_all((0..16).map(|_| write())), kill);
        acknowledged.extend(written.into_iter().flatten());
        server.wait();
        assert!(acknowledged.len() > round);
    }
    let server = Process::start(folder.path());
    for id in &acknowledged {
        let answer = server
            .execute(&format!("{{ syncRun(id: \"{id}\") {{ id }} }}"))
            .await
            .unwrap();
        assert_eq!(answer["data"]["syncRun"]["id"], id.as_str());
    }
    let settings = answer_of_pragmas(&folder.path().join("sync-history.db")).await;
    assert_eq!(settings, "wal");
}

/// The journal mode is a property of the file.
async fn answer_of_pragmas(file: &std::path::Path) -> String {
    use sea_orm::{ConnectionTrait, Database, DbBackend, Statement};
    let database = Database::connect(format!("sqlite://{}", file.display()))
        .await
        .unwrap();
    let pragma = Statement::from_string(DbBackend::Sqlite, "PRAGMA journal_mode");
    let row = database.query_one_raw(pragma).await.unwrap().unwrap();
    row.try_get("", "journal_mode").unwrap()
}
