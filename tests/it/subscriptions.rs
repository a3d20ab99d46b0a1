//! Live views.

use crate::support::{Kind, Ledger, Postgres, Sqlite, Value, code, json, rstest, socket::Socket};

const WATCH: &str = "subscription($filter: SyncRunFilter, $kinds: [SyncChangeKind!]! = [CREATED, STATUS], $after: String) {
    syncRunChanged(filter: $filter, kinds: $kinds, after: $after) {
        cursor kind previousStatus status matchesFilter run { id status version } } }";

async fn start(ledger: &Ledger, id: &str) {
    ledger
        .data(
            "mutation($id: ID!) { startSyncRun(runId: $id) { replayed } }",
            json!({"id": id}),
        )
        .await;
}

async fn progress(ledger: &Ledger, id: &str, counts: Value) {
    let input = json!({"runId": id, "counts": counts});
    ledger
        .data("mutation($input: ReportSyncProgressInput!) { reportSyncProgress(input: $input) { run { id } } }", json!({"input": input}))
        .await;
}

/// The next `count` changes, without their cursors and runs.
async fn changes(socket: &mut Socket, count: usize) -> Vec<Value> {
    let mut changes = Vec::new();
    for _ in 0..count {
        let mut change = socket.data().await["syncRunChanged"].take();
        change
            .as_object_mut()
            .unwrap()
            .retain(|name, _| name != "cursor" && name != "run");
        changes.push(change);
    }
    changes
}

fn change(kind: &str, previous: Option<&str>, status: &str, matches: bool) -> Value {
    json!({"kind": kind, "previousStatus": previous, "status": status, "matchesFilter": matches})
}

#[rstest]
#[tokio::test]
async fn a_subscriber_sees_a_run_created_started_and_completed(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(ledger) = Ledger::start(kind).await else {
        return;
    };
    let mut socket = ledger
        .watch(WATCH, json!({"after": ledger.now().await}))
        .await;
    let id = ledger.create_stock().await;
    start(&ledger, &id).await;
    progress(&ledger, &id, json!({"recordsProcessed": 3})).await;
    ledger.complete(&id, json!({})).await;
    assert_eq!(
        changes(&mut socket, 3).await,
        [
            change("CREATED", None, "PENDING", true),
            change("STATUS", Some("PENDING"), "RUNNING", true),
            change("STATUS", Some("RUNNING"), "COMPLETED", true),
        ]
    );
}

#[rstest]
#[tokio::test]
async fn without_a_cursor_a_subscriber_sees_what_happens_from_now_on(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(ledger) = Ledger::start(kind).await else {
        return;
    };
    let before = ledger.create_stock().await;
    let mut socket = ledger.watch(WATCH, json!({})).await;
    // When exactly it begins is not told; one of these is behind that.
    let mut after = Vec::new();
    for _ in 0..20 {
        after.push(ledger.create_stock().await);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let first = socket.data().await;
    let id = first["syncRunChanged"]["run"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_ne!(id, before);
    assert!(after.contains(&id));
}

#[rstest]
#[tokio::test]
async fn a_cursor_of_any_change_resumes_exactly_behind_it(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(ledger) = Ledger::start(kind).await else {
        return;
    };
    let begin = ledger.now().await;
    let mut versions = Vec::new();
    for _ in 0..3 {
        let id = ledger.create_stock().await;
        start(&ledger, &id).await;
        ledger.complete(&id, json!({})).await;
    }
    let mut socket = ledger.watch(WATCH, json!({"after": begin})).await;
    for _ in 0..9 {
        let change = socket.data().await["syncRunChanged"].take();
        versions.push((
            change["cursor"].clone(),
            change["run"]["id"].clone(),
            change["status"].clone(),
        ));
    }
    for index in 0..9 {
        let mut socket = ledger
            .watch(WATCH, json!({"after": versions[index].0}))
            .await;
        for (_, id, status) in &versions[index + 1..] {
            let change = socket.data().await["syncRunChanged"].take();
            assert_eq!((&change["run"]["id"], &change["status"]), (id, status));
        }
    }
}

#[rstest]
#[tokio::test]
async fn a_filter_delivers_what_enters_stays_and_leaves(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(ledger) = Ledger::start(kind).await else {
        return;
    };
    let after = ledger.now().await;
    let watch = async |filter: Value, kinds: Value| {
        let variables = json!({"filter": filter, "kinds": kinds, "after": after});
        ledger.watch(WATCH, variables).await
    };
    let status = json!(["CREATED", "STATUS"]);
    let all = json!(["CREATED", "STATUS", "PROGRESS"]);
    let mut running = watch(json!({"status": "RUNNING"}), status.clone()).await;
    let mut failing = watch(json!({"recordsFailed": {"gte": 1, "lte": 9}}), all).await;
    let mut orders = watch(json!({"entityType": "ORDER"}), status).await;

    let stock = ledger.create_stock().await;
    start(&ledger, &stock).await;
    assert_eq!(
        changes(&mut running, 1).await,
        [change("STATUS", Some("PENDING"), "RUNNING", true)]
    );
    for failed in [0, 5, 10] {
        progress(
            &ledger,
            &stock,
            json!({"recordsProcessed": 20, "recordsFailed": failed}),
        )
        .await;
        if failed == 5 {
            assert_eq!(
                changes(&mut failing, 1).await,
                [change("PROGRESS", Some("RUNNING"), "RUNNING", true)]
            );
        }
    }
    assert_eq!(
        changes(&mut failing, 1).await,
        [change("PROGRESS", Some("RUNNING"), "RUNNING", false)]
    );
    ledger.complete(&stock, json!({})).await;
    assert_eq!(
        changes(&mut running, 1).await,
        [change("STATUS", Some("RUNNING"), "COMPLETED", false)]
    );
    // Of all that, the subscriber to orders got nothing.
    ledger
        .create(json!({"entityType": "ORDER", "source": "API", "status": "RUNNING"}))
        .await;
    assert_eq!(
        changes(&mut orders, 1).await,
        [change("CREATED", None, "RUNNING", true)]
    );
    assert_eq!(
        changes(&mut running, 1).await,
        [change("CREATED", None, "RUNNING", true)]
    );
}

#[rstest]
#[tokio::test]
async fn what_others_write_and_another_replica_does_is_delivered(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(ledger) = Ledger::start(kind).await else {
        return;
    };
    let replica = ledger.replica().await;
    let mut socket = replica
        .watch(WATCH, json!({"after": ledger.now().await}))
        .await;
    let id = ledger.create_stock().await;
    assert_eq!(
        changes(&mut socket, 1).await,
        [change("CREATED", None, "PENDING", true)]
    );
    let table = ledger.table("sync_history");
    ledger
        .sql(&format!(
            "UPDATE {table} SET status = 'running' WHERE id = {}",
            ledger.id(&id)
        ))
        .await;
    assert_eq!(
        changes(&mut socket, 1).await,
        [change("STATUS", Some("PENDING"), "RUNNING", true)]
    );
}

#[rstest]
#[tokio::test]
async fn a_subscriber_that_is_far_behind_gets_every_change_once(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(ledger) = Ledger::start(kind).await else {
        return;
    };
    let after = ledger.now().await;
    let mut slow = ledger.watch(WATCH, json!({"after": after})).await;
    // More than a batch each, and more batches than are kept.
    let mut expected = Vec::new();
    for _ in 0..150 {
        let id = ledger.create_stock().await;
        ledger.complete(&id, json!({})).await;
        expected.extend([(id.clone(), "PENDING"), (id, "COMPLETED")]);
    }
    let table = ledger.table("sync_history");
    ledger
        .sql(&format!("UPDATE {table} SET status = 'failed'"))
        .await;
    let mut late = ledger.watch(WATCH, json!({"after": after})).await;
    for socket in [&mut slow, &mut late] {
        for (id, status) in &expected {
            let change = socket.data().await["syncRunChanged"].take();
            assert_eq!(
                (change["run"]["id"].as_str(), change["status"].as_str()),
                (Some(id.as_str()), Some(*status))
            );
        }
        for _ in 0..150 {
            assert_eq!(socket.data().await["syncRunChanged"]["status"], "FAILED");
        }
    }
}

#[rstest]
#[tokio::test]
async fn a_cursor_of_another_database_is_expired_and_a_mangled_one_is_bad(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(ledger) = Ledger::start(kind).await else {
        return;
    };
    let other = Ledger::start(kind).await.unwrap();
    let mut own = ledger.now().await.as_str().unwrap().to_owned();
    let foreign = other.now().await;
    own.replace_range(8..9, if &own[8..9] == "A" { "B" } else { "A" });
    for (cursor, expected) in [
        (foreign, "CURSOR_EXPIRED"),
        (json!(own), "BAD_CURSOR"),
        (json!("x"), "BAD_CURSOR"),
    ] {
        let mut socket = ledger.watch(WATCH, json!({"after": cursor})).await;
        let error = socket.hear().await;
        assert_eq!(error["type"], "error", "{error}");
        assert_eq!(code(&error["payload"][0]), expected);
    }
}

#[rstest]
#[tokio::test]
async fn a_server_that_stops_closes_its_sockets_so_that_clients_come_back(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(mut ledger) = Ledger::start(kind).await else {
        return;
    };
    let mut socket = ledger.watch(WATCH, json!({})).await;
    let (code, ()) = tokio::join!(socket.close_code(), ledger.stop());
    assert_eq!(code, 1001);
}

const FOLLOW: &str = "subscription($run: ID!, $after: String) {
    syncEventAdded(runId: $run, after: $after) { cursor event { message } } }";

async fn add(ledger: &Ledger, run: &str, messages: &[&str]) {
    let events: Vec<Value> = messages
        .iter()
        .map(|message| json!({"eventType": "chunk", "message": message}))
        .collect();
    ledger
        .data(
            "mutation($input: AddSyncEventsInput!) {
                addSyncEvents(input: $input) { replayedCount } }",
            json!({"input": {"runId": run, "events": events}}),
        )
        .await;
}

fn messages(added: &[(String, Value)]) -> Vec<&str> {
    added.iter().map(|(message, _)| message.as_str()).collect()
}

/// Follows the events of a run until the subscription ends by itself: messages and cursors.
async fn to_the_end(socket: &mut Socket) -> Vec<(String, Value)> {
    let mut added = Vec::new();
    loop {
        let mut message = socket.hear().await;
        if message["type"] == "complete" {
            return added;
        }
        let mut next = message["payload"]["data"]["syncEventAdded"].take();
        let text = next["event"]["message"].as_str().unwrap().to_owned();
        added.push((text, next["cursor"].take()));
    }
}

#[rstest]
#[tokio::test]
async fn events_are_replayed_from_the_first_followed_and_ended_with_the_run(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(ledger) = Ledger::start(kind).await else {
        return;
    };
    let (run, other) = (ledger.create_stock().await, ledger.create_stock().await);
    add(&ledger, &run, &["1", "2"]).await;
    add(&ledger, &other, &["x"]).await;
    let mut socket = ledger.watch(FOLLOW, json!({"run": run})).await;
    for expected in ["1", "2"] {
        assert_eq!(
            socket.data().await["syncEventAdded"]["event"]["message"],
            expected
        );
    }
    // Whatever happens at once with the end is delivered before it.
    add(&ledger, &run, &["3"]).await;
    ledger.complete(&other, json!({})).await;
    add(&ledger, &run, &["4", "5"]).await;
    ledger.complete(&run, json!({})).await;
    let added = to_the_end(&mut socket).await;
    assert_eq!(messages(&added), ["3", "4", "5"]);
}

#[rstest]
#[tokio::test]
async fn events_resume_behind_any_cursor(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(ledger) = Ledger::start(kind).await else {
        return;
    };
    let run = ledger.create_stock().await;
    add(&ledger, &run, &["1"]).await;
    let list = "query($id: ID!) { syncRun(id: $id) { events { feedCursor } } }";
    let listed = ledger.data(list, json!({"id": run})).await;
    add(&ledger, &run, &["2", "3"]).await;
    ledger.complete(&run, json!({})).await;
    let follow = async |after: &Value| {
        let mut socket = ledger
            .watch(FOLLOW, json!({"run": run, "after": after}))
            .await;
        to_the_end(&mut socket).await
    };
    let all = follow(&Value::Null).await;
    assert_eq!(all.len(), 3);
    for (index, (_, cursor)) in all.iter().enumerate() {
        let rest = follow(cursor).await;
        assert_eq!(messages(&rest), messages(&all[index + 1..]));
    }
    let from_list = follow(&listed["syncRun"]["events"]["feedCursor"]).await;
    assert_eq!(messages(&from_list), ["2", "3"]);
}

#[tokio::test]
async fn events_from_before_adoption_are_replayed_before_those_behind_it() {
    let Some(ledger) = Ledger::start_on_existing().await else {
        return;
    };
    let run = "c3821561-d593-44bd-9ca3-a6a8003faf7b";
    add(&ledger, run, &["after adoption"]).await;
    ledger.complete(run, json!({})).await;
    let follow = async |after: &Value| {
        let mut socket = ledger
            .watch(FOLLOW, json!({"run": run, "after": after}))
            .await;
        to_the_end(&mut socket).await
    };
    let all = follow(&Value::Null).await;
    assert_eq!(
        messages(&all),
        ["Extraction started", "Chunk 1/1 imported", "after adoption"]
    );
    for (index, (_, cursor)) in all.iter().enumerate() {
        let rest = follow(cursor).await;
        assert_eq!(messages(&rest), messages(&all[index + 1..]));
    }
}

#[rstest]
#[tokio::test]
async fn the_events_of_no_run_cannot_be_followed(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(ledger) = Ledger::start(kind).await else {
        return;
    };
    let run = ledger.create_stock().await;
    let changes = ledger.now().await;
    for (run, after, expected) in [
        (
            "0197d2c4-8a3e-7c1b-9f00-3b5a1c2d4e6f",
            Value::Null,
            "NOT_FOUND",
        ),
        ("x", Value::Null, "BAD_INPUT"),
        (&run, json!("x"), "BAD_CURSOR"),
        (&run, changes, "BAD_CURSOR"),
    ] {
        let mut socket = ledger
            .watch(FOLLOW, json!({"run": run, "after": after}))
            .await;
        assert_eq!(code(&socket.hear().await["payload"][0]), expected);
    }
}

#[rstest]
#[tokio::test]
async fn a_client_that_answers_no_pings_is_left(#[values(Sqlite, Postgres)] kind: Kind) {
    let mut limits = sync_history::config::Limits::default();
    limits.http.ping_interval = std::time::Duration::from_millis(50);
    let Some(ledger) = Ledger::start_with(kind, limits).await else {
        return;
    };
    let mut there = Socket::open(&ledger.url).await;
    for _ in 0..5 {
        assert_eq!(there.hear().await, json!({"type": "ping"}));
        there.say(&json!({"type": "pong"})).await;
    }
    let mut silent = Socket::open(&ledger.url).await;
    for _ in 0..2 {
        assert_eq!(silent.hear().await, json!({"type": "ping"}));
    }
    assert_eq!(silent.close_code().await, 4408);
}
