//! Authorization: scopes, and keys bound to sources.

use sync_history::auth::{AuthSettings, Scopes};

use crate::{
    authentication::{create_key, create_key_with, error_code},
    support::{
        DatabaseKind, OidcIssuer, Options, Sqlite, TestServer, Value, apply, code, json,
        on_both_databases, socket::Socket,
    },
};

const CREATE: &str = "mutation($source: SyncSource!, $for: ID) {
    createSyncRun(input: {entityType: STOCK, source: $source, triggeredById: $for}) { run { id } } }";

#[tokio::test]
async fn every_root_field_except_viewer_requires_a_scope() {
    let options = Options {
        auth: AuthSettings {
            anonymous_scopes: Some(Scopes::default()),
            ..AuthSettings::default()
        },
        ..Options::default()
    };
    let server = TestServer::start_with(Sqlite, options).await;
    let schema = server
        .data(
            "{ __schema { types { name kind
                fields { name args { name defaultValue type { ...T } } type { ...T } }
                inputFields { name defaultValue type { ...T } } enumValues { name } } } }
            fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }",
            json!({}),
        )
        .await;
    let types = schema["__schema"]["types"].as_array().unwrap();
    let find = |name: &str| types.iter().find(|one| one["name"] == name).unwrap();
    let mut checked = 0;
    for (root, keyword) in [
        ("Query", "query"),
        ("Mutation", "mutation"),
        ("Subscription", "subscription"),
    ] {
        for field in find(root)["fields"].as_array().unwrap() {
            let name = field["name"].as_str().unwrap();
            if name == "viewer" {
                continue;
            }
            let arguments = required(&field["args"], &find);
            let arguments = if arguments.is_empty() {
                arguments
            } else {
                format!("({arguments})")
            };
            let operation = format!("{keyword} {{ {name}{arguments} {{ __typename }} }}");
            let error = if root == "Subscription" {
                // Sockets without a scope are closed.
                let body = json!({"query": operation}).to_string();
                let events = server.post("text/event-stream", body).await;
                let events = events.text().await.unwrap();
                let data = events.lines().find_map(|line| line.strip_prefix("data: "));
                let mut response: Value = serde_json::from_str(data.unwrap()).unwrap();
                response["errors"][0].take()
            } else {
                server.error(&operation, json!({})).await
            };
            assert_eq!(code(&error), "UNAUTHENTICATED", "{operation}: {error}");
            checked += 1;
        }
    }
    assert!(checked >= 15, "{checked}");
}

/// The required arguments or input fields, each with some value.
fn required<'a>(inputs: &Value, find: &impl Fn(&str) -> &'a Value) -> String {
    let inputs = inputs.as_array().unwrap().iter();
    let is_required =
        |input: &&Value| input["type"]["kind"] == "NON_NULL" && input["defaultValue"].is_null();
    let literals = inputs.filter(is_required).map(|input| {
        let name = input["name"].as_str().unwrap();
        format!("{name}: {}", literal(&input["type"], find))
    });
    literals.collect::<Vec<_>>().join(", ")
}

/// A literal of this type.
fn literal<'a>(ty: &Value, find: &impl Fn(&str) -> &'a Value) -> String {
    match ty["kind"].as_str().unwrap() {
        "NON_NULL" => literal(&ty["ofType"], find),
        "LIST" => format!("[{}]", literal(&ty["ofType"], find)),
        "ENUM" => {
            let name = ty["name"].as_str().unwrap();
            find(name)["enumValues"][0]["name"]
                .as_str()
                .unwrap()
                .to_owned()
        }
        "INPUT_OBJECT" => {
            let fields = &find(ty["name"].as_str().unwrap())["inputFields"];
            format!("{{{}}}", required(fields, find))
        }
        _ => match ty["name"].as_str().unwrap() {
            "ID" => "\"0197d2c4-8a3e-7c1b-9f00-000000000001\"".to_owned(),
            "Int" => "1".to_owned(),
            _ => "\"x\"".to_owned(),
        },
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_scope_grants_only_its_own_operations(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let run = server.create_stock_run().await;
    let variables = json!({"run": run});
    let operations = [
        ("read", "query($run: ID!) { syncRun(id: $run) { id } }"),
        (
            "report",
            "mutation($run: ID!) { startSyncRun(runId: $run) { replayed } }",
        ),
        (
            "report",
            "mutation($run: ID!) { addSyncEvent(input: {runId: $run, event: {eventType: \"a\", message: \"b\"}}) { replayed } }",
        ),
        (
            "report",
            "mutation($run: ID!) { reportSyncProgress(input: {runId: $run}) { run { id } } }",
        ),
        (
            "operate",
            "mutation($run: ID!) { cancelSyncRun(input: {runId: $run}) { replayed } }",
        ),
        (
            "operate",
            "mutation($run: ID!) { cancelSyncRuns(input: {runIds: [$run]}) { results { runId } } }",
        ),
        (
            "operate",
            "mutation { cancelActiveSyncRuns(input: {source: API}) { hasMore } }",
        ),
        (
            "admin",
            "mutation($run: ID!) { deleteSyncRuns(input: {runIds: [$run]}) { deletedRunIds } }",
        ),
    ];
    for scope in ["read", "report", "operate", "admin"] {
        let (_, secret) = create_key(&server, scope).await;
        for (needs, operation) in &operations {
            let (_, response) = server
                .execute_as(&secret, operation, variables.clone())
                .await;
            let allowed = scope == *needs || scope == "admin";
            // `admin` comes last, when the run is already cancelled: any error but FORBIDDEN will do.
            let denied = error_code(&response) == "FORBIDDEN";
            assert_eq!(denied, !allowed, "{scope}: {operation}: {response}");
        }
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_source_bound_key_cannot_report_on_other_sources(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let other_run = server
        .create_run(json!({"entityType": "STOCK", "source": "FILE"}))
        .await;
    let (_, secret) = create_key_with(&server, "report operate", &["as400", "api"], None).await;
    let create = async |source: &str| {
        let variables = json!({"source": source});
        server.execute_as(&secret, CREATE, variables).await.1
    };
    assert_eq!(error_code(&create("FILE").await), "FORBIDDEN");
    let own_run = create("AS400").await["data"]["createSyncRun"]["run"]["id"].take();
    let operations = [
        "mutation($run: ID!) { startSyncRun(runId: $run) { replayed } }",
        "mutation($run: ID!) { addSyncEvent(input: {runId: $run, event: {eventType: \"a\", message: \"b\"}}) { replayed } }",
        "mutation($run: ID!) { addSyncEvents(input: {runId: $run, events: []}) { replayedCount } }",
        "mutation($run: ID!) { reportSyncProgress(input: {runId: $run}) { run { id } } }",
        "mutation($run: ID!) { completeSyncRun(input: {runId: $run}) { replayed } }",
        "mutation($run: ID!) { cancelSyncRun(input: {runId: $run}) { replayed } }",
    ];
    for operation in operations {
        let (_, response) = server
            .execute_as(&secret, operation, json!({"run": other_run}))
            .await;
        assert_eq!(error_code(&response), "FORBIDDEN", "{operation}");
        let (_, response) = server
            .execute_as(&secret, operation, json!({"run": own_run}))
            .await;
        assert_ne!(error_code(&response), "FORBIDDEN", "{operation}");
    }
    // Without a source it cancels only runs of its own sources.
    let cancel = "mutation { cancelActiveSyncRuns(input: {all: true}) { runs { id } } }";
    let (_, response) = server.execute_as(&secret, cancel, json!({})).await;
    assert_eq!(response["data"]["cancelActiveSyncRuns"]["runs"], json!([]));
    let cancel = "mutation { cancelActiveSyncRuns(input: {source: FILE}) { runs { id } } }";
    let (_, response) = server.execute_as(&secret, cancel, json!({})).await;
    assert_eq!(error_code(&response), "FORBIDDEN");
}

#[tokio::test]
async fn creating_runs_for_other_users_requires_operate_on_postgres() {
    let server = TestServer::start_on_existing_database().await;
    let users = server
        .data(
            "{ syncRuns(first: 100) { nodes { triggeredById } } }",
            json!({}),
        )
        .await;
    let nodes = users["syncRuns"]["nodes"].as_array().unwrap().iter();
    let user = nodes
        .map(|run| &run["triggeredById"])
        .find(|id| id.is_string());
    let variables = json!({"source": "API", "for": user.unwrap()});
    for (scopes, expected) in [("report", "FORBIDDEN"), ("report operate", "none")] {
        let (_, secret) = create_key(&server, scopes).await;
        let (_, response) = server.execute_as(&secret, CREATE, variables.clone()).await;
        assert_eq!(error_code(&response), expected, "{response}");
    }
}

#[tokio::test]
async fn a_source_bound_key_gets_not_found_for_an_unknown_run() {
    let server = TestServer::start(Sqlite).await;
    let (_, secret) = create_key_with(&server, "report", &["as400"], None).await;
    let complete = "mutation($run: ID!) { completeSyncRun(input: {runId: $run}) { replayed } }";
    let run = json!({"run": "0197d2c4-8a3e-7c1b-9f00-000000000001"});
    let (_, response) = server.execute_as(&secret, complete, run).await;
    assert_eq!(error_code(&response), "NOT_FOUND");
}

const CREATE_WITH_ID: &str = "mutation($id: ID) {
    createSyncRun(input: {id: $id, entityType: STOCK, source: API}) { replayed run { id } } }";
const READ_RUN: &str = "query($id: ID!) { syncRun(id: $id) { id createdBy
    events { totalCount nodes { eventType run { id } } } } }";
const READ_NODE: &str = "query($id: ID!) { node(id: $id) { id
    ... on SyncRun { events { totalCount } } ... on SyncEvent { eventType run { id } } } }";
const READ_NODES: &str = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }";
const UNKNOWN: &str = "0197d2c4-8a3e-7c1b-9f00-0000000000ff";

impl TestServer {
    /// Creates a run and an event of it, and returns their IDs.
    async fn report_as(&self, secret: &str, run: &str, event: &str) {
        let (_, created) = self
            .execute_as(secret, CREATE_WITH_ID, json!({"id": run}))
            .await;
        assert!(created.get("errors").is_none(), "{created}");
        let add = "mutation($run: ID!, $event: ID!) { addSyncEvent(input: {runId: $run,
            event: {id: $event, eventType: \"a\", message: \"b\"}}) { replayed } }";
        let variables = json!({"run": run, "event": event});
        let (_, added) = self.execute_as(secret, add, variables).await;
        assert!(added.get("errors").is_none(), "{added}");
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_reporting_key_reads_the_runs_that_it_created(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let id = |number| format!("0197d2c4-8a3e-7c1b-9f00-00000000000{number}");
    let (run, event, other, other_event, user) = (id(1), id(2), id(3), id(4), id(5));
    server.add_user(&user, "u@example.test", "U").await;
    // Two keys of the same name.
    let (_, key) = create_key(&server, "report").await;
    let (_, namesake) = create_key(&server, "report").await;
    server.report_as(&key, &run, &event).await;
    server.report_as(&namesake, &other, &other_event).await;
    // A repeated call does not make the run another key's.
    let repeated = json!({"id": other});
    let (_, repeated) = server.execute_as(&key, CREATE_WITH_ID, repeated).await;
    assert_eq!(repeated["data"]["createSyncRun"]["replayed"], true);

    let read = async |operation: &str, id: &str| {
        let variables = json!({"id": id});
        server.execute_as(&key, operation, variables).await.1
    };
    let events = json!({"totalCount": 1, "nodes": [{"eventType": "a", "run": {"id": run}}]});
    assert_eq!(
        read(READ_RUN, &run).await["data"]["syncRun"],
        json!({"id": run, "createdBy": "worker with report", "events": events})
    );
    assert_eq!(
        read(READ_NODE, &run).await["data"]["node"],
        json!({"id": run, "events": {"totalCount": 1}})
    );
    assert_eq!(
        read(READ_NODE, &event).await["data"]["node"],
        json!({"id": event, "eventType": "a", "run": {"id": run}})
    );
    let variables = json!({"ids": [event, run]});
    let (_, nodes) = server.execute_as(&key, READ_NODES, variables).await;
    assert_eq!(nodes["data"]["nodes"], json!([{"id": event}, {"id": run}]));

    // Whether another object exists is not disclosed.
    for (operation, ids) in [
        (READ_RUN, vec![&other[..], &event, UNKNOWN]),
        (READ_NODE, vec![&other[..], &other_event, &user, UNKNOWN]),
    ] {
        let mut messages = Vec::new();
        for id in ids {
            let response = read(operation, id).await;
            assert_eq!(error_code(&response), "FORBIDDEN", "{response}");
            messages.push(response["errors"][0]["message"].clone());
        }
        assert!(
            messages.iter().all(|message| *message == messages[0]),
            "{messages:?}"
        );
    }
    for another in [&other[..], &other_event, &user, UNKNOWN] {
        let variables = json!({"ids": [run, another]});
        let (_, response) = server.execute_as(&key, READ_NODES, variables).await;
        assert_eq!(error_code(&response), "FORBIDDEN", "{response}");
        assert!(response["data"].is_null());
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_reporting_key_reads_neither_lists_nor_subscriptions(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let (_, key) = create_key(&server, "report").await;
    let (run, event) = ("0197d2c4-8a3e-7c1b-9f00-000000000001", UNKNOWN);
    server.report_as(&key, run, event).await;
    for list in [
        "query($run: ID!) { syncRuns(filter: {id: [$run]}) { totalCount } }",
        "query($run: ID!) { syncEvents(filter: {runId: [$run]}) { totalCount } }",
        "query { syncFreshness { state } }",
        "query { syncFailureGroups { runsRead } }",
    ] {
        let (_, response) = server.execute_as(&key, list, json!({"run": run})).await;
        assert_eq!(error_code(&response), "FORBIDDEN", "{list}");
    }
    for watch in [
        "subscription($run: ID!) { syncRunChanged(filter: {id: [$run]}) { kind } }",
        "subscription($run: ID!) { syncEventAdded(runId: $run) { cursor } }",
        "subscription { syncFreshnessChanged { state } }",
    ] {
        let mut socket = Socket::open_with(&server.url, json!({"token": key})).await;
        socket.subscribe(watch, json!({"run": run})).await;
        let error = socket.receive().await["payload"][0].take();
        assert_eq!(code(&error), "FORBIDDEN", "{watch}");
    }
}

/// Nor a key that may not report, or whose runs another program created.
#[apply(on_both_databases)]
#[tokio::test]
async fn only_reporting_keys_own_runs(database: DatabaseKind) {
    use sync_history::clock::Clock;
    let issuer = OidcIssuer::start().await;
    let server = TestServer::start_with(database, issuer.settings()).await;
    let expires = server.clock.now().timestamp() + 60;
    let claims = json!({"sub": "a", "name": "A", "scope": "report", "exp": expires});
    let token = issuer.token(claims);
    let (run, event) = ("0197d2c4-8a3e-7c1b-9f00-000000000001", UNKNOWN);
    server.report_as(&token, run, event).await;
    let (_, operator) = create_key(&server, "operate").await;
    let (_, reporter) = create_key(&server, "report").await;
    for secret in [&token, &operator, &reporter] {
        for operation in [READ_RUN, READ_NODE] {
            let (_, response) = server
                .execute_as(secret, operation, json!({"id": run}))
                .await;
            assert_eq!(error_code(&response), "FORBIDDEN", "{response}");
        }
    }
}
