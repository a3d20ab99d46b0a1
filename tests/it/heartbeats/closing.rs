//! Runs of which nothing is reported are closed, unless a report comes first.

use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, TransactionTrait};
use tokio::time::sleep;

use super::{MAX_DELAY, server_events, time};
use crate::support::{DatabaseKind, Postgres, TestServer, Value, apply, json, on_both_databases};

#[apply(on_both_databases)]
#[tokio::test]
async fn a_silent_run_is_closed_once_over_two_replicas(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let replica = server.replica().await;
    let untouched = server.create_stock_run().await;
    let before = Instant::now();
    let pending = server
        .create_run(json!({"entityType": "STOCK", "source": "API", "heartbeatTimeoutSeconds": 1}))
        .await;
    let mut ids = vec![pending];
    for _ in 0..20 {
        ids.push(server.create_watched_run(1).await);
    }
    for id in &ids {
        let run = replica.wait_until_lost(id).await;
        assert!(before.elapsed() < MAX_DELAY + Duration::from_secs(1));
        assert_eq!(run["status"], "FAILED");
        let message = "No report for 1 s: the run was closed as lost";
        assert_eq!(run["errorMessage"], message);
        assert_eq!(run["version"], 2);
        assert_eq!(run["completedAt"], run["lostAt"]);
        assert_eq!(run["recoveredAt"], Value::Null);
        let silence = time(&run["lostAt"]) - time(&run["lastHeartbeatAt"]);
        assert!(
            (1000..6000).contains(&silence.num_milliseconds()),
            "{run:#}"
        );
        let events = run["events"]["nodes"].as_array().unwrap();
        assert_eq!(events.len(), 1, "{run:#}");
        assert_eq!(events[0]["eventType"], "lost");
        assert_eq!(events[0]["timestamp"], run["lostAt"]);
        let last = run["lastHeartbeatAt"].as_str().unwrap();
        assert!(events[0]["message"].as_str().unwrap().contains(last));
    }
    sleep(Duration::from_secs(2)).await;
    for id in &ids {
        assert_eq!(server.count_changes_of(id).await, 2);
        assert_eq!(server_events(&server.read(id).await), ["lost"]);
    }
    assert_eq!(server.read(&untouched).await["version"], 1);
    assert_eq!(server.read(&untouched).await["lostAt"], Value::Null);
}

#[apply(on_both_databases)]
#[tokio::test]
async fn every_kind_of_report_keeps_a_run_open(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let create = async || server.create_watched_run(2).await;
    let (heartbeats, events, foreign_events) = (create().await, create().await, create().await);
    let (progress, foreign_progress) = (create().await, create().await);
    let reported = [
        &heartbeats,
        &events,
        &foreign_events,
        &progress,
        &foreign_progress,
    ];
    let silent = create().await;
    for number in 1..=12 {
        sleep(Duration::from_millis(500)).await;
        server.heartbeat(&heartbeats).await;
        // The time that the worker gives does not count.
        let event =
            json!({"eventType": "chunk", "message": "", "timestamp": "2020-01-01T00:00:00Z"});
        server.add_events(&events, json!([event])).await;
        server
            .execute_sql(&server.insert_event(&foreign_events))
            .await;
        // The same counts are a report, too.
        server
            .report_progress(&progress, json!({"recordsProcessed": 1}))
            .await;
        let processed = format!("records_processed = {number}");
        server.update_run(&foreign_progress, &processed).await;
    }
    assert!(server.is_lost(&silent).await);
    for id in reported {
        let run = server.read(id).await;
        assert_eq!(run["lostAt"], Value::Null, "{run:#}");
    }
    for id in reported {
        server.wait_until_lost(id).await;
    }
}

#[tokio::test]
async fn an_open_transaction_delays_the_closing_of_its_run_only_on_postgres() {
    let server = TestServer::start(Postgres).await;
    let connection = server.external_connection().await;
    let reported = server.create_watched_run(2).await;
    let other = server.create_watched_run(2).await;
    let transaction = connection.begin().await.unwrap();
    let insert = server.insert_event(&reported);
    transaction.execute_unprepared(&insert).await.unwrap();
    let before = Instant::now();
    server.wait_until_lost(&other).await;
    assert!(before.elapsed() < MAX_DELAY);
    sleep(Duration::from_secs(3)).await;
    assert!(!server.is_lost(&reported).await);
    transaction.commit().await.unwrap();
    // The report became visible now.
    let committed = Instant::now();
    sleep(Duration::from_millis(500)).await;
    let run = server.wait_until_lost(&reported).await;
    assert!(committed.elapsed() > Duration::from_secs(1), "{run:#}");
    assert!(committed.elapsed() < Duration::from_secs(2) + MAX_DELAY);
    assert_eq!(server_events(&run), ["lost"]);
}

#[tokio::test]
async fn a_run_that_the_database_rejects_to_close_does_not_prevent_others_on_postgres() {
    let server = TestServer::start(Postgres).await;
    let rejected = server.create_watched_run(1).await;
    server
        .execute_sql(&format!(
            "CREATE FUNCTION reject() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE EXCEPTION 'not this one'; END $$;
            CREATE TRIGGER reject BEFORE UPDATE ON sync_history.sync_history FOR EACH ROW
            WHEN (NEW.id = '{rejected}' AND NEW.status = 'failed') EXECUTE FUNCTION reject()"
        ))
        .await;
    let other = server.create_watched_run(1).await;
    server.wait_until_lost(&other).await;
    assert!(!server.is_lost(&rejected).await);
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_killed_worker_leaves_a_run_that_is_closed_after_a_restart(database: DatabaseKind) {
    let mut server = TestServer::start(database).await;
    let id = server.create_watched_run(1).await;
    server.stop().await;
    sleep(Duration::from_secs(2)).await;
    let restarted = server.replica().await;
    let before = Instant::now();
    let run = restarted.wait_until_lost(&id).await;
    assert!(before.elapsed() < MAX_DELAY);
    assert_eq!(server_events(&run), ["lost"]);
}

/// Reports on a run about when it is being closed, and checks that what follows is explained by one order of the two.
async fn race(server: &TestServer, replica: &TestServer, number: u64) {
    let timeout = chrono::TimeDelta::seconds(1);
    let id = server.create_watched_run(1).await;
    // The polls of the servers are a second apart.
    sleep(Duration::from_millis(900 + number * 37 % 1300)).await;
    let server = if number.is_multiple_of(2) {
        server
    } else {
        replica
    };
    match number % 4 {
        0 => {
            let response = server.heartbeat(&id).await;
            let run = server.wait_until_lost(&id).await;
            if response.get("errors").is_none() {
                let reported = &response["data"]["reportSyncProgress"]["run"]["lastHeartbeatAt"];
                assert!(time(&run["lostAt"]) - time(reported) >= timeout, "{run:#}");
            } else {
                let finished = &response["errors"][0]["extensions"];
                assert_eq!(finished["code"], "ALREADY_FINISHED");
                assert_eq!(finished["run"]["lostAt"], run["lostAt"]);
            }
            assert_eq!(server_events(&run), ["lost"]);
            assert_eq!(server.count_changes_of(&id).await, 2);
        }
        1 => {
            server.execute_sql(&server.insert_event(&id)).await;
            let run = server.wait_until_lost(&id).await;
            let silence = time(&run["lostAt"]) - time(&run["lastHeartbeatAt"]);
            // The event waited for the closing, or the closing was prevented by it.
            let is_event_late = silence < chrono::TimeDelta::milliseconds(500);
            assert!(is_event_late || silence >= timeout, "{run:#}");
            assert_eq!(server_events(&run), ["lost"]);
        }
        kind => {
            let status = if kind == 2 { "COMPLETED" } else { "FAILED" };
            let response = server.complete(&id, json!({"status": status})).await;
            assert!(response.get("errors").is_none(), "{response:#}");
            let run = server.read(&id).await;
            assert_eq!(run["status"], status);
            assert_eq!(run["errorMessage"], Value::Null);
            assert_eq!(run["lostAt"].is_null(), run["recoveredAt"].is_null());
            let (events, changes): (&[&str], _) = if run["lostAt"].is_null() {
                (&[], 2)
            } else {
                (&["lost", "recovered"], 3)
            };
            assert_eq!(server_events(&run), events);
            assert_eq!(server.count_changes_of(&id).await, changes);
        }
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn late_reports_and_the_closing_happen_one_after_the_other(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let replica = server.replica().await;
    if database == Postgres {
        // Closings take a while, so that reports wait for them.
        let sql = "CREATE FUNCTION delay() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_sleep(0.05); RETURN NEW; END $$;
            CREATE TRIGGER delay BEFORE UPDATE ON sync_history.sync_history FOR EACH ROW
            WHEN (NEW.lost_at IS NOT NULL) EXECUTE FUNCTION delay()";
        server.execute_sql(sql).await;
    }
    let races = (0..60).map(|number| race(&server, &replica, number));
    futures_util::future::join_all(races).await;
}
