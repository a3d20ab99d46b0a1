//! Freshness of pairs: which are named, what is learned, and when they become late.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sync_history::clock::Clock;

use crate::support::{
    DatabaseKind, Options, TestServer, Value, apply, code, json, on_both_databases,
};

const FIELDS: &str =
    "entityType source state lastRun { id status } lastSuccess { id status completedAt }
    secondsSinceLastSuccess expectedIntervalSeconds consecutiveFailures lateAt";

async fn freshness(server: &TestServer, arguments: &str) -> Vec<Value> {
    let query = format!("{{ syncFreshness{arguments} {{ {FIELDS} }} }}");
    let mut data = server.data(&query, json!({})).await;
    serde_json::from_value(data["syncFreshness"].take()).unwrap()
}

/// Returns the only pair.
async fn only(server: &TestServer) -> Value {
    let mut all = freshness(server, "").await;
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}

/// Inserts runs as another writer does: pair, status, start and minutes until the end.
async fn insert(server: &TestServer, runs: &[(&str, &str, &str, DateTime<Utc>, i64)]) {
    let text = |at: DateTime<Utc>| format!("'{}'", at.format("%Y-%m-%dT%H:%M:%S%.6f+00:00"));
    let id = if server.is_on_postgres() {
        "gen_random_uuid()"
    } else {
        "randomblob(16)"
    };
    for runs in runs.chunks(500) {
        let rows = runs.iter().map(|(entity_type, source, status, started, minutes)| {
            let ended = match *status {
                "pending" | "running" => "NULL".to_owned(),
                _ => text(*started + TimeDelta::minutes(*minutes)),
            };
            let started = text(*started);
            format!("({id}, '{entity_type}', '{source}', '{status}', {started}, {ended}, 0, 0, 0, 0)")
        });
        let table = server.table("sync_history");
        let insert = format!(
            "INSERT INTO {table} (id, entity_type, source, status, started_at, completed_at, \
                records_processed, records_created, records_updated, records_failed) VALUES {}",
            rows.collect::<Vec<_>>().join(", ")
        );
        server.execute_sql(&insert).await;
    }
}

fn pairs(all: &[Value]) -> Vec<String> {
    let pairs = all.iter().map(|one| {
        let name = |field: &str| one[field].as_str().unwrap().to_owned();
        format!(
            "{}/{} {}",
            name("entityType"),
            name("source"),
            name("state")
        )
    });
    pairs.collect()
}

#[apply(on_both_databases)]
#[tokio::test]
async fn pairs_are_those_that_ran_that_arguments_name_or_that_are_configured(
    database: DatabaseKind,
) {
    let options = Options {
        expect: &["pricing/file=2h"],
        ..Options::default()
    };
    let server = TestServer::start_with(database, options).await;
    let never = |arguments: &'static str| async { pairs(&freshness(&server, arguments).await) };
    assert_eq!(never("").await, ["PRICING/FILE NEVER"]);
    server.create_stock_run().await;
    let now = server.clock.now();
    insert(
        &server,
        &[
            ("order", "api", "completed", now, 5),
            ("teletext", "api", "completed", now, 5),
        ],
    )
    .await;
    let all = ["STOCK/AS400 NEVER", "PRICING/FILE NEVER", "ORDER/API FRESH"];
    assert_eq!(never("").await, all);
    assert_eq!(
        never("(entityType: [ORDER, STOCK])").await,
        [all[0], all[2]]
    );
    assert_eq!(never("(source: FILE)").await, [all[1]]);
    assert_eq!(never("(source: FILEMAKER)").await, [] as [&str; 0]);
    let named = never("(entityType: [ORDER, CUSTOMER], source: [API, AS400])").await;
    let expected = [
        "CUSTOMER/AS400 NEVER",
        "CUSTOMER/API NEVER",
        "ORDER/AS400 NEVER",
        all[2],
    ];
    assert_eq!(named, expected);
    assert_eq!(
        never("(entityType: [], source: [API])").await,
        [] as [&str; 0]
    );
    assert_eq!(never("(entityType: null, source: API)").await, [all[2]]);
    let unknown = "{ syncFreshness(entityType: UNKNOWN) { state } }";
    let error = server.error(unknown, json!({})).await;
    assert_eq!(code(&error), "BAD_INPUT");
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("entityType is UNKNOWN"),
        "{error}"
    );
    let unread = server
        .data(
            "{ syncFreshness(source: API, entityType: STOCK) { lastRun { id } lateAt } }",
            json!({}),
        )
        .await;
    assert_eq!(
        unread["syncFreshness"],
        json!([{"lastRun": null, "lateAt": null}])
    );
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_configured_pair_is_late_at_exactly_that_age(database: DatabaseKind) {
    let options = Options {
        expect: &["stock/as400=2h"],
        ..Options::default()
    };
    let server = TestServer::start_with(database, options).await;
    let never = only(&server).await;
    assert_eq!(never["expectedIntervalSeconds"], 7200.0);
    assert_eq!(
        (&never["state"], &never["lateAt"]),
        (&json!("NEVER"), &Value::Null)
    );
    let run = server.create_stock_run().await;
    server.clock.advance(Duration::from_mins(10));
    server
        .complete_run(&run, json!({"status": "COMPLETED"}))
        .await;
    let fresh = only(&server).await;
    assert_eq!(fresh["state"], "FRESH");
    assert_eq!(fresh["lateAt"], "2026-11-23T11:10:00.000000Z");
    assert_eq!(fresh["lastSuccess"]["id"], run.as_str());
    assert_eq!(fresh["lastRun"]["status"], "COMPLETED");
    assert_eq!(fresh["secondsSinceLastSuccess"], 0.0);
    server
        .clock
        .advance(Duration::from_hours(2) - Duration::from_micros(1));
    assert_eq!(only(&server).await["state"], "FRESH");
    server.clock.advance(Duration::from_micros(1));
    let late = only(&server).await;
    assert_eq!(
        (&late["state"], &late["secondsSinceLastSuccess"]),
        (&json!("LATE"), &json!(7200.0))
    );
    server
        .clock
        .advance(Duration::from_hours(2) - Duration::from_micros(1));
    assert_eq!(only(&server).await["state"], "LATE");
    server.clock.advance(Duration::from_micros(1));
    assert_eq!(only(&server).await["state"], "STALE");
    let run = server.create_stock_run().await;
    assert_eq!(
        only(&server).await["lastRun"],
        json!({"id": run, "status": "PENDING"})
    );
    server.complete_run(&run, json!({"status": "FAILED"})).await;
    let failed = only(&server).await;
    assert_eq!(
        (&failed["state"], &failed["consecutiveFailures"]),
        (&json!("STALE"), &json!(1))
    );
    let run = server.create_stock_run().await;
    server
        .complete_run(&run, json!({"status": "COMPLETED"}))
        .await;
    let fresh = only(&server).await;
    assert_eq!(
        (&fresh["state"], &fresh["consecutiveFailures"]),
        (&json!("FRESH"), &json!(0))
    );
}

#[apply(on_both_databases)]
#[tokio::test]
async fn the_interval_is_learned_from_the_history_of_the_pair(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let now = server.clock.now();
    let mut runs = Vec::new();
    for night in 1..=60 {
        let start = now - TimeDelta::days(night);
        runs.push(("stock", "as400", "completed", start, 30));
        // Every hour in office hours, from Monday to Friday: now is Monday, 9 o'clock.
        for hour in 0..10 {
            if !matches!(night % 7, 1 | 2) {
                runs.push((
                    "pricing",
                    "api",
                    "completed",
                    start + TimeDelta::hours(hour),
                    2,
                ));
            }
        }
        // Each attempt fails before it succeeds.
        for minute in 0..5 {
            let start = start - TimeDelta::minutes(minute + 10);
            runs.push(("stock", "as400", "failed", start, 1));
        }
    }
    insert(&server, &runs).await;
    let all = freshness(&server, "").await;
    let [stock, pricing] = all.as_slice() else {
        panic!("{all:#?}")
    };
    assert_eq!(stock["expectedIntervalSeconds"], 86_400.0);
    assert_eq!(stock["consecutiveFailures"], 0);
    // The last night ended at 9:30, and 15 percent of a day are 3:36 hours.
    assert_eq!(stock["lateAt"], "2026-11-23T13:06:00.000000Z");
    assert_eq!(stock["state"], "FRESH");
    // After Friday, 18 o'clock, comes Monday, 9 o'clock.
    assert_eq!(pricing["expectedIntervalSeconds"], 63.0 * 3600.0);
    assert_eq!(pricing["state"], "FRESH");
    server.clock.advance(Duration::from_mins(4 * 60 + 6));
    let late = freshness(&server, "(entityType: STOCK)").await;
    assert_eq!(late[0]["state"], "LATE");
    insert(&server, &[("pricing", "api", "completed", now, 2)]).await;
    let pricing = freshness(&server, "(entityType: PRICING)").await;
    assert_eq!(pricing[0]["expectedIntervalSeconds"], 3600.0);
}

#[apply(on_both_databases)]
#[tokio::test]
async fn failures_since_the_last_success_are_counted_up_to_a_limit(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let now = server.clock.now();
    let minute = |minutes: i64| now + TimeDelta::minutes(minutes);
    let mut runs = vec![
        ("stock", "as400", "failed", minute(0), 1),
        ("stock", "as400", "completed", minute(1), 1),
        ("stock", "as400", "failed", minute(2), 1),
        ("stock", "as400", "cancelled", minute(3), 1),
        ("stock", "as400", "failed", minute(4), 1),
        ("stock", "as400", "running", minute(5), 1),
    ];
    runs.extend((0..1100).map(|number| ("order", "api", "failed", minute(number), 1)));
    insert(&server, &runs).await;
    let all = freshness(&server, "").await;
    assert_eq!(all[0]["consecutiveFailures"], 2);
    assert_eq!(all[0]["lastRun"]["status"], "RUNNING");
    assert_eq!(all[1]["consecutiveFailures"], 1000);
    assert_eq!(pairs(&all), ["STOCK/AS400 FRESH", "ORDER/API NEVER"]);
}

#[apply(on_both_databases)]
#[tokio::test]
async fn values_of_other_writers_that_cannot_be_represented_do_no_harm(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let now = server.clock.now();
    let runs: Vec<_> = (0..8)
        .map(|day| ("stock", "as400", "completed", now - TimeDelta::days(day), 1))
        .collect();
    insert(&server, &runs).await;
    let table = server.table("sync_history");
    let values = if server.is_on_postgres() {
        ["'infinity'", "'-infinity'", "'200000-01-01'", "NULL"]
    } else {
        [
            "'2026-01-01'",
            "'2026-01-01 07:00'",
            "'0000-01-01T00:00:00+00:00'",
            "NULL",
        ]
    };
    for value in values {
        server
            .execute_sql(&format!("UPDATE {table} SET completed_at = {value}"))
            .await;
        assert_eq!(
            only(&server).await["lastRun"]["status"],
            "COMPLETED",
            "{value}"
        );
        if value != "NULL" {
            server
                .execute_sql(&format!("UPDATE {table} SET started_at = {value}"))
                .await;
            assert_eq!(
                only(&server).await["lastRun"]["status"],
                "COMPLETED",
                "{value}"
            );
        }
    }
}

#[tokio::test]
async fn the_freshness_of_an_adopted_postgres_database_is_learned_from_its_history() {
    let server = TestServer::start_on_existing_database().await;
    let all = freshness(&server, "").await;
    let expected = [
        "PRODUCT/AS400 STALE",
        "MEASUREMENT/AS400 STALE",
        "STOCK/AS400 STALE",
        "PRICING/AS400 STALE",
        "PRICING/FILE STALE",
        "MANUFACTURER/FILEMAKER FRESH",
        "CUSTOMER/FILEMAKER LATE",
        "ORDER/API STALE",
        "AUTOCARE/FILE FRESH",
        "AUTOCARE/EXTERNAL FRESH",
    ];
    assert_eq!(pairs(&all), expected);
    assert_eq!(all[2]["lateAt"], "2026-11-20T06:45:24.100484Z");
    assert_eq!(all[8]["expectedIntervalSeconds"], Value::Null);
}
