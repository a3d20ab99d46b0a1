//! Adding and listing events.

use crate::support::{DatabaseKind, TestServer, Value, apply, code, json, on_both_databases};

const ADD: &str = "mutation($input: AddSyncEventInput!) { addSyncEvent(input: $input) {
    replayed event { id eventType timestamp message details } eventEdge { cursor node { id } }
    run { id status events { totalCount } } } }";
const ADD_ALL: &str = "mutation($input: AddSyncEventsInput!) { addSyncEvents(input: $input) {
    replayedCount events { id message } run { events { totalCount nodes { message } } } } }";

fn event(id: Option<u32>, message: &str) -> Value {
    let id = id.map(|id| format!("0197d2c4-8a3e-7c1b-9f00-{id:012}"));
    json!({"id": id, "eventType": "chunk", "message": message})
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_repeated_event_is_stored_once(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let run = server.create_stock_run().await;
    let input = json!({"runId": run, "event": {"id": "0197d2c4-8a3e-7c1b-9f00-000000000001",
        "eventType": "chunk", "message": "Chunk 1/4 imported", "details": {"rows": 44}}});
    let first = server.data(ADD, json!({"input": input})).await;
    assert_eq!(
        first["addSyncEvent"]["event"],
        json!({"id": "0197d2c4-8a3e-7c1b-9f00-000000000001", "eventType": "chunk",
            "timestamp": "2026-11-23T09:00:00.000000Z", "message": "Chunk 1/4 imported",
            "details": {"rows": 44}})
    );
    assert_eq!(first["addSyncEvent"]["replayed"], false);

    server.clock.advance(std::time::Duration::from_secs(9));
    let again = server.data(ADD, json!({"input": input})).await;
    assert_eq!(again["addSyncEvent"]["replayed"], true);
    assert_eq!(
        again["addSyncEvent"]["event"],
        first["addSyncEvent"]["event"]
    );
    assert_eq!(again["addSyncEvent"]["run"]["events"]["totalCount"], 1);

    let other_run = server.create_stock_run().await;
    for (pointer, value) in [
        ("/event/message", json!("other")),
        ("/event/eventType", json!("error")),
        ("/event/details", json!({"rows": 45})),
        ("/event/details", Value::Null),
        ("/event/timestamp", json!("2026-11-23T09:00:01Z")),
        ("/runId", json!(other_run)),
    ] {
        let mut other = input.clone();
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        other.pointer_mut(parent).unwrap()[field] = value;
        let error = server.error(ADD, json!({"input": other})).await;
        assert_eq!(code(&error), "ID_CONFLICT", "{pointer}");
        assert_eq!(error["extensions"]["fields"], json!([field]), "{error}");
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn events_can_be_added_to_a_finished_run(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let run = server.create_stock_run().await;
    server.complete_run(&run, json!({})).await;
    let added = server
        .data(
            ADD,
            json!({"input": {"runId": run, "event": event(None, "late")}}),
        )
        .await;
    assert_eq!(added["addSyncEvent"]["run"]["status"], "COMPLETED");
    assert_eq!(server.get_run(&run).await["version"], 2);
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_batch_of_events_keeps_its_order(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let run = server.create_stock_run().await;
    let messages: Vec<String> = (0..50).map(|number| format!("line {number}")).collect();
    let events: Vec<Value> = messages
        .iter()
        .map(|message| event(None, message))
        .collect();
    let added = server
        .data(ADD_ALL, json!({"input": {"runId": run, "events": events}}))
        .await;
    assert_eq!(added["addSyncEvents"]["replayedCount"], 0);
    assert_eq!(added["addSyncEvents"]["run"]["events"]["totalCount"], 50);
    let listed = server
        .data(
            "query($id: ID!) { syncRun(id: $id) { events(first: 100) { nodes { message } } } }",
            json!({"id": run}),
        )
        .await;
    let listed = listed["syncRun"]["events"]["nodes"].as_array().unwrap();
    assert!(
        listed
            .iter()
            .map(|node| node["message"].as_str().unwrap())
            .eq(&messages)
    );
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_batch_of_events_is_stored_atomically(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let run = server.create_stock_run().await;
    let add = async |events: Vec<Value>| {
        server
            .execute(ADD_ALL, json!({"input": {"runId": run, "events": events}}))
            .await
    };
    add(vec![event(Some(1), "one"), event(Some(2), "two")]).await;

    let conflict = add(vec![
        event(Some(3), "three"),
        event(Some(1), "not one"),
        event(None, "x"),
    ])
    .await;
    assert_eq!(code(&conflict["errors"][0]), "ID_CONFLICT");
    let within = add(vec![event(Some(4), "four"), event(Some(4), "not four")]).await;
    assert_eq!(code(&within["errors"][0]), "ID_CONFLICT");

    let replay = add(vec![
        event(Some(1), "one"),
        event(Some(5), "five"),
        event(Some(5), "five"),
    ])
    .await;
    let replay = &replay["data"]["addSyncEvents"];
    assert_eq!(replay["replayedCount"], 2);
    assert_eq!(replay["run"]["events"]["totalCount"], 3);

    let empty = add(vec![]).await;
    assert_eq!(empty["data"]["addSyncEvents"]["events"], json!([]));
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_batch_of_1000_events_is_accepted(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let run = server.create_stock_run().await;
    let events: Vec<Value> = (0..1000).map(|number| event(Some(number), "x")).collect();
    let query =
        "mutation($input: AddSyncEventsInput!) { addSyncEvents(input: $input) { replayedCount
        run { events { totalCount(upTo: 5000) } } } }";
    for replayed in [0, 1000] {
        let added = server
            .data(query, json!({"input": {"runId": run, "events": events}}))
            .await;
        assert_eq!(
            added["addSyncEvents"],
            json!({"replayedCount": replayed, "run": {"events": {"totalCount": 1000}}})
        );
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn events_are_filtered_by_type_time_run_and_message(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let (first, second) = (
        server.create_stock_run().await,
        server.create_stock_run().await,
    );
    for (run, kind, minute, message) in [
        (&first, "start", 0, "Extraction started"),
        (&second, "start", 1, "Extraction started"),
        (&first, "error", 2, "Read 100 % of ÄPFEL_1"),
        (&second, "chunk", 3, "Chunk"),
    ] {
        let input = json!({"runId": run, "event": {"eventType": kind, "message": message,
            "timestamp": format!("2026-11-23T09:0{minute}:00Z")}});
        server.data(ADD, json!({"input": input})).await;
    }
    let find = async |filter: Value| {
        let data = server
            .data(
                "query($filter: SyncEventFilter) { syncEvents(filter: $filter) { totalCount
                nodes { eventType timestamp run { id } } } }",
                json!({"filter": filter}),
            )
            .await;
        let nodes = data["syncEvents"]["nodes"].as_array().unwrap().clone();
        assert_eq!(data["syncEvents"]["totalCount"], nodes.len());
        let minutes = nodes
            .iter()
            .map(|node| node["timestamp"].as_str().unwrap()[15..16].parse().unwrap());
        minutes.collect::<Vec<u8>>()
    };
    assert_eq!(find(Value::Null).await, [3, 2, 1, 0]);
    assert_eq!(find(json!({"eventType": "start"})).await, [1, 0]);
    assert_eq!(
        find(json!({"eventType": ["error", "chunk"], "runId": [first]})).await,
        [2]
    );
    assert_eq!(find(json!({"runId": []})).await, [0_u8; 0]);
    assert_eq!(
        find(json!({"timestamp": {"gte": "2026-11-23T09:01:00Z", "lt": "2026-11-23T09:03:00Z"}}))
            .await,
        [2, 1]
    );
    assert_eq!(find(json!({"messageContains": "EXTRACTION"})).await, [1, 0]);
    assert_eq!(find(json!({"messageContains": "äpfel_"})).await, [2]);
    assert_eq!(find(json!({"messageContains": "100 %"})).await, [2]);
    assert_eq!(find(json!({"messageContains": "1_0"})).await, [0_u8; 0]);
}
