//! The feed under concurrent writers: every committed change once, in order, through any replica.

use std::{
    collections::HashMap,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_graphql::{Request, Variables};
use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use sync_history::{
    auth::{Principal, Scopes},
    clock::Clock,
    db,
    feed::{self, ChangeFeed},
    graphql::{self, Executor, Output},
    runs::{Limits, Runs},
};
use uuid::Uuid;

use crate::support::{
    Cluster, DatabaseKind, Postgres, Sqlite, TestClock, Value, apply, json, on_both_databases,
    sqlite_url,
};

/// Duration of the writes.
const WRITE_TIME: Duration = Duration::from_secs(6);
const WRITERS: u64 = 16;
const SUBSCRIBERS: u64 = 6;

/// Pseudo-random numbers that are the same in each run of the test.
struct Random(AtomicU64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1))
    }

    fn below(&self, bound: u64) -> u64 {
        let mut x = self.0.load(Ordering::Relaxed);
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.0.store(x, Ordering::Relaxed);
        x % bound
    }

    async fn pause(&self, max_millis: u64) {
        tokio::time::sleep(Duration::from_millis(self.below(max_millis + 1))).await;
    }
}

/// Identifies a change: its run and time.
type Key = (Uuid, DateTime<Utc>);

/// Writes plain SQL on a connection of its own, in transactions of several statements with random
/// pauses. Every fifth transaction is rolled back.
async fn write(database: DatabaseKind, url: String, seed: u64, stop: Arc<AtomicBool>) {
    let random = Random::new(seed);
    let connection = connect(&url).await;
    let (table, begin, wait) = match database {
        Postgres => ("sync_history.sync_history", "BEGIN", 25),
        Sqlite => ("sync_history", "BEGIN IMMEDIATE", 1),
    };
    let literal = |id: u128| match database {
        Postgres => format!("'{}'", Uuid::from_u128(id)),
        Sqlite => format!("x'{}'", Uuid::from_u128(id).simple()),
    };
    while !stop.load(Ordering::Relaxed) {
        if connection.execute_unprepared(begin).await.is_err() {
            // Timed out waiting for SQLite's write lock.
            continue;
        }
        for _ in 0..=random.below(2) {
            // One of a hundred runs.
            let id = literal(u128::from(random.below(100)) + 1);
            let insert = format!(
                "INSERT INTO {table} (id, entity_type, source, status, started_at,
                    records_processed, records_created, records_updated, records_failed)
                VALUES ({id}, 'stock', 'as400', 'running', '2026-11-20T08:00:00+00:00', 0, 0, 0, 0)
                ON CONFLICT (id) DO UPDATE SET records_processed = {table}.records_processed + 1"
            );
            let insert =
                insert.replace("sync_history.sync_history.records", "sync_history.records");
            if connection.execute_unprepared(&insert).await.is_err() {
                // PostgreSQL aborted the transaction to resolve a deadlock.
                break;
            }
            random.pause(wait).await;
        }
        let end = if random.below(5) == 0 {
            "ROLLBACK"
        } else {
            "COMMIT"
        };
        connection.execute_unprepared(end).await.unwrap();
        random.pause(wait).await;
    }
}

/// Follows the feed as a client does: disconnects at random, and resumes at a random replica from its
/// last cursor.
async fn follow(
    replicas: Vec<Executor>,
    start: String,
    seed: u64,
    stop: Arc<AtomicBool>,
) -> (Vec<Key>, usize) {
    let random = Random::new(seed);
    let mut cursor = start;
    let (mut received, mut cuts) = (Vec::new(), 0);
    loop {
        let replica = &replicas[usize::try_from(random.below(replicas.len() as u64)).unwrap()];
        let request = Request::new(
            "subscription($after: String) {
                syncRunChanged(after: $after, kinds: [CREATED, STATUS, PROGRESS]) {
                    changedAt run { id } } }",
        );
        let request = request.variables(Variables::from_json(json!({"after": cursor})));
        let Ok(prepared) = replica.prepare(request, &principal(), |_| Ok::<_, ()>(())) else {
            panic!("the request is rejected")
        };
        let Ok(output) = replica.subscribe(prepared, None).await else {
            panic!("the database is unavailable")
        };
        let mut output = pin!(output);
        let limit = received.len() + usize::try_from(random.below(60)).unwrap();
        while received.len() <= limit {
            let next = tokio::time::timeout(Duration::from_secs(2), output.next()).await;
            let Ok(output) = next else {
                // No more changes.
                if stop.load(Ordering::Relaxed) {
                    return (received, cuts);
                }
                break;
            };
            let Some(Output::Frames(frames, first)) = output else {
                panic!("{output:?}")
            };
            for frame in &frames[first..] {
                frame.cursor.as_deref().unwrap().clone_into(&mut cursor);
                let response: Value = serde_json::from_str(&frame.json).unwrap();
                let change = &response["data"]["syncRunChanged"];
                let run = change["run"]["id"].as_str().unwrap().parse().unwrap();
                let at = change["changedAt"].as_str().unwrap().parse().unwrap();
                received.push((run, at));
            }
        }
        cuts += 1;
    }
}

fn principal() -> Arc<Principal> {
    Arc::new(Principal::anonymous(Scopes::all(), &"test"))
}

/// Returns the feed cursor after everything that is committed.
async fn feed_cursor(replica: &Executor) -> String {
    let request = Request::new("{ syncRuns(first: 1) { feedCursor } }");
    let Ok(prepared) = replica.prepare(request, &principal(), |_| Ok::<_, ()>(())) else {
        panic!("the request is rejected")
    };
    let response = replica.execute(prepared, ()).await.write();
    let response: Value = serde_json::from_str(&response).unwrap();
    let cursor = &response["data"]["syncRuns"]["feedCursor"];
    cursor.as_str().unwrap().to_owned()
}

/// Groups changes by run, in order.
fn by_run(changes: &[Key]) -> HashMap<Uuid, Vec<DateTime<Utc>>> {
    let mut runs: HashMap<_, Vec<_>> = HashMap::new();
    for (run, at) in changes {
        runs.entry(*run).or_default().push(*at);
    }
    runs
}

/// The naive way to follow the feed: remembers the highest `seq` seen.
async fn follow_naively(database: DatabaseKind, url: String, stop: Arc<AtomicBool>) -> Vec<Key> {
    let connection = connect(&url).await;
    let (mut last, mut received, mut ended) = (0_i64, Vec::new(), false);
    loop {
        let rows = committed(database, &connection, last).await;
        last = rows.last().map_or(last, |(seq, _)| *seq);
        received.extend(rows.into_iter().map(|(_, key)| key));
        if ended {
            return received;
        }
        ended = stop.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn committed(
    database: DatabaseKind,
    connection: &DatabaseConnection,
    after: i64,
) -> Vec<(i64, Key)> {
    let (table, backend) = match database {
        Postgres => ("sync_history.sync_change", DbBackend::Postgres),
        Sqlite => ("sync_change", DbBackend::Sqlite),
    };
    let sql =
        format!("SELECT seq, run_id, changed_at FROM {table} WHERE seq > {after} ORDER BY seq");
    let rows = connection
        .query_all_raw(Statement::from_string(backend, sql))
        .await
        .unwrap();
    rows.iter()
        .map(|row| {
            let key = (
                row.try_get("", "run_id").unwrap(),
                row.try_get("", "changed_at").unwrap(),
            );
            (row.try_get("", "seq").unwrap(), key)
        })
        .collect()
}

async fn connect(url: &str) -> DatabaseConnection {
    let mut options = sea_orm::ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false);
    sea_orm::Database::connect(options).await.unwrap()
}

#[apply(on_both_databases)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_committed_change_is_delivered_once_and_in_order(database: DatabaseKind) {
    let folder = tempfile::tempdir().unwrap();
    let url = match database {
        Sqlite => sqlite_url(&folder),
        Postgres => Cluster::get().empty_database().await,
    };
    let mut replicas = Vec::new();
    for _ in 0..if database == Postgres { 2 } else { 1 } {
        let database = db::connect(&url).await.unwrap();
        let clock = Arc::new(TestClock::default());
        let runs = Runs::new(database.clone(), clock.clone(), Limits::default());
        let (signal, settings) = (runs.change_signal(), feed::Settings::default());
        let feed = ChangeFeed::start(database, clock.new_id(), signal, settings).await;
        let limits = graphql::GraphqlLimits::default();
        replicas.push(Executor::new(runs, feed.unwrap(), limits));
    }
    let start = feed_cursor(&replicas[0]).await;
    // This transaction has written, and stays open until the writers have finished.
    let open = (database == Postgres).then_some(connect(&url).await);
    if let Some(open) = &open {
        let write = "BEGIN; INSERT INTO sync_history.sync_history (id, entity_type, source, status,
            records_processed, records_created, records_updated, records_failed)
            VALUES (gen_random_uuid(), 'order', 'api', 'running', 0, 0, 0, 0)";
        open.execute_unprepared(write).await.unwrap();
    }

    let (stop_writers, stop_readers) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(false)),
    );
    let writers: Vec<_> = (0..WRITERS)
        .map(|seed| {
            tokio::spawn(write(
                database,
                url.clone(),
                seed + 1,
                Arc::clone(&stop_writers),
            ))
        })
        .collect();
    let subscribers: Vec<_> = (0..SUBSCRIBERS)
        .map(|seed| {
            let stop = Arc::clone(&stop_readers);
            tokio::spawn(follow(replicas.clone(), start.clone(), seed + 100, stop))
        })
        .collect();
    let naive = tokio::spawn(follow_naively(
        database,
        url.clone(),
        Arc::clone(&stop_readers),
    ));
    tokio::time::sleep(WRITE_TIME).await;
    stop_writers.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    if let Some(open) = open {
        open.execute_unprepared("COMMIT").await.unwrap();
    }
    stop_readers.store(true, Ordering::Relaxed);

    let expected: Vec<Key> = committed(database, &connect(&url).await, 0)
        .await
        .into_iter()
        .map(|(_, key)| key)
        .collect();
    assert!(expected.len() > 200, "only {} changes", expected.len());
    for subscriber in subscribers {
        let (received, cuts) = subscriber.await.unwrap();
        assert!(cuts > 3);
        assert_eq!(received.len(), expected.len(), "after {cuts} cuts");
        assert!(
            by_run(&received) == by_run(&expected),
            "changes are lost, duplicated or out of order, after {cuts} cuts"
        );
    }
    let naive = naive.await.unwrap();
    if database == Postgres {
        assert!(
            naive.len() < expected.len(),
            "the naive reader lost no change: the test does not create the race"
        );
    }
}
