//! Who is let in, and what they may do.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use sync_history::{
    auth::{
        AuthSettings, Scopes,
        api_key::{self, ApiKey, NewApiKey},
    },
    db,
};

use crate::support::{
    DatabaseKind, Options, Process, Sqlite, TestServer, Value, apply, code, json,
    on_both_databases, run_in, socket::Socket,
};

pub(crate) const VIEWER: &str = "{ viewer { name kind scopes user { email } } }";
const CREATE: &str = "mutation($source: SyncSource!, $for: ID) {
    createSyncRun(input: {entityType: STOCK, source: $source, triggeredById: $for}) { run { id } } }";
pub(crate) const WATCH: &str = "subscription { syncRunChanged { run { id } } }";

/// Makes a key, as the command line does.
async fn key(server: &TestServer, scopes: &str) -> (ApiKey, String) {
    make(server, scopes, &[], None).await
}

async fn make(
    server: &TestServer,
    scopes: &str,
    sources: &[&str],
    expires: Option<Duration>,
) -> (ApiKey, String) {
    let database = db::connect(&server.database_url).await.unwrap();
    let new = NewApiKey {
        name: format!("worker with {scopes}"),
        scopes: scopes.parse().unwrap(),
        sources: sources.iter().map(|word| word.parse().unwrap()).collect(),
        expires,
    };
    let made = api_key::create(&database, server.clock.as_ref(), new).await;
    database.close().await.unwrap();
    made.unwrap()
}

async fn revoke(server: &TestServer, key: &ApiKey) {
    use sync_history::clock::Clock;
    let database = db::connect(&server.database_url).await.unwrap();
    let which = key.id.to_string();
    api_key::revoke(&database, server.clock.now(), &which)
        .await
        .unwrap();
    database.close().await.unwrap();
}

/// The code of the one error of an answer, or `none`.
pub(crate) fn refusal(answer: &Value) -> &str {
    code(&answer["errors"][0])
}

#[apply(on_both_databases)]
#[tokio::test]
async fn loopback_requests_have_all_scopes_until_a_key_exists(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let all = json!(["read", "report", "operate", "admin"]);
    let anonymous = |scopes: &Value| json!({"viewer": {"name": "anonymous", "kind": "ANONYMOUS", "scopes": scopes, "user": null}});
    assert_eq!(server.data(VIEWER, json!({})).await, anonymous(&all));

    let (_, secret) = key(&server, "read report").await;
    // At once for who brings it, within seconds for who does not.
    let (status, answer) = server.execute_as(&secret, VIEWER, json!({})).await;
    assert_eq!(status, 200);
    assert_eq!(
        answer["data"]["viewer"],
        json!({"name": "worker with read report", "kind": "API_KEY", "scopes": ["read", "report"], "user": null})
    );
    assert_eq!(server.data(VIEWER, json!({})).await, anonymous(&json!([])));
    let error = server.error("{ syncRuns { totalCount } }", json!({})).await;
    assert_eq!(code(&error), "UNAUTHENTICATED");
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_key_is_stored_as_a_hash_and_its_last_use_is_recorded(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let (made, secret) = key(&server, "read").await;
    assert_eq!(made.hash.len(), 32);
    assert!(!format!("{made:?}").contains(&secret[12..]));
    server.execute_as(&secret, VIEWER, json!({})).await;
    let database = db::connect(&server.database_url).await.unwrap();
    for _ in 0..100 {
        if api_key::list(&database).await.unwrap()[0]
            .last_used_at
            .is_some()
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("its use was not noted");
}

#[apply(on_both_databases)]
#[tokio::test]
async fn invalid_credentials_are_rejected_with_401(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let (revoked, secret) = key(&server, "read").await;
    let (expired, passing) = make(&server, "read", &[], Some(Duration::from_mins(1))).await;
    assert!(expired.expires_at.is_some());
    assert_eq!(server.execute_as(&passing, VIEWER, json!({})).await.0, 200);
    revoke(&server, &revoked).await;
    server.clock.advance(Duration::from_mins(2));
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let mistyped = format!("{}x", &secret[..secret.len() - 1]);
    for bearer in [&secret, &passing, &mistyped, "", "guess", "a.b.c"] {
        let (status, answer) = server.execute_as(bearer, VIEWER, json!({})).await;
        assert_eq!(
            (status, refusal(&answer)),
            (401, "UNAUTHENTICATED"),
            "{bearer}"
        );
        assert!(answer.get("data").is_none());
    }
}

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
    let mut asked = 0;
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
                let mut socket = server.subscribe(&operation, json!({})).await;
                socket.receive().await["payload"][0].take()
            } else {
                server.error(&operation, json!({})).await
            };
            assert_eq!(code(&error), "UNAUTHENTICATED", "{operation}: {error}");
            asked += 1;
        }
    }
    assert!(asked >= 15, "{asked}");
}

/// Those of arguments or fields of an input that must be given, with some value.
fn required<'a>(inputs: &Value, find: &impl Fn(&str) -> &'a Value) -> String {
    let inputs = inputs.as_array().unwrap().iter();
    let must =
        |input: &&Value| input["type"]["kind"] == "NON_NULL" && input["defaultValue"].is_null();
    let given = inputs.filter(must).map(|input| {
        let name = input["name"].as_str().unwrap();
        format!("{name}: {}", some(&input["type"], find))
    });
    given.collect::<Vec<_>>().join(", ")
}

fn some<'a>(ty: &Value, find: &impl Fn(&str) -> &'a Value) -> String {
    match ty["kind"].as_str().unwrap() {
        "NON_NULL" => some(&ty["ofType"], find),
        "LIST" => format!("[{}]", some(&ty["ofType"], find)),
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
    let of_run = json!({"run": run});
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
    ];
    for scope in ["read", "report", "operate", "admin"] {
        let (_, secret) = key(&server, scope).await;
        for (needs, operation) in &operations {
            let (_, answer) = server.execute_as(&secret, operation, of_run.clone()).await;
            let allowed = scope == *needs || scope == "admin";
            // An admin comes last, and the run has been cancelled by then.
            let denied = refusal(&answer) == "FORBIDDEN";
            assert_eq!(denied, !allowed, "{scope}: {operation}: {answer}");
        }
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_source_bound_key_cannot_report_on_other_sources(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let others = server
        .create_run(json!({"entityType": "STOCK", "source": "FILE"}))
        .await;
    let (_, secret) = make(&server, "report operate", &["as400", "api"], None).await;
    let create = async |source: &str| {
        let variables = json!({"source": source});
        server.execute_as(&secret, CREATE, variables).await.1
    };
    assert_eq!(refusal(&create("FILE").await), "FORBIDDEN");
    let own = create("AS400").await["data"]["createSyncRun"]["run"]["id"].take();
    let operations = [
        "mutation($run: ID!) { startSyncRun(runId: $run) { replayed } }",
        "mutation($run: ID!) { addSyncEvent(input: {runId: $run, event: {eventType: \"a\", message: \"b\"}}) { replayed } }",
        "mutation($run: ID!) { addSyncEvents(input: {runId: $run, events: []}) { replayedCount } }",
        "mutation($run: ID!) { reportSyncProgress(input: {runId: $run}) { run { id } } }",
        "mutation($run: ID!) { completeSyncRun(input: {runId: $run}) { replayed } }",
        "mutation($run: ID!) { cancelSyncRun(input: {runId: $run}) { replayed } }",
    ];
    for operation in operations {
        let (_, answer) = server
            .execute_as(&secret, operation, json!({"run": others}))
            .await;
        assert_eq!(refusal(&answer), "FORBIDDEN", "{operation}");
        let (_, answer) = server
            .execute_as(&secret, operation, json!({"run": own}))
            .await;
        assert_ne!(refusal(&answer), "FORBIDDEN", "{operation}");
    }
    // All that it may cancel; not all there are.
    let cancel = "mutation { cancelActiveSyncRuns(input: {}) { runs { id } } }";
    let (_, answer) = server.execute_as(&secret, cancel, json!({})).await;
    assert_eq!(answer["data"]["cancelActiveSyncRuns"]["runs"], json!([]));
    let cancel = "mutation { cancelActiveSyncRuns(input: {source: FILE}) { runs { id } } }";
    let (_, answer) = server.execute_as(&secret, cancel, json!({})).await;
    assert_eq!(refusal(&answer), "FORBIDDEN");
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
    let someone = nodes
        .map(|run| &run["triggeredById"])
        .find(|id| id.is_string());
    let variables = json!({"source": "API", "for": someone.unwrap()});
    for (scopes, expected) in [("report", "FORBIDDEN"), ("report operate", "none")] {
        let (_, secret) = key(&server, scopes).await;
        let (_, answer) = server.execute_as(&secret, CREATE, variables.clone()).await;
        assert_eq!(refusal(&answer), expected, "{answer}");
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn sockets_authenticate_first_and_close_when_their_key_is_revoked(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let (made, secret) = key(&server, "read").await;
    let bearer = format!("Bearer {secret}");
    let replica = server.replica().await;

    let mut sockets = Vec::new();
    for payload in [
        json!({"authorization": bearer}),
        json!({"Authorization": bearer}),
        json!({"headers": {"Authorization": bearer}}),
        json!({"token": secret}),
    ] {
        sockets.push(Socket::open_with(&replica.url, payload).await);
    }
    let mut by_header = Socket::connect(&server.url, Some(&bearer)).await;
    by_header.send(&json!({"type": "connection_init"})).await;
    assert_eq!(by_header.receive().await["type"], "connection_ack");
    sockets.push(by_header);
    for socket in &mut sockets {
        socket.subscribe(WATCH, json!({})).await;
    }
    let mut stream = reqwest::Client::new()
        .post(format!("{}/graphql", replica.url))
        .bearer_auth(&secret)
        .header("accept", "text/event-stream")
        .json(&json!({"query": WATCH}))
        .send()
        .await
        .unwrap()
        .bytes_stream();

    for payload in [json!({"token": "guess"}), json!({"authorization": 7})] {
        let mut socket = Socket::connect(&server.url, None).await;
        let init = json!({"type": "connection_init", "payload": payload});
        socket.send(&init).await;
        assert_eq!(socket.close_code().await, 4401);
    }

    let revoked_at = Instant::now();
    revoke(&server, &made).await;
    for socket in &mut sockets {
        assert_eq!(socket.close_code().await, 4401);
    }
    while stream.next().await.is_some() {}
    assert!(revoked_at.elapsed() < Duration::from_secs(5));
}

#[apply(on_both_databases)]
#[tokio::test]
async fn a_socket_closes_when_its_key_expires(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let (_, secret) = make(&server, "read", &[], Some(Duration::from_secs(1))).await;
    let mut socket = Socket::open_with(&server.url, json!({"token": secret})).await;
    socket.subscribe(WATCH, json!({})).await;
    assert_eq!(socket.close_code().await, 4401);
}

#[test]
fn the_cli_creates_lists_and_revokes_keys() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| run_in(folder.path(), arguments);
    let create = [
        "key", "create", "--name", "nightly", "--scope", "report", "--source", "as400",
    ];
    let (status, secret, _) = run(&[&create[..], &["--expires", "90d"]].concat());
    assert_eq!(status, Some(0));
    assert!(secret.trim().starts_with("synchistory_"));
    let (_, list, _) = run(&["key", "list"]);
    for part in ["nightly", "report", "as400", "revoked never", "used never"] {
        assert!(list.contains(part), "{list}");
    }
    assert!(!list.contains(&secret.trim()[12..]));
    assert_eq!(run(&["key", "revoke", "nightly"]).0, Some(0));
    let (status, _, error) = run(&["key", "revoke", "nightly"]);
    assert_eq!(status, Some(1));
    assert!(
        error.contains("no active API key with the id or name `nightly`"),
        "{error}"
    );
    for bad in [
        vec!["key", "create", "--name", "a", "--scope", "write"],
        vec![
            "key", "create", "--name", "a", "--scope", "read", "--source", "tape",
        ],
        vec!["key", "create", "--name", "a"],
        vec!["key", "create", "--name", " ", "--scope", "read"],
    ] {
        assert_ne!(run(&bad).0, Some(0), "{bad:?}");
    }
}

#[tokio::test]
async fn a_public_address_requires_a_key_or_the_anonymous_option() {
    let folder = tempfile::tempdir().unwrap();
    let network = ["--listen", "0.0.0.0:0"];
    let (status, printed, error) = run_in(folder.path(), &network);
    assert_eq!((status, printed.as_str()), (Some(1), ""));
    for part in ["key create", "--oidc-issuer", "--anonymous", "loopback"] {
        assert!(error.contains(part), "{error}");
    }
    let mut open = Process::start_with(
        folder.path(),
        &[&network[..], &["--anonymous", "read"]].concat(),
    );
    open.url = open.url.replace("0.0.0.0", "127.0.0.1");
    let viewer = open.execute(VIEWER).await.unwrap();
    assert_eq!(viewer["data"]["viewer"]["scopes"], json!(["read"]));
    drop(open);

    let create = ["key", "create", "--name", "nightly", "--scope", "report"];
    run_in(folder.path(), &create);
    let mut guarded = Process::start_with(folder.path(), &network);
    guarded.url = guarded.url.replace("0.0.0.0", "127.0.0.1");
    let viewer = guarded.execute(VIEWER).await.unwrap();
    assert_eq!(viewer["data"]["viewer"]["scopes"], json!([]));
}

#[tokio::test]
async fn forwarded_requests_are_not_treated_as_local() {
    let server = TestServer::start(Sqlite).await;
    for header in ["x-forwarded-for", "forwarded", "via", "x-real-ip"] {
        let answer = reqwest::Client::new()
            .post(format!("{}/graphql", server.url))
            .header(header, "203.0.113.7")
            .json(&json!({"query": VIEWER}))
            .send();
        let answer: Value = answer.await.unwrap().json().await.unwrap();
        assert_eq!(answer["data"]["viewer"]["scopes"], json!([]), "{header}");
    }
}

#[tokio::test]
async fn an_unauthenticated_socket_closes_when_the_first_key_is_created() {
    let server = TestServer::start(Sqlite).await;
    let mut socket = server.subscribe(WATCH, json!({})).await;
    key(&server, "read").await;
    assert_eq!(socket.close_code().await, 4401);
}

#[tokio::test]
async fn a_source_bound_key_gets_not_found_for_an_unknown_run() {
    let server = TestServer::start(Sqlite).await;
    let (_, secret) = make(&server, "report", &["as400"], None).await;
    let complete = "mutation($run: ID!) { completeSyncRun(input: {runId: $run}) { replayed } }";
    let run = json!({"run": "0197d2c4-8a3e-7c1b-9f00-000000000001"});
    let (_, answer) = server.execute_as(&secret, complete, run).await;
    assert_eq!(refusal(&answer), "NOT_FOUND");
}
