//! The command line: subcommands, settings and signals.

use std::process::Stdio;

use tempfile::TempDir;

use crate::support::{Process, Value, command, json, rstest, run_in, wait_until};

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    run_in(tempfile::tempdir().unwrap().path(), arguments)
}

#[test]
fn schema_prints_the_schema() {
    let (status, printed, _) = run(&["schema"]);
    assert_eq!(status, Some(0));
    assert!(printed == include_str!("../../schema.graphql"));
}

#[test]
fn migrate_creates_the_tables_and_exits() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let status = command(
            folder.path(),
            &["migrate", "--database-url", "sqlite://here.db?mode=rwc"],
        )
        .status();
        assert!(status.unwrap().success());
    }
    assert!(folder.path().join("here.db").exists());
}

#[test]
fn invalid_settings_print_an_error_and_exit_with_failure() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (arguments, expected_message) in [
        (
            vec!["--database-url", "mysql://root:secret@localhost/x"],
            "must begin with `sqlite://` or `postgres://`",
        ),
        (vec!["--database-url", "sqlite::memory:"], "name a file"),
        (
            vec!["--database-url", "sqlite:///no/such/folder/x.db"],
            "cannot open the database",
        ),
        (vec!["--listen", taken.as_str()], "cannot listen on"),
        (vec!["--listen", "nonsense"], "cannot listen on nonsense"),
        (vec!["--log-format", "xml"], "[possible values: text, json]"),
        (
            vec!["--allow-origin", "*"],
            "would let every website that a user visits",
        ),
        (
            vec!["--allow-origin", "https://a.example,b.example"],
            "starts with http:// or https://",
        ),
        (vec!["dance"], "unrecognized subcommand"),
    ] {
        let (status, printed, error) = run(&arguments);
        assert_ne!(status, Some(0));
        assert!(error.contains(expected_message), "{arguments:?}: {error}");
        assert!(!error.contains("secret"));
        assert_eq!(printed, "");
    }
}

#[tokio::test]
async fn flags_take_precedence_over_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let status = command(
        folder.path(),
        &["migrate", "--database-url", "sqlite://flag.db?mode=rwc"],
    )
    .env(
        "SYNC_HISTORY_DATABASE_URL",
        "sqlite://environment.db?mode=rwc",
    )
    .status();
    assert!(status.unwrap().success());
    assert!(
        folder.path().join("flag.db").exists() && !folder.path().join("environment.db").exists()
    );
    let status = command(folder.path(), &["migrate"])
        .env(
            "SYNC_HISTORY_DATABASE_URL",
            "sqlite://environment.db?mode=rwc",
        )
        .status();
    assert!(status.unwrap().success());
    assert!(folder.path().join("environment.db").exists());
}

#[test]
fn allowed_origins_are_read_from_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    for (origins, is_valid) in [
        ("https://a.example,http://b.example:81", true),
        ("https://a.example,*", false),
    ] {
        let mut schema = command(folder.path(), &["schema"]);
        schema.env("SYNC_HISTORY_ALLOW_ORIGIN", origins);
        assert_eq!(
            schema.output().unwrap().status.success(),
            is_valid,
            "{origins}"
        );
    }
}

#[rstest]
#[tokio::test]
async fn a_signal_drains_requests_in_flight_and_exits_with_0(
    #[values("-TERM", "-INT")] signal: &str,
) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let folder: TempDir = tempfile::tempdir().unwrap();
    let mut server = Process::start(folder.path());
    // The signal arrives while the body of this request is incomplete.
    let address = server.url.strip_prefix("http://").unwrap().to_owned();
    let mut connection = tokio::net::TcpStream::connect(&address).await.unwrap();
    let body = r#"{"query": "mutation { createSyncRun(input: {entityType: STOCK, source: AS400}) { run { status } } }"}"#;
    let (first, rest) = body.split_at(20);
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{first}",
        body.len()
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    assert!(server.execute("{ __typename }").await.is_ok());
    server.signal(signal);
    wait_until("new connections are refused", async || {
        tokio::net::TcpStream::connect(&address).await.is_err()
    })
    .await;
    connection.write_all(rest.as_bytes()).await.unwrap();
    let mut response = String::new();
    connection.read_to_string(&mut response).await.unwrap();
    assert!(response.contains(r#""status":"PENDING""#), "{response}");
    assert_eq!(server.wait(), Some(0));
}

#[tokio::test]
async fn every_rejected_request_is_logged_with_its_peer_and_client() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let child = command(folder.path(), &["--listen", "127.0.0.1:0"])
        .args(["--log-format", "json", "--trusted-proxy", "127.0.0.1"])
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let server = Process::listening(child);
    let url = &server.url;
    for (name, value, status) in [
        ("authorization", "Bearer synchistory_nothing", 401),
        ("origin", "https://elsewhere.example", 403),
        ("host", "elsewhere.example", 421),
    ] {
        let request = reqwest::Client::new().post(format!("{url}/graphql"));
        let request = request.json(&json!({"query": "{ __typename }"}));
        let request = request.header("x-forwarded-for", "198.51.100.7");
        let response = request.header(name, value).send().await.unwrap();
        assert_eq!(response.status(), status, "{name}");
    }
    drop(server);
    let log = std::fs::read_to_string(log).unwrap();
    let lines = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let rejected: Vec<_> = lines.filter(|line| line["target"] == "audit").collect();
    assert_eq!(rejected.len(), 3, "{log}");
    for line in rejected {
        let peer = line["span"]["peer"].as_str().unwrap();
        assert!(peer.starts_with("127.0.0.1:"), "{line}");
        assert_eq!(line["span"]["client"], "198.51.100.7", "{line}");
        assert!(line["reason"].is_string(), "{line}");
    }
}
