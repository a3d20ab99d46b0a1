//! Who is let in, and what they may do.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use sync_history::{
    access::{
        Policy, Scopes,
        keys::{self, Key, NewKey},
    },
    db,
};

use crate::{
    process::{Process, run_in},
    support::{Kind, Ledger, Postgres, Setup, Sqlite, Value, code, json, rstest, socket::Socket},
};

pub(crate) const VIEWER: &str = "{ viewer { name kind scopes user { email } } }";
const CREATE: &str = "mutation($source: SyncSource!, $for: ID) {
    createSyncRun(input: {entityType: STOCK, source: $source, triggeredById: $for}) { run { id } } }";
pub(crate) const WATCH: &str = "subscription { syncRunChanged { run { id } } }";

/// Makes a key, as the command line does.
async fn key(ledger: &Ledger, scopes: &str) -> (Key, String) {
    make(ledger, scopes, &[], None).await
}

async fn make(
    ledger: &Ledger,
    scopes: &str,
    sources: &[&str],
    expires: Option<Duration>,
) -> (Key, String) {
    let database = db::connect(&ledger.database_url).await.unwrap();
    let new = NewKey {
        name: format!("worker with {scopes}"),
        scopes: scopes.parse().unwrap(),
        sources: sources.iter().map(|word| word.parse().unwrap()).collect(),
        expires,
    };
    let made = keys::create(&database, ledger.clock.as_ref(), new).await;
    database.close().await.unwrap();
    made.unwrap()
}

async fn revoke(ledger: &Ledger, key: &Key) {
    use sync_history::clock::Clock;
    let database = db::connect(&ledger.database_url).await.unwrap();
    let which = key.id.to_string();
    keys::revoke(&database, ledger.clock.now(), &which)
        .await
        .unwrap();
    database.close().await.unwrap();
}

/// The code of the one error of an answer, or `none`.
pub(crate) fn refusal(answer: &Value) -> &str {
    code(&answer["errors"][0])
}

#[rstest]
#[tokio::test]
async fn on_loopback_everyone_may_everything_until_there_is_a_key(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(ledger) = Ledger::start(kind).await else {
        return;
    };
    let all = json!(["read", "report", "operate", "admin"]);
    let anonymous = |scopes: &Value| json!({"viewer": {"name": "anonymous", "kind": "ANONYMOUS", "scopes": scopes, "user": null}});
    assert_eq!(ledger.data(VIEWER, json!({})).await, anonymous(&all));

    let (_, secret) = key(&ledger, "read report").await;
    // At once for who brings it, within seconds for who does not.
    let (status, answer) = ledger.answer_as(&secret, VIEWER, json!({})).await;
    assert_eq!(status, 200);
    assert_eq!(
        answer["data"]["viewer"],
        json!({"name": "worker with read report", "kind": "API_KEY", "scopes": ["read", "report"], "user": null})
    );
    assert_eq!(ledger.data(VIEWER, json!({})).await, anonymous(&json!([])));
    let error = ledger.error("{ syncRuns { totalCount } }", json!({})).await;
    assert_eq!(code(&error), "UNAUTHENTICATED");
}

#[rstest]
#[tokio::test]
async fn a_key_is_stored_as_a_hash_alone_and_its_use_is_noted(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(ledger) = Ledger::start(kind).await else {
        return;
    };
    let (made, secret) = key(&ledger, "read").await;
    assert_eq!(made.hash.len(), 32);
    assert!(!format!("{made:?}").contains(&secret[12..]));
    ledger.answer_as(&secret, VIEWER, json!({})).await;
    let database = db::connect(&ledger.database_url).await.unwrap();
    for _ in 0..100 {
        if keys::list(&database).await.unwrap()[0]
            .last_used_at
            .is_some()
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("its use was not noted");
}

#[rstest]
#[tokio::test]
async fn what_is_no_key_is_answered_401(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(ledger) = Ledger::start(kind).await else {
        return;
    };
    let (revoked, secret) = key(&ledger, "read").await;
    let (expired, passing) = make(&ledger, "read", &[], Some(Duration::from_mins(1))).await;
    assert!(expired.expires_at.is_some());
    assert_eq!(ledger.answer_as(&passing, VIEWER, json!({})).await.0, 200);
    revoke(&ledger, &revoked).await;
    ledger.clock.advance(Duration::from_mins(2));
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let mistyped = format!("{}x", &secret[..secret.len() - 1]);
    for bearer in [&secret, &passing, &mistyped, "", "guess", "a.b.c"] {
        let (status, answer) = ledger.answer_as(bearer, VIEWER, json!({})).await;
        assert_eq!(
            (status, refusal(&answer)),
            (401, "UNAUTHENTICATED"),
            "{bearer}"
        );
        assert!(answer.get("data").is_none());
    }
}

#[tokio::test]
async fn every_root_field_but_viewer_asks_for_a_scope() {
    let setup = Setup {
        policy: Policy {
            anonymous: Some(Scopes::default()),
        },
        ..Setup::default()
    };
    let ledger = Ledger::set_up(Sqlite, setup).await.unwrap();
    let schema = ledger
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
                let mut socket = ledger.watch(&operation, json!({})).await;
                socket.hear().await["payload"][0].take()
            } else {
                ledger.error(&operation, json!({})).await
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

#[rstest]
#[tokio::test]
async fn a_scope_allows_what_it_says_and_no_more(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(ledger) = Ledger::start(kind).await else {
        return;
    };
    let run = ledger.create_stock().await;
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
        let (_, secret) = key(&ledger, scope).await;
        for (needs, operation) in &operations {
            let (_, answer) = ledger.answer_as(&secret, operation, of_run.clone()).await;
            let allowed = scope == *needs || scope == "admin";
            // An admin comes last, and the run has been cancelled by then.
            let denied = refusal(&answer) == "FORBIDDEN";
            assert_eq!(denied, !allowed, "{scope}: {operation}: {answer}");
        }
    }
}

#[rstest]
#[tokio::test]
async fn a_key_bound_to_sources_reports_on_no_others(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(ledger) = Ledger::start(kind).await else {
        return;
    };
    let others = ledger
        .create(json!({"entityType": "STOCK", "source": "FILE"}))
        .await;
    let (_, secret) = make(&ledger, "report operate", &["as400", "api"], None).await;
    let create = async |source: &str| {
        let variables = json!({"source": source});
        ledger.answer_as(&secret, CREATE, variables).await.1
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
        let (_, answer) = ledger
            .answer_as(&secret, operation, json!({"run": others}))
            .await;
        assert_eq!(refusal(&answer), "FORBIDDEN", "{operation}");
        let (_, answer) = ledger
            .answer_as(&secret, operation, json!({"run": own}))
            .await;
        assert_ne!(refusal(&answer), "FORBIDDEN", "{operation}");
    }
    // All that it may cancel; not all there are.
    let cancel = "mutation { cancelActiveSyncRuns(input: {}) { runs { id } } }";
    let (_, answer) = ledger.answer_as(&secret, cancel, json!({})).await;
    assert_eq!(answer["data"]["cancelActiveSyncRuns"]["runs"], json!([]));
    let cancel = "mutation { cancelActiveSyncRuns(input: {source: FILE}) { runs { id } } }";
    let (_, answer) = ledger.answer_as(&secret, cancel, json!({})).await;
    assert_eq!(refusal(&answer), "FORBIDDEN");
}

#[tokio::test]
async fn to_act_for_others_needs_operate() {
    let Some(ledger) = Ledger::start_on_existing().await else {
        return;
    };
    let users = ledger
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
        let (_, secret) = key(&ledger, scopes).await;
        let (_, answer) = ledger.answer_as(&secret, CREATE, variables.clone()).await;
        assert_eq!(refusal(&answer), expected, "{answer}");
    }
}

#[rstest]
#[tokio::test]
async fn a_socket_says_who_it_is_first_and_is_closed_when_its_key_is_revoked(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(ledger) = Ledger::start(kind).await else {
        return;
    };
    let (made, secret) = key(&ledger, "read").await;
    let bearer = format!("Bearer {secret}");
    let replica = ledger.replica().await;

    let mut sockets = Vec::new();
    for payload in [
        json!({"authorization": bearer}),
        json!({"Authorization": bearer}),
        json!({"headers": {"Authorization": bearer}}),
        json!({"token": secret}),
    ] {
        sockets.push(Socket::open_as(&replica.url, payload).await);
    }
    let mut by_header = Socket::connect(&ledger.url, Some(&bearer)).await;
    by_header.say(&json!({"type": "connection_init"})).await;
    assert_eq!(by_header.hear().await["type"], "connection_ack");
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
        let mut socket = Socket::connect(&ledger.url, None).await;
        let init = json!({"type": "connection_init", "payload": payload});
        socket.say(&init).await;
        assert_eq!(socket.close_code().await, 4401);
    }

    let revoked_at = Instant::now();
    revoke(&ledger, &made).await;
    for socket in &mut sockets {
        assert_eq!(socket.close_code().await, 4401);
    }
    while stream.next().await.is_some() {}
    assert!(revoked_at.elapsed() < Duration::from_secs(5));
}

#[rstest]
#[tokio::test]
async fn a_socket_is_closed_when_its_key_expires(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(ledger) = Ledger::start(kind).await else {
        return;
    };
    let (_, secret) = make(&ledger, "read", &[], Some(Duration::from_secs(1))).await;
    let mut socket = Socket::open_as(&ledger.url, json!({"token": secret})).await;
    socket.subscribe(WATCH, json!({})).await;
    assert_eq!(socket.close_code().await, 4401);
}

#[test]
fn the_command_line_makes_lists_and_revokes_keys() {
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
    assert!(error.contains("there is no key `nightly`"), "{error}");
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
async fn on_the_network_the_server_starts_for_those_with_keys_or_says_what_to_do() {
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
    let viewer = open.ask(VIEWER).await.unwrap();
    assert_eq!(viewer["data"]["viewer"]["scopes"], json!(["read"]));
    drop(open);

    let create = ["key", "create", "--name", "nightly", "--scope", "report"];
    run_in(folder.path(), &create);
    let mut guarded = Process::start_with(folder.path(), &network);
    guarded.url = guarded.url.replace("0.0.0.0", "127.0.0.1");
    let viewer = guarded.ask(VIEWER).await.unwrap();
    assert_eq!(viewer["data"]["viewer"]["scopes"], json!([]));
}

#[tokio::test]
async fn what_a_proxy_forwards_is_not_taken_for_this_machines() {
    let ledger = Ledger::start(Sqlite).await.unwrap();
    for header in ["x-forwarded-for", "forwarded", "via", "x-real-ip"] {
        let answer = reqwest::Client::new()
            .post(format!("{}/graphql", ledger.url))
            .header(header, "203.0.113.7")
            .json(&json!({"query": VIEWER}))
            .send();
        let answer: Value = answer.await.unwrap().json().await.unwrap();
        assert_eq!(answer["data"]["viewer"]["scopes"], json!([]), "{header}");
    }
}

#[tokio::test]
async fn a_socket_of_no_one_is_closed_when_there_is_a_key() {
    let ledger = Ledger::start(Sqlite).await.unwrap();
    let mut socket = ledger.watch(WATCH, json!({})).await;
    key(&ledger, "read").await;
    assert_eq!(socket.close_code().await, 4401);
}

#[tokio::test]
async fn a_key_bound_to_sources_is_told_nothing_of_a_run_that_is_not_there() {
    let ledger = Ledger::start(Sqlite).await.unwrap();
    let (_, secret) = make(&ledger, "report", &["as400"], None).await;
    let complete = "mutation($run: ID!) { completeSyncRun(input: {runId: $run}) { replayed } }";
    let run = json!({"run": "0197d2c4-8a3e-7c1b-9f00-000000000001"});
    let (_, answer) = ledger.answer_as(&secret, complete, run).await;
    assert_eq!(refusal(&answer), "NOT_FOUND");
}
