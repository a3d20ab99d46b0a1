//! Authentication: API keys, loopback addresses and sockets.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use sync_history::{
    auth::api_key::{self, ApiKey, NewApiKey},
    db,
};

use crate::support::{
    Cluster, DatabaseKind, Process, Sqlite, TestServer, Value, apply, code, json,
    on_both_databases, run_in, socket::Socket, sqlite_url, wait_until,
};

pub(crate) const VIEWER: &str = "{ viewer { name kind scopes user { email } } }";
pub(crate) const WATCH: &str = "subscription { syncRunChanged { run { id } } }";

/// Creates a key, as the command line does, and returns it with its secret.
pub(crate) async fn create_key(server: &TestServer, scopes: &str) -> (ApiKey, String) {
    create_key_with(server, scopes, &[], None).await
}

pub(crate) async fn create_key_with(
    server: &TestServer,
    scopes: &str,
    sources: &[&str],
    expires: Option<Duration>,
) -> (ApiKey, String) {
    let database = db::connect(&server.database_url).await.unwrap();
    let new = NewApiKey {
        name: format!("worker with {scopes}"),
        scopes: scopes.parse().unwrap(),
        sources: sources
            .iter()
            .map(|source| source.parse().unwrap())
            .collect(),
        expires,
    };
    let key = api_key::create(&database, server.clock.as_ref(), new).await;
    database.close().await.unwrap();
    key.unwrap()
}

async fn revoke_key(server: &TestServer, key: &ApiKey) {
    use sync_history::clock::Clock;
    let database = db::connect(&server.database_url).await.unwrap();
    let id = key.id.to_string();
    api_key::revoke(&database, server.clock.now(), &id)
        .await
        .unwrap();
    database.close().await.unwrap();
}

/// The code of the first error of a response, or `none`.
pub(crate) fn error_code(response: &Value) -> &str {
    code(&response["errors"][0])
}

#[apply(on_both_databases)]
#[tokio::test]
async fn loopback_requests_have_all_scopes_until_a_key_exists(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let all = json!(["read", "report", "operate", "admin"]);
    let anonymous = |scopes: &Value| json!({"viewer": {"name": "anonymous", "kind": "ANONYMOUS", "scopes": scopes, "user": null}});
    assert_eq!(server.data(VIEWER, json!({})).await, anonymous(&all));

    let (_, secret) = create_key(&server, "read report").await;
    // The key is valid immediately; unauthenticated requests lose their scopes.
    let (status, response) = server.execute_as(&secret, VIEWER, json!({})).await;
    assert_eq!(status, 200);
    assert_eq!(
        response["data"]["viewer"],
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
    let (key, secret) = create_key(&server, "read").await;
    assert_eq!(key.hash.len(), 32);
    assert!(!format!("{key:?}").contains(&secret[12..]));
    server.execute_as(&secret, VIEWER, json!({})).await;
    let database = db::connect(&server.database_url).await.unwrap();
    wait_until("the use of the key is recorded", async || {
        let keys = api_key::list(&database).await.unwrap();
        keys[0].last_used_at.is_some()
    })
    .await;
}

#[apply(on_both_databases)]
#[tokio::test]
async fn invalid_credentials_are_rejected_with_401(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let (revoked, secret) = create_key(&server, "read").await;
    let (expiring, expiring_secret) =
        create_key_with(&server, "read", &[], Some(Duration::from_mins(1))).await;
    assert!(expiring.expires_at.is_some());
    assert_eq!(
        server
            .execute_as(&expiring_secret, VIEWER, json!({}))
            .await
            .0,
        200
    );
    revoke_key(&server, &revoked).await;
    server.clock.advance(Duration::from_mins(2));
    wait_until("the server notices the revocation", async || {
        server.execute_as(&secret, VIEWER, json!({})).await.0 == 401
    })
    .await;
    let mistyped = format!("{}x", &secret[..secret.len() - 1]);
    for bearer in [&secret, &expiring_secret, &mistyped, "", "guess", "a.b.c"] {
        let (status, response) = server.execute_as(bearer, VIEWER, json!({})).await;
        assert_eq!(
            (status, error_code(&response)),
            (401, "UNAUTHENTICATED"),
            "{bearer}"
        );
        assert!(response.get("data").is_none());
    }
}

#[apply(on_both_databases)]
#[tokio::test]
async fn sockets_authenticate_first_and_close_when_their_key_is_revoked(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let (key, secret) = create_key(&server, "read").await;
    let bearer = format!("Bearer {secret}");
    let replica = server.replica().await;

    let mut sockets = Vec::new();
    for payload in [
        json!({"authorization": bearer}),
        json!({"Authorization": bearer}),
        json!({"headers": {"Authorization": bearer}}),
        json!({"headers": {"AUTHORIZATION": bearer, "x-other": "1"}}),
        json!({"headers": {}, "authorization": bearer}),
        json!({"headers": {"x-other": "1"}, "authorization": bearer}),
        json!({"headers": null, "Token": secret}),
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

    for payload in [
        json!({"token": "guess"}),
        json!({"authorization": 7}),
        // Not understood, and so not taken for an unauthenticated client.
        json!({"headers": {"x-api-key": secret}}),
        json!({"headers": {"Authorization": [bearer]}}),
        json!({"headers": [["Authorization", bearer]]}),
        json!({"headers": bearer}),
        json!({"headers": {"Authorization": bearer}, "authorization": "Bearer other"}),
    ] {
        let mut socket = Socket::connect(&server.url, None).await;
        let init = json!({"type": "connection_init", "payload": payload});
        socket.send(&init).await;
        assert_eq!(socket.close_code().await, 4401);
    }

    let revoked_at = Instant::now();
    revoke_key(&server, &key).await;
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
    let (_, secret) = create_key_with(&server, "read", &[], Some(Duration::from_secs(1))).await;
    let mut socket = Socket::open_with(&server.url, json!({"token": secret})).await;
    socket.subscribe(WATCH, json!({})).await;
    assert_eq!(socket.close_code().await, 4401);
}

#[test]
fn the_cli_creates_lists_and_revokes_keys() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| run_in(folder.path(), arguments);
    assert_eq!(run(&["migrate"]).0, Some(0));
    let create = [
        "key", "create", "--name", "nightly", "--scope", "report", "--source", "as400",
    ];
    let (status, secret, _) = run(&[&create[..], &["--expires", "90d"]].concat());
    assert_eq!(status, Some(0));
    assert!(secret.trim().starts_with("synchistory_"));
    let (_, list, _) = run(&["key", "list"]);
    for part in [
        "nightly",
        "report",
        "as400",
        "LAST USED",
        "\tnever\tnever\n",
    ] {
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
        let response = reqwest::Client::new()
            .post(format!("{}/graphql", server.url))
            .header(header, "203.0.113.7")
            .json(&json!({"query": VIEWER}))
            .send();
        let response: Value = response.await.unwrap().json().await.unwrap();
        assert_eq!(response["data"]["viewer"]["scopes"], json!([]), "{header}");
    }
}

#[tokio::test]
async fn an_unauthenticated_socket_closes_when_the_first_key_is_created() {
    let server = TestServer::start(Sqlite).await;
    let mut socket = server.subscribe(WATCH, json!({})).await;
    create_key(&server, "read").await;
    assert_eq!(socket.close_code().await, 4401);
}

#[apply(on_both_databases)]
#[tokio::test]
async fn many_keys_cost_nothing_while_none_changes(database: DatabaseKind) {
    let folder = tempfile::tempdir().unwrap();
    let url = match database {
        DatabaseKind::Sqlite => sqlite_url(&folder),
        DatabaseKind::Postgres => Cluster::get().empty_database().await,
    };
    drop(TestServer::open(url.clone()).await);
    let options = sea_orm::ConnectOptions::new(&url);
    let connection = sea_orm::Database::connect(options).await.unwrap();
    let insert = match database {
        DatabaseKind::Sqlite => {
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
            INSERT INTO sync_key (id, name, hash, scopes, created_at)
            SELECT randomblob(16), 'key ' || i, randomblob(32), 'read', '2026-11-20T08:00:00+00:00' FROM n"
        }
        DatabaseKind::Postgres => {
            "INSERT INTO sync_history.sync_key (id, name, hash, scopes, created_at)
            SELECT gen_random_uuid(), 'key ' || i, sha256(i::text::bytea), 'read', now()
            FROM generate_series(1, 20000) AS i"
        }
    };
    sea_orm::ConnectionTrait::execute_unprepared(&connection, insert)
        .await
        .unwrap();
    connection.close().await.unwrap();
    let server = Process::start_with(folder.path(), &["--database-url", &url]);
    let ticks = || -> u64 {
        let path = format!("/proc/{}/stat", server.child.id());
        let stat = std::fs::read_to_string(path).unwrap();
        // User and system time, in hundredths of a second.
        let fields = stat.rsplit(')').next().unwrap().split(' ');
        fields
            .skip(12)
            .take(2)
            .map(|ticks| ticks.parse::<u64>().unwrap())
            .sum()
    };
    let status = async |key: &str| {
        let request = reqwest::Client::new().post(format!("{}/graphql", server.url));
        let request = request
            .bearer_auth(key)
            .json(&json!({"query": "{ __typename }"}));
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(status("synchistory_unknown").await, 401);
    let before = ticks();
    // Several refreshes.
    tokio::time::sleep(Duration::from_secs(9)).await;
    let used = ticks() - before;
    // Ten times as many if they were read each time.
    assert!(used < 60, "{used} hundredths of a second");
    // A change is still noticed.
    let revoke = run_in(
        folder.path(),
        &["--database-url", &url, "key", "revoke", "key 7"],
    );
    assert_eq!(revoke.0, Some(0), "{}", revoke.2);
    let create = [
        "--database-url",
        &url,
        "key",
        "create",
        "--name",
        "new",
        "--scope",
        "read",
    ];
    let (_, key, _) = run_in(folder.path(), &create);
    wait_until("the new key is accepted", async || {
        status(key.trim()).await == 200
    })
    .await;
}
