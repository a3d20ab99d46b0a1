//! The sources whose runs a caller may write, as part of the statements that write.

use std::sync::Arc;

use entity::SyncSource;
use sync_history::{
    db,
    events::{Events, commands::NewEvent},
    runs::{
        Error, Limits, RunColumns, Runs, WriteScope,
        commands::{CancelActive, Outcome, Progress},
    },
};

use crate::support::{DatabaseKind, TestClock, TestServer, apply, json, on_both_databases};

fn event(message: &str) -> NewEvent {
    NewEvent {
        id: Some("0197d2c4-8a3e-7c1b-9f00-0000000000e1".parse().unwrap()),
        event_type: "chunk".to_owned(),
        message: message.to_owned(),
        timestamp: None,
        details: None,
    }
}

/// Nothing else checks the source here, so each call fails only if its statement does.
#[apply(on_both_databases)]
#[tokio::test]
async fn a_statement_that_writes_enforces_the_allowed_sources(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let id = server
        .create_run(json!({"entityType": "STOCK", "source": "FILE"}))
        .await;
    let run_id = id.parse().unwrap();
    let database = db::connect(&server.database_url).await.unwrap();
    let runs = Runs::new(database, Arc::new(TestClock::default()), Limits::default());
    let events = Events::new(&runs);
    let scope = WriteScope::Sources(vec![SyncSource::As400, SyncSource::Api]);
    let columns = RunColumns::WithoutDetails;
    let (outcome, progress) = (Outcome::cancelled(None), Progress::default());
    let merging = Progress {
        details: Some(json!({"key": 1})),
        ..Progress::default()
    };

    let before = runs.get(run_id).await.unwrap();
    let errors = [
        runs.start(run_id, &scope).await.unwrap_err(),
        runs.report_progress(run_id, progress, &scope)
            .await
            .unwrap_err(),
        runs.report_progress(run_id, merging, &scope)
            .await
            .unwrap_err(),
        runs.complete(run_id, &outcome, &scope, columns)
            .await
            .unwrap_err(),
        events
            .add(run_id, event("one"), &scope, None)
            .await
            .unwrap_err(),
        events
            .add_many(run_id, Vec::new(), &scope, None)
            .await
            .unwrap_err(),
    ];
    for error in errors {
        assert!(
            matches!(&error, Error::SourceNotAllowed { run_source } if run_source == "file"),
            "{error:?}"
        );
    }
    let cancel = CancelActive {
        all: true,
        ..CancelActive::default()
    };
    assert!(
        runs.cancel_active(&cancel, &scope, RunColumns::All)
            .await
            .unwrap()
            .runs
            .is_empty()
    );
    assert_eq!(runs.get(run_id).await.unwrap(), before);

    // The same calls succeed once the run is of an allowed source, and fail again once it no longer is.
    let set_source = async |source: &str| {
        let table = server.table("sync_history");
        let id = server.id_literal(&id);
        let sql = format!("UPDATE {table} SET source = '{source}' WHERE id = {id}");
        server.execute_sql(&sql).await;
    };
    set_source("api").await;
    runs.start(run_id, &scope).await.unwrap();
    let added = events
        .add(run_id, event("one"), &scope, Some(columns))
        .await;
    assert_eq!(added.unwrap().run.unwrap().source, "api");
    let replayed = events.add(run_id, event("one"), &scope, None).await;
    assert!(replayed.unwrap().replayed);
    // Of a source that no key can be bound to.
    set_source("tape").await;
    let replayed = events.add(run_id, event("one"), &scope, None).await;
    assert!(matches!(replayed, Err(Error::SourceNotAllowed { .. })));
    let completed = runs.complete(run_id, &outcome, &scope, columns).await;
    assert!(matches!(completed, Err(Error::SourceNotAllowed { .. })));
    let unbound = WriteScope::AllSources;
    let completed = runs.complete(run_id, &outcome, &unbound, columns).await;
    assert_eq!(completed.unwrap().run.status, "cancelled");
}
