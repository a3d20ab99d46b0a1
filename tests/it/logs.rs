//! The log: what is in it, how often, and for which request.

use std::{collections::HashMap, path::Path, process::Command, time::Duration};

use futures_util::StreamExt;
use reqwest::header::HeaderMap;

use crate::support::{
    Background, Cluster, DatabaseKind, OidcIssuer, PrivateCluster, Value, apply, command,
    create_key, database_name, json, on_both_databases, run_in, socket::Socket, sqlite_url,
};

/// A server that logs in JSON, from `info` on.
fn server(folder: &Path, database_url: &str) -> Command {
    let mut server = command(folder, &["--listen", "127.0.0.1:0", "--log-format", "json"]);
    server
        .args(["--database-url", database_url])
        .env("RUST_LOG", "info");
    server
}

/// The lines of a log.
fn lines(log: &str) -> Vec<Value> {
    log.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")))
        .collect()
}

/// The lines with this message.
fn with_message(log: &str, message: &str) -> Vec<Value> {
    let mut lines = lines(log);
    lines.retain(|line| {
        line["message"]
            .as_str()
            .is_some_and(|text| text.contains(message))
    });
    lines
}

async fn post(url: &str, headers: &[(&'static str, &str)], query: &str) -> (u16, HeaderMap, Value) {
    let mut request = reqwest::Client::new().post(format!("{url}/graphql"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.json(&json!({"query": query})).send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    (status, headers, response.json().await.unwrap_or_default())
}

async fn database_url(database: DatabaseKind, folder: &tempfile::TempDir) -> String {
    match database {
        DatabaseKind::Sqlite => sqlite_url(folder),
        DatabaseKind::Postgres => {
            let url = Cluster::get().empty_database().await;
            url.replace("postgres@", "postgres:SECRETPW@")
        }
    }
}

const CREATE: &str =
    "mutation { createSyncRun(input: {entityType: STOCK, source: AS400}) { run { id } } }";

#[apply(on_both_databases)]
#[tokio::test]
async fn a_line_at_start_says_what_is_served_and_to_whom(database: DatabaseKind) {
    let folder = tempfile::tempdir().unwrap();
    let url = database_url(database, &folder).await;
    let mut background = Background::spawn(&mut server(folder.path(), &url));
    background.wait_for_url();
    let log = background.log();
    let started = &with_message(&log, "started")[0];
    let place = match database {
        DatabaseKind::Sqlite => format!("SQLite file {}/sync-history.db", folder.path().display()),
        DatabaseKind::Postgres => format!("PostgreSQL database {} at /", database_name(&url)),
    };
    assert!(
        started["database"].as_str().unwrap().starts_with(&place),
        "{started}"
    );
    assert_eq!(started["version"], env!("CARGO_PKG_VERSION"));
    assert!(
        started["schema"].as_str().unwrap().starts_with("m2026"),
        "{started}"
    );
    assert_eq!(
        started["anonymous"],
        "read report operate admin until an API key exists"
    );
    assert_eq!(started["keys"], 0);
    assert_eq!(started.get("issuer"), None);
    // Migrations are one line, and nobody else writes any.
    let applied = with_message(&log, "applied the migrations");
    assert_eq!(applied.len(), 1, "{log}");
    let names = applied[0]["migrations"].as_str().unwrap();
    assert_eq!(applied[0]["count"], names.split(' ').count());
    assert!(names.contains("m20261123_000001_ledger"), "{names}");
    assert_eq!(lines(&log).len(), 2, "{log}");

    // What changes is logged.
    let create = create_key(&url);
    let (status, key, _) = run_in(folder.path(), &create);
    assert_eq!(status, Some(0));
    background.wait_for_log("unauthenticated requests have lost their scopes");
    background.wait_for_log("the API keys have changed");
    let revoke = ["key", "revoke", "a", "--database-url", &url];
    assert_eq!(run_in(folder.path(), &revoke).0, Some(0));
    background.wait_for_log("\"removed\":1");
    let changes = with_message(&background.log(), "the API keys have changed");
    let counts = changes
        .iter()
        .map(|line| (&line["keys"], &line["added"], &line["removed"]));
    let expected = [
        (json!(1), json!(1), json!(0)),
        (json!(0), json!(0), json!(1)),
    ];
    assert!(
        counts.eq(expected
            .iter()
            .map(|(keys, added, removed)| (keys, added, removed)))
    );
    for secret in ["SECRET", key.trim()] {
        assert!(!background.log().contains(secret), "{}", background.log());
    }

    let mut again = server(folder.path(), &url);
    again.args([
        "--anonymous",
        "read",
        "--oidc-issuer",
        "http://127.0.0.1:1",
        "--oidc-audience",
        "a",
    ]);
    let mut again = Background::spawn(&mut again);
    again.wait_for_url();
    let started = &with_message(&again.log(), "started")[0];
    assert_eq!(started["anonymous"], "read");
    assert_eq!(started["issuer"], "http://127.0.0.1:1");
    assert!(with_message(&again.log(), "migrations").is_empty());
}

#[tokio::test]
async fn every_line_of_a_request_has_the_id_that_its_client_receives() {
    let folder = tempfile::tempdir().unwrap();
    let mut background = Background::spawn(&mut server(folder.path(), &sqlite_url(&folder)));
    let url = background.wait_for_url();
    let before = lines(&background.log()).len();
    let mut expected = HashMap::new();
    for (headers, query, status) in [
        (vec![], CREATE, 200),
        (
            vec![("x-request-id", "chosen by \"the\" client")],
            CREATE,
            200,
        ),
        (vec![("x-request-id", "invalid")], "{ nothing }", 200),
        (
            vec![
                ("authorization", "Bearer wrong"),
                ("x-request-id", "denied"),
            ],
            CREATE,
            401,
        ),
        (
            vec![
                ("origin", "https://elsewhere.example"),
                ("x-request-id", "origin"),
            ],
            CREATE,
            403,
        ),
        (vec![("host", "elsewhere.example")], CREATE, 421),
        (
            vec![
                ("accept", "text/event-stream"),
                ("x-request-id", "event stream"),
            ],
            CREATE,
            200,
        ),
    ] {
        let (received, answered, _) = post(&url, &headers, query).await;
        assert_eq!(received, status);
        let id = answered["x-request-id"].to_str().unwrap().to_owned();
        let given = headers.iter().find(|(name, _)| *name == "x-request-id");
        assert!(given.is_none_or(|(_, value)| *value == id), "{id}");
        *expected.entry(id).or_insert(0) += 1;
    }
    let log = background.log();
    let mut found = HashMap::new();
    for line in lines(&log).split_off(before) {
        let id = line["request_id"]
            .as_str()
            .unwrap_or_else(|| panic!("{line}"));
        *found.entry(id.to_owned()).or_insert(0) += 1;
    }
    assert_eq!(found, expected, "{log}");
    // Other ids are replaced, and all responses have one.
    let too_long = "x".repeat(129);
    for (id, path) in [
        (too_long.as_str(), "/livez"),
        ("é", "/graphql"),
        ("a\tb", "/nothing"),
        ("", "/graphiql"),
    ] {
        let request = reqwest::Client::new().get(format!("{url}{path}"));
        let response = request
            .header("x-request-id", id.as_bytes())
            .send()
            .await
            .unwrap();
        let new = response.headers()["x-request-id"].to_str().unwrap();
        assert!(uuid::Uuid::parse_str(new).is_ok(), "{id}: {new}");
    }
}

#[tokio::test]
async fn the_text_format_quotes_the_id_of_a_client() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = command(
        folder.path(),
        &["--listen", "127.0.0.1:0", "--log-format", "text"],
    );
    let mut background = Background::spawn(text.env("RUST_LOG", "info"));
    let url = background.wait_for_url();
    post(&url, &[("x-request-id", "x\" actor=\"admin")], CREATE).await;
    let log = background.log();
    let line = log
        .lines()
        .find(|line| line.contains("createSyncRun"))
        .unwrap();
    assert!(
        line.ends_with(r#" request_id="x\" actor=\"admin""#),
        "{line}"
    );
}

#[tokio::test]
async fn an_operation_on_a_socket_has_an_id_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let mut background = Background::spawn(&mut server(folder.path(), &sqlite_url(&folder)));
    let url = background.wait_for_url();
    let before = lines(&background.log()).len();
    let mut socket = Socket::open(&url).await;
    for (id, query) in [
        ("1", CREATE),
        ("2", CREATE),
        ("3", "{ nothing }"),
        ("4", "subscription { nothing }"),
    ] {
        let subscribe = json!({"type": "subscribe", "id": id, "payload": {"query": query}});
        socket.send(&subscribe).await;
        while socket.receive().await["type"] == "next" {}
    }
    let logged = lines(&background.log()).split_off(before);
    let mut ids: Vec<_> = logged
        .iter()
        .filter_map(|line| line["request_id"].as_str())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((logged.len(), ids.len()), (4, 4), "{logged:?}");
}

#[tokio::test]
async fn an_internal_error_names_the_request_whose_line_has_the_cause_on_postgres() {
    let folder = tempfile::tempdir().unwrap();
    let url = Cluster::get().empty_database().await;
    let mut background = Background::spawn(&mut server(folder.path(), &url));
    let server_url = background.wait_for_url();
    let defect = "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE EXCEPTION 'the cause' USING ERRCODE = '0B000'; END $$;
        CREATE TRIGGER fails BEFORE INSERT ON sync_history.sync_history EXECUTE FUNCTION fail();";
    Cluster::get().psql(database_name(&url), &["-c", defect]);
    for (number, accept) in ["application/json", "text/event-stream"]
        .into_iter()
        .enumerate()
    {
        let id = format!("request {number}");
        let headers = [("x-request-id", id.as_str()), ("accept", accept)];
        let request = reqwest::Client::new().post(format!("{server_url}/graphql"));
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        let response = request
            .json(&json!({"query": CREATE}))
            .send()
            .await
            .unwrap();
        let text = response.text().await.unwrap();
        assert!(text.contains("INTERNAL") && text.contains(&id), "{text}");
        let log = background.log();
        let mut failed = with_message(&log, "request failed");
        failed.retain(|line| line["request_id"] == id.as_str());
        assert_eq!(failed.len(), 1, "{log}");
        assert!(failed[0]["cause"].as_str().unwrap().contains("the cause"));
    }
}

#[tokio::test]
async fn an_outage_is_logged_once_and_so_is_its_end_on_postgres() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = PrivateCluster::start();
    cluster.psql("postgres", "CREATE DATABASE runs");
    let mut background = Background::spawn(&mut server(folder.path(), &cluster.url("runs")));
    let url = background.wait_for_url();
    let watch = json!({"query": "subscription { syncRunChanged { kind } }"});
    let watch = reqwest::Client::new()
        .post(format!("{url}/graphql"))
        .json(&watch);
    let stream = watch
        .header("accept", "text/event-stream")
        .send()
        .await
        .unwrap();
    let mut stream = stream.bytes_stream();
    let read = "{ syncRuns { totalCount } }";
    post(&url, &[], CREATE).await;
    assert!(stream.next().await.is_some());
    let before = lines(&background.log()).len();
    cluster.stop();
    for _ in 0..20 {
        let (_, _, answer) = post(&url, &[], read).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAVAILABLE");
        post(&url, &[], CREATE).await;
        reqwest::get(format!("{url}/readyz")).await.unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let mut warnings = lines(&background.log()).split_off(before);
    warnings.retain(|line| line["level"] != "INFO");
    let mut messages: Vec<_> = warnings
        .iter()
        .filter_map(|line| line["message"].as_str())
        .collect();
    messages.sort_unstable();
    let count = messages.len();
    messages.dedup();
    assert_eq!(count, messages.len(), "{warnings:?}");
    for expected in [
        "cannot read the database",
        "the database does not accept writes",
    ] {
        assert!(messages.contains(&expected), "{warnings:?}");
    }
    cluster.run_data("data");
    for outage in [
        "cannot read the database",
        "the database does not accept writes",
    ] {
        background.wait_for_log(&format!("\"outage\":\"{outage}\""));
    }
    let log = background.log();
    let ended = with_message(&log, "works again");
    let ended = ended
        .iter()
        .find(|line| line["outage"] == "cannot read the database");
    assert!(ended.unwrap()["failures"].as_u64().unwrap() > 10, "{log}");
}

#[test]
fn an_invalid_rust_log_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    for (value, is_valid) in [
        ("", true),
        ("info", true),
        ("WARN", true),
        ("off", true),
        ("info,sync_history=debug", true),
        ("sync_history=debug,audit=off", true),
        ("sync_history", true),
        ("warn,sqlx=info,sea_orm_migration=debug", true),
        ("sync_history[request]=debug", true),
        ("loud", false),
        ("infoo", false),
        ("info,sync_history=loud", false),
        ("info,,=", false),
        ("=info", false),
    ] {
        let output = command(folder.path(), &["schema"])
            .env("RUST_LOG", value)
            .output()
            .unwrap();
        let log = String::from_utf8(output.stderr).unwrap();
        let expected = if is_valid { Some(0) } else { Some(2) };
        assert_eq!(output.status.code(), expected, "{value}: {log}");
        assert!(
            is_valid
                || log.contains("RUST_LOG is invalid: ")
                    && log.contains("loud") == value.contains("loud"),
            "{log}"
        );
        assert!(is_valid || output.stdout.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_from_tokens_without_email_verified_is_logged_once() {
    let folder = tempfile::tempdir().unwrap();
    let issuer = OidcIssuer::start().await;
    let mut with_issuer = server(folder.path(), &sqlite_url(&folder));
    with_issuer.args([
        "--oidc-issuer",
        &issuer.url,
        "--oidc-audience",
        "sync-history",
    ]);
    let mut background = Background::spawn(&mut with_issuer);
    let url = background.wait_for_url();
    let expires_at = std::time::SystemTime::now() + Duration::from_mins(5);
    let expires_at = expires_at
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let message = "no claim `email_verified`";
    for (claims, count) in [
        (
            json!({"sub": "1", "email": "a@example.com", "email_verified": true}),
            0,
        ),
        (
            json!({"sub": "2", "email": "b@example.com", "email_verified": false}),
            0,
        ),
        (json!({"sub": "3", "email": "c@example.com"}), 1),
        (json!({"sub": "4"}), 1),
    ] {
        let mut claims = claims;
        claims["exp"] = json!(expires_at);
        claims["scope"] = json!("read");
        let token = format!("Bearer {}", issuer.token(claims));
        let (status, _, _) = post(&url, &[("authorization", &token)], "{ viewer { name } }").await;
        assert_eq!(status, 200);
        let warnings = with_message(&background.log(), message);
        assert_eq!(warnings.len(), count);
        assert!(
            warnings
                .iter()
                .all(|line| line["issuer"] == issuer.url.as_str())
        );
    }
}

#[test]
fn an_error_of_starting_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let missing = "sqlite://no/such/x.db";
    let mut failing = Background::spawn(&mut server(folder.path(), missing));
    assert_eq!(failing.wait(), Some(1));
    let log = lines(&failing.log());
    assert_eq!(log.len(), 1, "{log:?}");
    assert_eq!(log[0]["level"], "ERROR");
    assert!(
        log[0]["error"].as_str().unwrap().contains("does not exist"),
        "{log:?}"
    );
}
