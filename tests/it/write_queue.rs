//! SQLite's write queue: waiting writes share a transaction, and have separate results.

mod store;

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use sync_history::db;
use tokio::{sync::Notify, task, time};

use crate::support::{Sqlite, TestServer, Value, code, json};
use store::{Store, commits, insert, insert_twice_and_fail};

const CREATE: &str = "mutation($input: CreateSyncRunInput!) { createSyncRun(input: $input) { replayed run { id } } }";
const ADD: &str =
    "mutation($input: AddSyncEventsInput!) { addSyncEvents(input: $input) { replayedCount } }";

/// Time for concurrent HTTP requests to reach the queue, while a lock holds it up. Nothing outside the
/// server shows that a request is in the queue.
const ARRIVAL_TIME: Duration = Duration::from_millis(500);

#[tokio::test]
async fn concurrent_writes_share_a_commit_and_have_separate_results() {
    let server = TestServer::start(Sqlite).await;
    let run = server.create_stock_run().await;
    let id = "0197d2c4-8a3e-7c1b-9f00-3b5a1c2d4e6f";
    let event = |message: &str| json!({"id": id, "eventType": "x", "message": message});
    let add = |events: Value| json!({"input": {"runId": run, "events": events}});
    server.data(ADD, add(json!([event("stored")]))).await;

    let lock = server.external_connection().await;
    lock.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();
    let before = commits(&server.database_url);
    let input = json!({"entityType": "STOCK", "source": "AS400"});
    let good = |_| server.data(CREATE, json!({"input": input}));
    let (mut unknown_user, mut taken) = (input.clone(), input.clone());
    unknown_user["triggeredById"] = json!(id);
    taken["id"] = json!(run);
    taken["entityType"] = json!("ORDER");
    // The second event conflicts with a stored one, so the first is rolled back as well.
    let partly_conflicting = json!([{"eventType": "x", "message": "new"}, event("different")]);
    let bad = [
        (CREATE, json!({"input": unknown_user}), "NOT_FOUND"),
        (CREATE, json!({"input": taken}), "ID_CONFLICT"),
        (ADD, add(partly_conflicting), "ID_CONFLICT"),
    ];
    let bad = bad.iter().map(async |(query, variables, expected)| {
        let error = server.error(query, variables.clone()).await;
        assert_eq!(code(&error), *expected, "{error}");
    });
    let release = async {
        time::sleep(ARRIVAL_TIME).await;
        lock.execute_unprepared("COMMIT").await.unwrap();
    };
    let (created, _, ()) = tokio::join!(join_all((0..30).map(good)), join_all(bad), release);

    let shared = commits(&server.database_url) - before;
    assert!((1..=15).contains(&shared), "{shared} commits");
    for created in created {
        let id = created["createSyncRun"]["run"]["id"].as_str().unwrap();
        assert_eq!(server.get_run(id).await["id"], id);
    }
    let counts = server
        .data(
            "{ syncRuns { totalCount } syncEvents { totalCount } }",
            json!({}),
        )
        .await;
    assert_eq!(counts["syncRuns"]["totalCount"], 31);
    assert_eq!(counts["syncEvents"]["totalCount"], 1);
}

#[tokio::test]
async fn one_of_several_concurrent_repetitions_is_stored() {
    let server = TestServer::start(Sqlite).await;
    let run = server.create_stock_run().await;
    let id = "0197d2c4-8a3e-7c1b-9f00-3b5a1c2d4e6f";
    let lock = server.external_connection().await;
    lock.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();
    let input = json!({"id": id, "entityType": "STOCK", "source": "AS400"});
    let event_id = "0197d2c4-8a3e-7c1b-9f00-3b5a1c2d4e70";
    let event = json!({"id": event_id, "eventType": "x", "message": "same"});
    let added = json!({"runId": run, "events": [event]});
    let repeated = async |query: &'static str, input: &Value| {
        let requests = (0..5).map(|_| server.data(query, json!({"input": input})));
        join_all(requests).await
    };
    let different = async {
        // Arrives after the others.
        time::sleep(ARRIVAL_TIME / 2).await;
        let mut input = input.clone();
        input["entityType"] = json!("ORDER");
        server.error(CREATE, json!({"input": input})).await
    };
    let release = async {
        time::sleep(ARRIVAL_TIME).await;
        lock.execute_unprepared("COMMIT").await.unwrap();
    };
    let (created, added, error, ()) = tokio::join!(
        repeated(CREATE, &input),
        repeated(ADD, &added),
        different,
        release
    );
    let is_new = |created: &&Value| created["createSyncRun"]["replayed"] == false;
    assert_eq!(created.iter().filter(is_new).count(), 1, "{created:?}");
    let is_new = |added: &&Value| added["addSyncEvents"]["replayedCount"] == 0;
    assert_eq!(added.iter().filter(is_new).count(), 1, "{added:?}");
    assert_eq!(code(&error), "ID_CONFLICT", "{error}");
}

#[tokio::test]
async fn waiting_statements_share_commits_and_fail_independently() {
    let store = Store::open().await;
    let add = |name: &str, address: &str| {
        let database = store.database.clone();
        let statement = Statement::from_sql_and_values(
            DbBackend::Sqlite,
            "INSERT INTO \"user\" VALUES (randomblob(16), ?, ?) RETURNING full_name; SELECT changes()",
            [address.into(), name.into()],
        );
        tokio::spawn(async move {
            database
                .transaction(|connection| connection.query_all_raw(statement))
                .await
        })
    };
    let before = commits(&store.url);
    let lock = store.lock().await;
    let first = add("first", "first@example.test");
    let waiting: Vec<_> = (0..37)
        .map(|n| add(&format!("number {n}"), &format!("{n}@example.test")))
        .collect();
    let cancelled = add("gone", "gone@example.test");
    enqueue_spawned().await;
    cancelled.abort();
    lock.execute_unprepared("COMMIT").await.unwrap();
    let rows = first.await.unwrap().unwrap();
    assert_eq!(rows.len(), 2);
    for (n, rows) in waiting.into_iter().enumerate() {
        let rows = rows.await.unwrap().unwrap();
        let name: String = rows[0].try_get_by_index(0).unwrap();
        let changes: i64 = rows[1].try_get_by_index(0).unwrap();
        assert_eq!((name, changes, rows.len()), (format!("number {n}"), 1, 2));
    }
    let shared = commits(&store.url) - before;
    assert!(shared <= 12, "{shared} commits for 38 statements");

    // A failing statement does not affect the others.
    let lock = store.lock().await;
    let taken = add("taken", "3@example.test");
    let others: Vec<_> = (0..9)
        .map(|n| add(&format!("other {n}"), &format!("other{n}@example.test")))
        .collect();
    enqueue_spawned().await;
    lock.execute_unprepared("COMMIT").await.unwrap();
    let error = taken.await.unwrap().unwrap_err();
    assert_eq!(db::error::classify(&error), db::error::Failure::Duplicate);
    for other in others {
        assert_eq!(other.await.unwrap().unwrap().len(), 2);
    }
    let names = store.names().await;
    assert_eq!(names.len(), 47);
    assert!(!names.contains(&"taken".to_owned()) && !names.contains(&"gone".to_owned()));
}

#[tokio::test]
async fn a_single_write_is_one_commit() {
    let server = TestServer::start(Sqlite).await;
    let before = commits(&server.database_url);
    for _ in 0..3 {
        server.create_stock_run().await;
    }
    assert_eq!(commits(&server.database_url) - before, 3);
}

#[tokio::test]
async fn a_panicking_failing_or_cancelled_write_does_not_affect_its_batch() {
    let store = Store::open().await;
    let lock = store.lock().await;
    let first = store.insert("first");
    let panics = store.write(|_| Box::pin(async { panic!("on purpose") }));
    let fails = store.write(|connection| {
        Box::pin(async {
            insert(connection, "undone").await?;
            Err(DbErr::Custom("on purpose".to_owned()))
        })
    });
    let cancelled = store.insert("gone");
    let last = store.insert("last");
    enqueue_spawned().await;
    cancelled.abort();
    lock.execute_unprepared("COMMIT").await.unwrap();

    first.await.unwrap().unwrap();
    assert!(panics.await.unwrap_err().is_panic());
    let error = fails.await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "Custom Error: on purpose");
    last.await.unwrap().unwrap();
    assert_eq!(store.names().await, ["first", "last"]);
}

#[tokio::test]
async fn a_panicking_or_failing_first_write_does_not_affect_its_batch() {
    let store = Store::open().await;
    let panics = store.write(|_| Box::pin(async { panic!("on purpose") }));
    let fails = store.write(|connection| Box::pin(insert_twice_and_fail(connection)));
    let last = store.insert("last");
    assert!(panics.await.unwrap_err().is_panic());
    assert!(fails.await.unwrap().is_err());
    last.await.unwrap().unwrap();
    assert_eq!(store.names().await, ["last"]);
}

#[tokio::test]
async fn a_write_cancelled_midway_does_not_block_the_queue() {
    let store = Store::open().await;
    let (started, resume) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (has_started, may_continue) = (Arc::clone(&started), Arc::clone(&resume));
    let cancelled = store.write(move |connection| {
        Box::pin(async move {
            has_started.notify_one();
            may_continue.notified().await;
            insert(connection, "slow").await
        })
    });
    let next = store.insert("next");
    started.notified().await;
    cancelled.abort();
    resume.notify_one();
    next.await.unwrap().unwrap();
    assert_eq!(store.names().await, ["next", "slow"]);
}

#[tokio::test]
async fn a_rollback_by_sqlite_fails_the_whole_batch() {
    let store = Store::open().await;
    let rollback = || {
        store.write(|connection| {
            Box::pin(async {
                // SQLite does this when the disk is full, for example.
                connection.execute_unprepared("ROLLBACK").await?;
                Err(DbErr::Custom("on purpose".to_owned()))
            })
        })
    };
    let alone = rollback().await.unwrap().unwrap_err();
    assert_eq!(alone.to_string(), "Custom Error: on purpose");

    let lock = store.lock().await;
    let first = store.insert("first");
    let second = rollback();
    let third = store.insert("third");
    enqueue_spawned().await;
    lock.execute_unprepared("COMMIT").await.unwrap();
    let error = first.await.unwrap().unwrap_err();
    assert_eq!(db::error::classify(&error), db::error::Failure::Unavailable);
    let error = second.await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "Custom Error: on purpose");
    third.await.unwrap().unwrap();
    assert_eq!(store.names().await, ["third"]);
    store.database.probe_write().await.unwrap();
}

#[tokio::test]
async fn a_failing_commit_fails_the_whole_batch() {
    let store = Store::open().await;
    let lock = store.lock().await;
    let first = store.insert("first");
    let second = store.write(|connection| {
        Box::pin(async {
            // The violation is detected at commit.
            let sql = "PRAGMA defer_foreign_keys = ON; INSERT INTO sync_event \
                (id, sync_id, event_type, timestamp, message) \
                VALUES (randomblob(16), randomblob(16), 'x', '2026-01-01T00:00:00+00:00', 'x')";
            connection.execute_unprepared(sql).await?;
            Ok(())
        })
    });
    enqueue_spawned().await;
    lock.execute_unprepared("COMMIT").await.unwrap();
    assert!(first.await.unwrap().is_err());
    assert!(second.await.unwrap().is_err());
    store.insert("next").await.unwrap().unwrap();
    assert_eq!(store.names().await, ["next"]);
}

#[tokio::test]
async fn the_queue_does_not_starve_other_transactions() {
    let store = Store::open().await;
    let writers = join_all((0..8).map(async |_| {
        for _ in 0..20 {
            store.insert("x").await.unwrap().unwrap();
        }
    }));
    let others = async {
        for _ in 0..5 {
            store.database.probe_write().await.unwrap();
        }
    };
    tokio::join!(writers, others);
    assert_eq!(store.names().await.len(), 160);
}

#[tokio::test]
async fn queued_writes_are_committed_before_the_database_closes() {
    let store = Store::open().await;
    let lock = store.lock().await;
    // More than one batch.
    let writes: Vec<_> = (0..600).map(|_| store.insert("x")).collect();
    enqueue_spawned().await;
    let close = store.database.clone().close();
    let release = async {
        // Closing has begun: `join!` polls it first.
        lock.execute_unprepared("COMMIT").await.unwrap();
    };
    let (closed, ()) = tokio::join!(close, release);
    closed.unwrap();
    for write in writes {
        write.await.unwrap().unwrap();
    }
}

/// Lets the spawned writes run until they wait in the queue. Each does so when it is first polled, and
/// tests have a single thread.
async fn enqueue_spawned() {
    for _ in 0..100 {
        task::yield_now().await;
    }
}
