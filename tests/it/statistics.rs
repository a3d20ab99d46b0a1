//! Statistics over runs.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, TimeZone, Timelike, Utc};
use chrono_tz::Tz;
use sea_orm::{ConnectionTrait, Statement};

use crate::support::{DatabaseKind, TestServer, Value, apply, code, json, on_both_databases};

const FIELDS: &str = "status source entityType bucketStart runs pending running completed failed cancelled successRate
    averageDurationSeconds p50DurationSeconds p95DurationSeconds maxDurationSeconds recordsProcessed recordsCreated
    recordsUpdated recordsFailed";

async fn stats(server: &TestServer, arguments: &str) -> Vec<Value> {
    let query = format!("{{ syncRunStats{arguments} {{ {FIELDS} }} }}");
    let mut data = server.data(&query, json!({})).await;
    serde_json::from_value(data["syncRunStats"].take()).unwrap()
}

/// Inserts runs of all kinds as another writer does, around the changes of clocks in 2026.
async fn insert_random_runs(server: &TestServer, seed: u64, count: usize) {
    let mut state = seed;
    let mut random = |below: u64| {
        // SplitMix64: the same numbers in each run of the test.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    };
    let text = |at: DateTime<Utc>| format!("'{}'", at.format("%Y-%m-%dT%H:%M:%S%.6f+00:00"));
    let changes: [DateTime<Utc>; 4] = [
        "2026-03-28T20:00:00Z".parse().unwrap(),
        "2026-10-24T20:00:00Z".parse().unwrap(),
        "2026-04-04T10:00:00Z".parse().unwrap(),
        "2026-06-27T00:00:00Z".parse().unwrap(),
    ];
    let (id, table) = if server.is_on_postgres() {
        ("gen_random_uuid()", "sync_history.sync_history")
    } else {
        ("randomblob(16)", "sync_history")
    };
    let mut rows = Vec::new();
    for _ in 0..count {
        let offset = chrono::Duration::microseconds(random(5 * 86_400_000_000).cast_signed());
        let started = changes[usize::try_from(random(4)).unwrap()] + offset;
        let status = ["pending", "running", "completed", "failed", "cancelled"];
        let status = status[usize::try_from(random(5)).unwrap()];
        let ended = started + chrono::Duration::microseconds(random(7_200_000_000).cast_signed());
        let has_ended = !matches!(status, "pending" | "running");
        let ended = if has_ended {
            text(ended)
        } else {
            "NULL".into()
        };
        let source = ["as400", "filemaker", "teletext"][usize::try_from(random(3)).unwrap()];
        let entity_type = ["stock", "order"][usize::try_from(random(2)).unwrap()];
        let started = text(started);
        let records: Vec<_> = (0..4).map(|_| random(2_000_000_000).to_string()).collect();
        let records = records.join(", ");
        rows.push(format!(
            "({id}, '{entity_type}', '{source}', '{status}', {started}, {ended}, {records})"
        ));
    }
    let insert = format!(
        "INSERT INTO {table} (id, entity_type, source, status, started_at, completed_at, records_processed, \
            records_created, records_updated, records_failed) VALUES {}",
        rows.join(", ")
    );
    server.execute_sql(&insert).await;
}

/// Returns all runs.
async fn runs(server: &TestServer) -> Vec<Value> {
    let query = "query($after: String) { syncRuns(first: 100, after: $after) { pageInfo { hasNextPage endCursor }
        nodes { status source entityType startedAt durationSeconds recordsProcessed recordsCreated recordsUpdated
            recordsFailed } } }";
    let mut runs: Vec<Value> = Vec::new();
    let mut after = Value::Null;
    loop {
        let data = server.data(query, json!({"after": after})).await;
        let page = &data["syncRuns"];
        runs.extend(page["nodes"].as_array().unwrap().iter().cloned());
        if page["pageInfo"]["hasNextPage"] == false {
            return runs;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}

/// Returns the start of the bucket of an instant, by the fields of its local time.
fn bucket_start(unit: &str, zone: Tz, at: DateTime<Utc>) -> DateTime<Utc> {
    let local = at.with_timezone(&zone);
    if unit == "HOUR" {
        let seconds = local.minute() * 60 + local.second();
        let start = at - chrono::Duration::seconds(seconds.into());
        return start.with_nanosecond(0).unwrap();
    }
    let date = local.date_naive();
    let first = match unit {
        "DAY" => date,
        "WEEK" => date - Days::new(date.weekday().num_days_from_monday().into()),
        _ => NaiveDate::from_ymd_opt(date.year(), date.month(), 1).unwrap() + Months::new(0),
    };
    let midnight = first.and_hms_opt(0, 0, 0).unwrap();
    zone.from_local_datetime(&midnight)
        .earliest()
        .unwrap()
        .to_utc()
}

fn percentile(sorted: &[f64], fraction: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "few runs")]
    let position = fraction * (sorted.len() - 1) as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index"
    )]
    let low = position.floor() as usize;
    let high = sorted[(low + 1).min(sorted.len() - 1)];
    sorted[low] + (high - sorted[low]) * position.fract()
}

/// Computes the statistics of runs, as rows by group and bucket.
fn expected(runs: &[Value], dimensions: &[&str], bucket: Option<(&str, Tz)>) -> Vec<Value> {
    let order = |value: &Value| {
        let values = [
            "PENDING",
            "RUNNING",
            "COMPLETED",
            "FAILED",
            "CANCELLED",
            "AS400",
            "FILEMAKER",
            "API",
            "STOCK",
            "ORDER",
            "UNKNOWN",
        ];
        values.iter().position(|known| value == known)
    };
    let mut groups: BTreeMap<_, Vec<&Value>> = BTreeMap::new();
    for run in runs {
        let at: DateTime<Utc> = run["startedAt"].as_str().unwrap().parse().unwrap();
        let start = bucket.map(|(unit, zone)| bucket_start(unit, zone, at));
        let of = |name: &str| {
            dimensions
                .contains(&name)
                .then(|| order(&run[name]).unwrap())
        };
        let key = (start, of("status"), of("source"), of("entityType"));
        groups.entry(key).or_default().push(run);
    }
    let rows = groups.into_iter().map(|((start, ..), runs)| {
        let count = |status: &str| runs.iter().filter(|run| run["status"] == status).count();
        let sum = |name: &str| {
            runs.iter()
                .map(|run| run[name].as_i64().unwrap())
                .sum::<i64>()
        };
        let durations = runs
            .iter()
            .filter_map(|run| run["durationSeconds"].as_f64());
        let mut durations: Vec<f64> = durations.collect();
        durations.sort_by(f64::total_cmp);
        let has = !durations.is_empty();
        let of = |name: &str| dimensions.contains(&name).then(|| runs[0][name].clone());
        let (completed, failed) = (count("COMPLETED"), count("FAILED"));
        #[expect(clippy::cast_precision_loss, reason = "few runs")]
        let average = durations.iter().sum::<f64>() / durations.len() as f64;
        #[expect(clippy::cast_precision_loss, reason = "few runs")]
        let rate = completed as f64 / (completed + failed) as f64;
        json!({
            "status": of("status"),
            "source": of("source"),
            "entityType": of("entityType"),
            "bucketStart": start.map(|start| start.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()),
            "runs": runs.len(),
            "pending": count("PENDING"),
            "running": count("RUNNING"),
            "completed": completed,
            "failed": failed,
            "cancelled": count("CANCELLED"),
            "successRate": (completed + failed > 0).then_some(rate),
            "averageDurationSeconds": has.then_some(average),
            "p50DurationSeconds": has.then(|| percentile(&durations, 0.5)),
            "p95DurationSeconds": has.then(|| percentile(&durations, 0.95)),
            "maxDurationSeconds": durations.last(),
            "recordsProcessed": sum("recordsProcessed"),
            "recordsCreated": sum("recordsCreated"),
            "recordsUpdated": sum("recordsUpdated"),
            "recordsFailed": sum("recordsFailed"),
        })
    });
    rows.collect()
}

/// Compares rows; numbers may differ by rounding.
fn assert_equal(context: &str, actual: &[Value], expected: &[Value]) {
    assert_eq!(actual.len(), expected.len(), "{context}");
    for (actual, expected) in actual.iter().zip(expected) {
        for (name, expected) in expected.as_object().unwrap() {
            let equal = match (actual[name].as_f64(), expected.as_f64()) {
                (Some(one), Some(other)) => (one - other).abs() < 1e-6 * (1.0 + other.abs()),
                _ => actual[name] == *expected,
            };
            assert!(equal, "{context}: {name} of {actual:#} is not {expected}");
        }
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn statistics_are_those_of_the_listed_runs(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    insert_random_runs(&server, 7, 600).await;
    let all = runs(&server).await;
    let zones = [
        "UTC",
        "Europe/Zurich",
        "America/New_York",
        "Asia/Kolkata",
        "Australia/Lord_Howe",
        "Pacific/Chatham",
    ];
    let groups: [(&str, &[&str]); 4] = [
        ("[]", &[]),
        ("[STATUS]", &["status"]),
        ("[SOURCE, ENTITY_TYPE]", &["source", "entityType"]),
        (
            "[ENTITY_TYPE, STATUS, SOURCE, STATUS]",
            &["status", "source", "entityType"],
        ),
    ];
    for (group_by, dimensions) in groups {
        let arguments = format!("(groupBy: {group_by})");
        let rows = stats(&server, &arguments).await;
        assert_equal(&arguments, &rows, &expected(&all, dimensions, None));
        for zone in zones {
            for unit in ["HOUR", "DAY", "WEEK", "MONTH"] {
                let arguments =
                    format!("(groupBy: {group_by}, bucket: {unit}, timeZone: \"{zone}\")");
                let rows = stats(&server, &arguments).await;
                let expected = expected(&all, dimensions, Some((unit, zone.parse().unwrap())));
                assert_equal(&arguments, &rows, &expected);
            }
        }
    }
    let failed: Vec<_> = all
        .iter()
        .filter(|run| run["status"] == "FAILED" && run["source"] == "UNKNOWN")
        .cloned()
        .collect();
    let arguments = "(filter: {status: FAILED, source: UNKNOWN}, bucket: DAY)";
    let rows = stats(&server, arguments).await;
    let days = expected(&failed, &[], Some(("DAY", Tz::UTC)));
    assert_equal(arguments, &rows, &days);
}

#[apply(on_both_databases)]
#[tokio::test]
async fn statistics_take_every_filter_of_lists(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    for batch in [1, 2, 2] {
        let input = json!({"entityType": "STOCK", "source": "API", "details": {"batch": batch}});
        server.create_run(input).await;
    }
    for (filter, count) in [
        ("{details: {path: [\"batch\"], equals: 2}}", 2),
        ("{not: {details: {path: [\"batch\"], equals: 2}}}", 1),
        ("{details: {path: [\"batch\"], exists: false}}", 0),
        ("{anyOf: [{status: PENDING}, {errorContains: \"x\"}]}", 3),
        ("{triggeredByUser: true}", 0),
        ("{id: []}", 0),
    ] {
        let arguments = format!("(filter: {filter}, bucket: MONTH, groupBy: [STATUS])");
        let rows = stats(&server, &arguments).await;
        let sum: i64 = rows.iter().map(|row| row["runs"].as_i64().unwrap()).sum();
        assert_eq!(sum, count, "{arguments}");
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn statistics_of_no_runs_are_one_row_of_zeros_or_none(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let rows = stats(&server, "").await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["runs"], 0);
    assert_eq!(rows[0]["recordsProcessed"], 0);
    for absent in [
        "successRate",
        "averageDurationSeconds",
        "p50DurationSeconds",
    ] {
        assert_eq!(rows[0][absent], Value::Null);
    }
    assert!(stats(&server, "(groupBy: [STATUS])").await.is_empty());
    assert!(stats(&server, "(bucket: DAY)").await.is_empty());
}

#[apply(on_both_databases)]
#[tokio::test]
async fn too_many_rows_and_unknown_time_zones_are_errors(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let (numbers, id, started) = if server.is_on_postgres() {
        let numbers = "SELECT generate_series(1, 10001) AS n";
        (
            numbers,
            "gen_random_uuid()",
            "timestamptz '2020-01-01' + n * interval '1 hour'",
        )
    } else {
        let numbers = "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 10001) SELECT n FROM s";
        let started = "strftime('%Y-%m-%dT%H:%M:%S+00:00', '2020-01-01', n || ' hours')";
        (numbers, "randomblob(16)", started)
    };
    let insert = format!(
        "INSERT INTO {} (id, entity_type, source, status, started_at, records_processed, records_created,
            records_updated, records_failed)
        SELECT {id}, 'stock', 'api', 'running', {started}, 0, 0, 0, 0 FROM ({numbers}) AS number",
        server.table("sync_history")
    );
    server.execute_sql(&insert).await;
    let error = server
        .error("{ syncRunStats(bucket: HOUR) { runs } }", json!({}))
        .await;
    assert_eq!(code(&error), "QUERY_TOO_COMPLEX");
    assert_eq!(
        error["message"],
        "the statistics have more than 10000 rows: narrow startedAt, group by less, or use larger buckets"
    );
    assert_eq!(stats(&server, "(bucket: DAY)").await.len(), 417);
    let error = server
        .error(
            "{ syncRunStats(bucket: DAY, timeZone: \"Mars/Phobos\") { runs } }",
            json!({}),
        )
        .await;
    assert_eq!(code(&error), "BAD_INPUT");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.starts_with("timeZone is `Mars/Phobos`"),
        "{message}"
    );
}

#[tokio::test]
async fn statistics_equal_plain_sql_over_the_existing_database_on_postgres() {
    let server = TestServer::start_on_existing_database().await;
    let rows = stats(
        &server,
        "(groupBy: [STATUS, SOURCE], bucket: DAY, timeZone: \"Europe/Zurich\")",
    )
    .await;
    let sql = "SELECT upper(status) AS status, upper(source) AS source,
            to_char(date_trunc('day', started_at, 'Europe/Zurich') AT TIME ZONE 'UTC',
                'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS bucket, count(*) AS runs,
            sum(records_processed)::bigint AS processed,
            percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM completed_at - started_at))
                FILTER (WHERE status IN ('completed', 'failed', 'cancelled')) AS p50,
            percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM completed_at - started_at))
                FILTER (WHERE status IN ('completed', 'failed', 'cancelled')) AS p95
        FROM sync_history.sync_history GROUP BY 1, 2, 3";
    let connection = server.external_connection().await;
    let backend = connection.get_database_backend();
    let plain = connection.query_all_raw(Statement::from_string(backend, sql));
    let plain = plain.await.unwrap();
    assert_eq!(rows.len(), plain.len());
    let text = |row: &sea_orm::QueryResult, name: &str| row.try_get::<String>("", name).unwrap();
    for row in &plain {
        let found = rows.iter().find(|stats| {
            stats["status"] == text(row, "status")
                && stats["source"] == text(row, "source")
                && stats["bucketStart"] == text(row, "bucket")
        });
        let found = found.unwrap();
        assert_eq!(found["runs"], row.try_get::<i64>("", "runs").unwrap());
        let processed: i64 = row.try_get("", "processed").unwrap();
        assert_eq!(found["recordsProcessed"], processed);
        for (name, column) in [("p50DurationSeconds", "p50"), ("p95DurationSeconds", "p95")] {
            let expected: Option<f64> = row.try_get("", column).unwrap();
            match (found[name].as_f64(), expected) {
                (Some(one), Some(other)) => assert!((one - other).abs() < 1e-6, "{found} {other}"),
                (one, other) => assert_eq!(one, other, "{found}"),
            }
        }
    }
}
