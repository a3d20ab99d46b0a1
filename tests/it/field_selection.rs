//! An object is the same in every selection.

use uuid::Uuid;

use crate::support::{DatabaseKind, TestServer, Value, apply, json, on_both_databases};

const USER: &str = "0197d2c4-8a3e-7c1b-9f00-0000000000aa";

/// Starts a server with a run that has a value in every field.
async fn server_with_run(database: DatabaseKind) -> (TestServer, String) {
    let server = TestServer::start(database).await;
    server.add_user(USER, "ü@example.test", "\"U\"").await;
    let run = server
        .create_run(
            json!({"entityType": "STOCK", "source": "AS400", "triggeredById": USER,
            "recordsExpected": 3, "details": {"text": "\"\\\n\u{1}€", "list": [1, 0.5, null]}}),
        )
        .await;
    let events = json!([
        {"eventType": "start", "message": "one\n\"two\""},
        {"eventType": "chunk", "message": "€", "details": {"rows": 1e3}},
        {"eventType": "end", "message": ""},
    ]);
    server.add_events(&run, json!(events)).await;
    server
        .complete_run(
            &run,
            json!({"status": "FAILED", "completedAt": "2026-11-23T10:00:00Z", "errorMessage": "\"no\"",
                "counts": {"recordsProcessed": 2}}),
        )
        .await;
    (server, run)
}

/// The scalar and enum fields of a type that have no arguments.
async fn scalar_fields(server: &TestServer, ty: &str) -> String {
    let query = "query($ty: String!) { __type(name: $ty) {
        fields { name args { name } type { kind ofType { kind } } } } }";
    let response = server.data(query, json!({"ty": ty})).await;
    let fields = response["__type"]["fields"].as_array().unwrap();
    let scalars = fields.iter().filter(|field| {
        let ty = &field["type"];
        let kind = ty["ofType"]["kind"].as_str();
        let kind = kind.unwrap_or_else(|| ty["kind"].as_str().unwrap());
        ["SCALAR", "ENUM"].contains(&kind) && field["args"] == json!([])
    });
    let names: Vec<_> = scalars
        .map(|field| field["name"].as_str().unwrap())
        .collect();
    assert!(names.len() > 2, "{names:?}");
    names.join(" ")
}

#[apply(on_both_databases)]
#[tokio::test]
async fn an_object_is_the_same_in_every_selection(database: DatabaseKind) {
    let (server, run) = server_with_run(database).await;
    let run_fields = scalar_fields(&server, "SyncRun").await;
    let event_fields = scalar_fields(&server, "SyncEvent").await;
    let info = scalar_fields(&server, "PageInfo").await;
    let user = scalar_fields(&server, "User").await;
    let nodes = format!("nodes {{ kind: __typename {event_fields} }} pageInfo {{ {info} }}");
    let events = format!(
        "one: events(first: 2) {{ {nodes} }} two: events(last: 1) {{ totalCount edges {{ cursor
            node {{ message run {{ id }} }} }} {nodes} }}"
    );
    let objects = format!("triggeredBy {{ {user} }} {events}");
    let full = format!("{run_fields} {objects}");
    let query = format!(
        "query($id: ID!) {{
            byId: syncRun(id: $id) {{ {full} }}
            byNode: node(id: $id) {{ ... on SyncRun {{ {full} }} }}
            spread: syncRun(id: $id) {{ ...Run ... on SyncRun {{ {objects} }} }}
            merged: syncRun(id: $id) {{ {run_fields} {events} triggeredBy {{ id }}
                triggeredBy {{ {user} }} }}
        }}
        fragment Run on SyncRun {{ {run_fields} }}"
    );
    let list = format!(
        "query($id: [ID!]) {{ syncRuns(filter: {{id: $id}}) {{ nodes {{ {full} }}
            edges {{ node {{ {full} }} }} }} }}"
    );
    let variables = json!({"id": run});
    let all = server.data(&query, variables.clone()).await;
    let list = server.data(&list, variables.clone()).await;
    let expected = &all["byNode"];
    assert_eq!(expected["triggeredBy"]["fullName"], "\"U\"");
    assert_eq!(expected["one"]["pageInfo"]["hasNextPage"], true);
    assert_eq!(expected["two"]["edges"][0]["node"]["run"]["id"], json!(run));
    assert_eq!(all["byId"].to_string(), expected.to_string());
    assert_eq!(all["spread"].to_string(), expected.to_string());
    assert_eq!(all["merged"], *expected);
    let listed = &list["syncRuns"];
    assert_eq!(listed["nodes"][0].to_string(), expected.to_string());
    assert_eq!(listed["edges"][0]["node"], *expected);
    // The only selection of the document, so that nothing is merged.
    let alone = format!("query($id: ID!) {{ byId: syncRun(id: $id) {{ {full} }} }}");
    let alone = server.data(&alone, variables).await;
    assert_eq!(alone["byId"].to_string(), expected.to_string());
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_field_has_the_same_value_alone_and_with_others(database: DatabaseKind) {
    let (server, run) = server_with_run(database).await;
    let scalars = scalar_fields(&server, "SyncRun").await;
    let objects = ["triggeredBy { email }", "events { totalCount }"];
    for (number, field) in (0..).zip(scalars.split(' ').chain(objects)) {
        let name = field.split(' ').next().unwrap();
        let read_by_node = async |run: &str| {
            let query =
                format!("query($id: ID!) {{ node(id: $id) {{ ... on SyncRun {{ {field} }} }} }}");
            server.data(&query, json!({"id": run})).await["node"][name].clone()
        };
        let query = format!(
            "query($id: ID!) {{ run: syncRun(id: $id) {{ {field} }}
                list: syncRuns(filter: {{id: [$id]}}) {{ nodes {{ {field} }} }}
                edges: syncRuns(filter: {{id: [$id]}}) {{ edges {{ node {{ {field} }} }} }} }}"
        );
        let data = server.data(&query, json!({"id": run})).await;
        let expected = read_by_node(&run).await;
        assert_eq!(data["run"][name], expected, "{field}");
        assert_eq!(data["list"]["nodes"][0][name], expected, "{field}");
        assert_eq!(data["edges"]["edges"][0]["node"][name], expected, "{field}");

        let id = |of: u128| Uuid::from_u128((0x0197 << 112) + (of << 8) + number).to_string();
        let create = |id| {
            json!({"id": id, "entityType": "STOCK", "source": "AS400", "triggeredById": USER,
                "recordsExpected": 3, "details": {"one": 1}})
        };
        let complete = json!({"runId": id(1), "status": "FAILED", "errorMessage": "no",
            "completedAt": "2026-11-23T10:00:00Z", "details": {"two": 2}, "counts": {"recordsProcessed": 4,
            "recordsCreated": 3, "recordsUpdated": 2, "recordsFailed": 1}});
        let alone = format!("run {{ {field} }}");
        let edge = format!("run {{ id }} runEdge {{ node {{ {field} }} }}");
        for (mutation, input, id, selection, at) in [
            ("createSyncRun", create(id(1)), id(1), &alone, "/run"),
            ("completeSyncRun", complete, id(1), &alone, "/run"),
            (
                "createSyncRun",
                create(id(2)),
                id(2),
                &edge,
                "/runEdge/node",
            ),
        ] {
            let ty = mutation.replacen('c', "C", 1);
            let query = format!(
                "mutation($input: {ty}Input!) {{ {mutation}(input: $input) {{ {selection} }} }}"
            );
            let data = server.data(&query, json!({"input": input})).await;
            let data = &data[mutation].pointer(at).unwrap()[name];
            assert_eq!(*data, read_by_node(&id).await, "{field} of {mutation}{at}");
        }
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_runs_cursor_does_not_depend_on_the_selection(database: DatabaseKind) {
    let (server, run) = server_with_run(database).await;
    for order in [
        "STARTED_AT",
        "COMPLETED_AT",
        "DURATION",
        "RECORDS_PROCESSED",
        "RECORDS_FAILED",
    ] {
        let list = |what: &str| {
            format!(
                "syncRuns(filter: {{id: [$id]}}, orderBy: {{field: {order}}}) {{ edges {{ cursor {what} }} }}"
            )
        };
        let query = format!(
            "query($id: ID!) {{ cursor: {} summary: {} full: {} }}",
            list(""),
            list("node { id }"),
            list("node { details }")
        );
        let data = server.data(&query, json!({"id": run})).await;
        let cursor = |list: &str| data[list]["edges"][0]["cursor"].clone();
        assert!(cursor("full").is_string());
        assert_eq!(
            [cursor("cursor"), cursor("summary")],
            [cursor("full"), cursor("full")],
            "{order}"
        );
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_failing_field_in_a_list_reports_one_error_per_object(database: DatabaseKind) {
    let (server, run) = server_with_run(database).await;
    server.create_stock_run().await;
    let query = "{ good: syncRuns { nodes { id } } run: syncRun(id: \"ID\") { id }
        bad: syncRun(id: \"ID\") { id events(first: -1) { nodes { id } } } }";
    let response = server.execute(&query.replace("ID", &run), json!({})).await;
    assert_eq!(response["data"]["bad"], Value::Null);
    assert_eq!(response["data"]["run"]["id"], json!(run));
    assert_eq!(
        response["data"]["good"]["nodes"].as_array().unwrap().len(),
        2
    );
    assert_eq!(response["errors"][0]["path"], json!(["bad", "events"]));

    let list = "{ syncRuns { nodes { id failing: events(first: -1) { nodes { id } } } } }";
    let response = server.execute(list, json!({})).await;
    assert_eq!(response["data"], json!({"syncRuns": null}));
    let errors = response["errors"].as_array().unwrap();
    let paths: Vec<_> = errors.iter().map(|error| &error["path"]).collect();
    let path = |index| json!(["syncRuns", "nodes", index, "failing"]);
    assert_eq!(paths, [&path(0), &path(1)]);
}

#[apply(on_both_databases)]
#[tokio::test]
async fn add_event_payloads_return_every_field_of_the_run(database: DatabaseKind) {
    let (server, run) = server_with_run(database).await;
    let full = scalar_fields(&server, "SyncRun").await;
    let query = format!("query($id: ID!) {{ syncRun(id: $id) {{ __typename {full} }} }}");
    let full = server.data(&query, json!({"id": run})).await;
    let full = full["syncRun"].as_object().unwrap();
    // Each event changes when the run was reported on last.
    let full = full.iter().filter(|(field, _)| *field != "lastHeartbeatAt");
    for (field, value) in full {
        let query = format!(
            "mutation($id: ID!) {{
                addSyncEvent(input: {{runId: $id, event: {{eventType: \"x\", message: \"x\"}}}}) {{
                    run {{ status {field} }} ...More
                }}
                addSyncEvents(input: {{runId: $id, events: [{{eventType: \"x\", message: \"x\"}},
                    {{eventType: \"y\", message: \"y\"}}]}}) {{ other: run {{ ... {{ {field} }} }} }}
            }}
            fragment More on AddSyncEventPayload {{ again: run {{ id {field} }} }}"
        );
        let data = server.data(&query, json!({"id": run})).await;
        assert_eq!(data["addSyncEvent"]["run"][field], *value, "{field}");
        assert_eq!(data["addSyncEvent"]["again"][field], *value, "{field}");
        assert_eq!(data["addSyncEvents"]["other"][field], *value, "{field}");
    }
}
