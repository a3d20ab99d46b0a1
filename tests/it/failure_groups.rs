//! Groups of failed runs, and lists of the runs of a group.

use std::{collections::HashMap, time::Duration};

use sync_history::runs::failures::Fingerprint;

use crate::support::{
    DatabaseKind, TestServer, Value, apply, code, json, on_both_databases, wait_until,
};

const GROUPS: &str = "query($filter: SyncRunFilter, $first: Int! = 20) {
    syncFailureGroups(filter: $filter, first: $first) { runsRead isComplete groups { fingerprint message runs
        firstFailedAt lastFailedAt pairs { entityType source } sampleRun { id errorMessage } } } }";

const LIST: &str = "query($filter: SyncRunFilter) { syncRuns(filter: $filter, first: 100) {
    totalCount nodes { id errorMessage } } }";

fn fingerprint(message: &str) -> String {
    Fingerprint::of(Some(message)).to_string()
}

async fn groups(server: &TestServer, variables: Value) -> Value {
    server.data(GROUPS, variables).await["syncFailureGroups"].take()
}

async fn list(server: &TestServer, filter: Value) -> (Value, Vec<String>) {
    let data = server.data(LIST, json!({"filter": filter})).await;
    let nodes = data["syncRuns"]["nodes"].as_array().unwrap();
    let ids = nodes
        .iter()
        .map(|node| node["id"].as_str().unwrap().to_owned());
    (data["syncRuns"]["totalCount"].clone(), ids.collect())
}

/// Creates a run that starts at this minute and ends ten seconds later.
async fn end_run(server: &TestServer, minute: u32, source: &str, outcome: Value) -> String {
    let input = json!({"entityType": "STOCK", "source": source,
        "startedAt": format!("2026-11-22T08:{minute:02}:00Z")});
    let id = server.create_run(input).await;
    let mut outcome = outcome;
    outcome["completedAt"] = json!(format!("2026-11-22T08:{minute:02}:10Z"));
    let response = server.complete_run(&id, outcome).await;
    assert!(response.get("errors").is_none(), "{response}");
    id
}

fn failed(message: &str) -> Value {
    json!({"status": "FAILED", "errorMessage": message})
}

#[apply(on_both_databases)]
#[tokio::test]
async fn failures_are_grouped_by_their_normalised_message(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    end_run(&server, 1, "API", failed("row 1: timeout")).await;
    end_run(&server, 2, "FILE", failed("disk full")).await;
    let newest = end_run(&server, 4, "AS400", failed("row 99: timeout")).await;
    end_run(&server, 3, "API", failed("row 3: timeout")).await;
    let silent = end_run(&server, 5, "API", json!({"status": "FAILED"})).await;
    end_run(
        &server,
        6,
        "API",
        json!({"status": "CANCELLED", "errorMessage": "disk full"}),
    )
    .await;
    end_run(&server, 7, "API", json!({})).await;
    let found = groups(&server, json!({})).await;
    let times = json!(["2026-11-22T08:01:10.000000Z", "2026-11-22T08:04:10.000000Z"]);
    assert_eq!(found["runsRead"], 5);
    assert_eq!(found["isComplete"], true);
    assert_eq!(
        found["groups"][0],
        json!({"fingerprint": fingerprint("row 5: timeout"), "message": "row <number>: timeout", "runs": 3,
            "firstFailedAt": times[0], "lastFailedAt": times[1],
            "pairs": [{"entityType": "STOCK", "source": "API"}, {"entityType": "STOCK", "source": "AS400"}],
            "sampleRun": {"id": newest, "errorMessage": "row 99: timeout"}})
    );
    // Of groups with as many runs, the one that failed last comes first.
    let others = &found["groups"].as_array().unwrap()[1..];
    let messages: Vec<_> = others.iter().map(|group| &group["message"]).collect();
    assert_eq!(messages, ["", "disk full"]);
    assert_eq!(others[0]["sampleRun"]["id"], silent);

    let first = groups(&server, json!({"first": 1})).await;
    assert_eq!(first["groups"].as_array().unwrap().len(), 1);
    assert_eq!(first["runsRead"], 5);
    for (filter, read) in [
        (json!({"source": "API"}), 3),
        (json!({"status": "COMPLETED"}), 0),
        (json!({"startedAt": {"gte": "2026-11-22T08:03:00Z"}}), 3),
        (json!({"errorFingerprint": fingerprint("disk full")}), 1),
        (
            json!({"not": {"errorFingerprint": [fingerprint("disk full"), fingerprint("")]}}),
            3,
        ),
        (json!({"details": {"path": ["a"], "exists": false}}), 5),
    ] {
        let found = groups(&server, json!({"filter": filter})).await;
        assert_eq!(found["runsRead"], read, "{filter}: {found:#}");
    }
    let none = list(&server, json!({"errorFingerprint": fingerprint("")})).await;
    assert_eq!(none, (json!(1), vec![silent]));
}

/// The messages of `tests/failure-messages.json`, as another writer stores them.
#[apply(on_both_databases)]
#[tokio::test]
async fn groups_are_the_same_on_both_databases_before_and_after_they_are_indexed(
    database: DatabaseKind,
) {
    let server = TestServer::start(database).await;
    let corpus = std::fs::read_to_string("tests/failure-messages.json").unwrap();
    let corpus: Vec<Value> = serde_json::from_str(&corpus).unwrap();
    let table = server.table("sync_history");
    let mut rows = Vec::new();
    let mut expected = HashMap::new();
    for group in &corpus {
        let messages = group["messages"].as_array().unwrap();
        for message in messages {
            let id = format!("0197d2c4-8a3e-7c1b-9f00-{:012}", rows.len());
            let message = message.as_str().unwrap().replace('\'', "''");
            rows.push(format!(
                "({}, 'stock', 'as400', 'failed', '2026-11-20T08:00:00+00:00', '2026-11-20T08:01:00+00:00',
                    1, 2, 3, 4, '{message}')",
                server.id_literal(&id)
            ));
        }
        expected.insert(
            group["fingerprint"].clone(),
            (group["normalized"].clone(), messages.len()),
        );
    }
    let sql = format!(
        "INSERT INTO {table} (id, entity_type, source, status, started_at, completed_at, records_processed,
            records_created, records_updated, records_failed, error_message) VALUES {}",
        rows.join(", ")
    );
    server.execute_sql(&sql).await;
    let check = async || {
        let found = groups(&server, json!({"first": 100})).await;
        assert_eq!(found["runsRead"], rows.len());
        let found = found["groups"].as_array().unwrap().clone();
        assert_eq!(found.len(), 100);
        for group in &found {
            let (message, runs) = &expected[&group["fingerprint"]];
            assert_eq!((&group["message"], &group["runs"]), (message, &json!(runs)));
        }
        for group in &found[..10] {
            let filter = json!({"errorFingerprint": group["fingerprint"]});
            let (count, ids) = list(&server, filter).await;
            assert_eq!(
                (&count, &json!(ids.len())),
                (&group["runs"], &group["runs"])
            );
        }
        found
    };
    let before = check().await;
    let unindexed = format!("{table} WHERE error_fingerprint IS NULL");
    wait_until("all are indexed", async || {
        count(&server, &unindexed).await == 0
    })
    .await;
    assert_eq!(check().await, before);
}

async fn count(server: &TestServer, rows: &str) -> i64 {
    use sea_orm::{ConnectionTrait, Statement};
    let connection = server.external_connection().await;
    let sql = format!("SELECT count(*) FROM {rows}");
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let row = connection.query_one_raw(statement).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

#[apply(on_both_databases)]
#[tokio::test]
async fn only_the_newest_10_000_failures_are_grouped(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let table = server.table("sync_history");
    let (series, id, started_at) = if server.is_on_postgres() {
        (
            "generate_series(0, 10000) AS series(n)",
            "gen_random_uuid()",
            "timestamptz '2026-01-01' + n * interval '1 minute'",
        )
    } else {
        (
            "(WITH RECURSIVE series(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM series WHERE n < 10000)
                SELECT n FROM series)",
            "randomblob(16)",
            "strftime('%Y-%m-%dT%H:%M:%S', '2026-01-01', n || ' minutes') || '+00:00'",
        )
    };
    let sql = format!(
        "INSERT INTO {table} (id, entity_type, source, status, started_at, completed_at, records_processed,
            records_created, records_updated, records_failed, error_message)
        SELECT {id}, 'stock', 'as400', 'failed', {started_at}, {started_at}, 1, 2, 3, 4,
            CASE n WHEN 0 THEN 'oldest' ELSE 'row ' || n || ' failed' END FROM {series}"
    );
    server.execute_sql(&sql).await;
    // While none of them is indexed, and then some.
    for _ in 0..3 {
        let found = groups(&server, json!({})).await;
        assert_eq!(
            (&found["runsRead"], &found["isComplete"]),
            (&json!(10_000), &json!(false))
        );
        let groups = found["groups"].as_array().unwrap();
        assert_eq!((groups.len(), &groups[0]["runs"]), (1, &json!(10_000)));
        let filter = json!({"errorFingerprint": [fingerprint("oldest")]});
        let (count, _) = list(&server, filter.clone()).await;
        assert_eq!(count, 1);
        let stats = "query($filter: SyncRunFilter) { syncRunStats(filter: $filter) { runs } }";
        let stats = server.data(stats, json!({"filter": filter})).await;
        assert_eq!(stats, json!({"syncRunStats": [{"runs": 1}]}));
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let day = json!({"startedAt": {"lt": "2026-01-02T00:00:00Z"}});
    let found = groups(&server, json!({"filter": day})).await;
    assert_eq!(
        (&found["runsRead"], &found["isComplete"]),
        (&json!(1440), &json!(true))
    );
}

#[apply(on_both_databases)]
#[tokio::test]
async fn invalid_arguments_are_rejected(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    for (variables, message) in [
        (json!({"first": 0}), "first is 0; it may be 1 to 100"),
        (json!({"first": 101}), "first is 101; it may be 1 to 100"),
        (
            json!({"filter": {"errorFingerprint": "disk full"}}),
            "errorFingerprint has `disk full`, which is no fingerprint: 16 hexadecimal digits in lower case, as \
             syncFailureGroups returns them",
        ),
    ] {
        let error = server.error(GROUPS, variables).await;
        assert_eq!(
            (code(&error), &error["message"]),
            ("BAD_INPUT", &json!(message))
        );
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn subscriptions_select_changes_by_fingerprint(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let filter = json!({"errorFingerprint": fingerprint("disk 1 full")});
    let subscription = "subscription($filter: SyncRunFilter) { syncRunChanged(filter: $filter) {
        matchesFilter run { errorMessage } } }";
    let mut socket = server
        .subscribe(subscription, json!({"filter": filter}))
        .await;
    end_run(&server, 1, "API", failed("network down")).await;
    end_run(&server, 2, "API", failed("disk 7 full")).await;
    let change = socket.data().await;
    assert_eq!(
        change["syncRunChanged"],
        json!({"matchesFilter": true, "run": {"errorMessage": "disk 7 full"}})
    );
}
