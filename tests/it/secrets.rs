//! Secrets and control characters stay out of the log.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::support::{Cluster, Process, command, database_name, json};

/// The two halves of the password in the URLs below. Some of them are cut between the two.
const HALVES: [&str; 2] = ["SECR", "ETPW"];

const BAD_URLS: [&str; 24] = [
    "postgres://u:SECR#ETPW@localhost/db",
    "postgres://u:SECR/ETPW@localhost/db",
    "postgres://u:SECR?ETPW@localhost/db",
    "postgres://u:12#SECRETPW@localhost/db",
    "postgres://u:12/SECRETPW@localhost/db",
    "postgres://u:12?SECRETPW@localhost/db",
    "postgres://u:SECR ETPW@local host/db",
    "postgres://u:SECRETPW@localhost:port/db",
    "postgres://u:SECRETPW@localhost:99999/db",
    "postgres://u:SECRETPW@[::1/db",
    "postgres://u:SECR%ffETPW@localhost/db",
    "postgres://u@localhost/db?passwort=SECRETPW",
    "postgres://u@localhost/db?SECRETPW",
    "postgres://u@localhost/db?sslmode=SECRETPW",
    "postgres://u@localhost/db?port=SECRETPW",
    "postgres:u:SECRETPW@localhost/db",
    "postgress://u:SECRETPW@localhost/db",
    "mysql://u:SECRETPW@localhost/db",
    "u:SECRETPW@localhost/db",
    "SECRETPW",
    "SECRETPW:x",
    "sqlite://u:SECR#ETPW@localhost/db",
    "sqlite://x.db?mode=SECRETPW",
    "sqlite://x.db?password=SECRETPW",
];

/// Runs a server to its end, or for a while, and returns its output.
fn output_of(mut server: Command, log_level: &str, log_format: &str) -> String {
    let output = tempfile::NamedTempFile::new().unwrap();
    let mut child = server
        .args(["--listen", "127.0.0.1:0", "--log-format", log_format])
        .env("RUST_LOG", log_level)
        .stdout(File::create(output.path()).unwrap())
        .stderr(File::options().append(true).open(output.path()).unwrap())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(2);
    while child.try_wait().unwrap().is_none() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = child.kill();
    child.wait().unwrap();
    std::fs::read_to_string(output.path()).unwrap()
}

fn assert_no_secret(output: &str, url: &str) {
    for half in HALVES {
        assert!(!output.contains(half), "{url}: {output}");
    }
}

#[test]
fn the_password_of_a_malformed_database_url_is_never_printed() {
    let folder = tempfile::tempdir().unwrap();
    for url in BAD_URLS {
        for (level, format) in [("trace", "text"), ("info", "json"), ("off", "text")] {
            let flag = command(folder.path(), &["--database-url", url]);
            let mut environment = command(folder.path(), &["migrate"]);
            environment.env("SYNC_HISTORY_DATABASE_URL", url);
            for server in [flag, environment] {
                let output = output_of(server, level, format);
                assert_no_secret(&output, url);
                let says_why = output.contains("the database URL");
                assert!(says_why || level == "off", "{url}: {output}");
            }
        }
    }
}

#[test]
fn a_database_url_in_a_wrong_place_is_not_printed() {
    let folder = tempfile::tempdir().unwrap();
    let url = "postgres://u:SECRETPW@localhost/db";
    for arguments in [
        vec![url],
        vec!["migrate", url],
        vec!["--databse-url", url],
        vec!["--log-format", url],
    ] {
        let output = output_of(command(folder.path(), &arguments), "trace", "text");
        assert_no_secret(&output, url);
        assert!(output.contains("error:"), "{output}");
    }
    let output = output_of(
        command(folder.path(), &[&format!("--log-format={url}")]),
        "trace",
        "text",
    );
    assert_no_secret(&output, url);
}

#[test]
fn the_password_is_not_printed_while_the_database_is_unreachable_or_used_on_postgres() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::get();
    let name = "the_password_is_not_printed";
    cluster.psql("postgres", &["-c", &format!("CREATE DATABASE {name}")]);
    let used = cluster.url(name);
    assert_eq!(database_name(&used), name);
    let used = used.replace("postgres@", "postgres:SECRETPW@");
    let unknown_user = used.replace("//postgres:", "//nobody:");
    for url in [
        "postgres://u:SECRETPW@127.0.0.1:1/db",
        "postgres://u:SECR\\ETPW@127.0.0.1:1/db",
        "postgres://u:SECRETPW@localhost/db?host=/nowhere",
        "postgres://u@127.0.0.1:1/db?password=SECRETPW",
        &used,
        &format!("{used}&password=SECRETPW"),
    ] {
        for format in ["text", "json"] {
            let server = command(folder.path(), &["--database-url", url]);
            let output = output_of(server, "trace", format);
            assert_no_secret(&output, url);
            assert!(!output.is_empty());
        }
    }
    // The server names the user that it rejects, which is no secret.
    let server = command(folder.path(), &["--database-url", &unknown_user]);
    assert!(output_of(server, "info", "text").contains("nobody"));
}

#[test]
fn an_unreachable_database_is_logged_within_a_second_on_postgres() {
    let folder = tempfile::tempdir().unwrap();
    let started = Instant::now();
    let mut child = command(
        folder.path(),
        &["--database-url", "postgres://u@127.0.0.1:1/db"],
    )
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    let mut line = String::new();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    log.read_line(&mut line).unwrap();
    let elapsed = started.elapsed();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        line.contains("cannot connect to the database; retrying"),
        "{line}"
    );
    assert!(elapsed < Duration::from_secs(1), "{elapsed:?}");
}

/// Starts a server whose log goes to a file.
fn start_with_log(folder: &Path, format: &str) -> (Process, std::path::PathBuf) {
    let log = folder.join("log");
    let child = command(folder, &["--listen", "127.0.0.1:0", "--log-format", format])
        .env("RUST_LOG", "debug")
        .stdout(Stdio::piped())
        .stderr(File::create(&log).unwrap())
        .spawn()
        .unwrap();
    (Process::listening(child), log)
}

#[tokio::test]
async fn control_characters_of_clients_and_writers_are_escaped_in_the_log() {
    for format in ["text", "json"] {
        let folder = tempfile::tempdir().unwrap();
        let (mut server, log) = start_with_log(folder.path(), format);
        let forged = "x\n2026-11-28T00:00:00Z  INFO audit: forged\u{1b}[31m\u{9b}1m";
        let client = reqwest::Client::new();
        let post = async |body: serde_json::Value| {
            let request = client.post(format!("{}/graphql", server.url)).json(&body);
            request
                .send()
                .await
                .unwrap()
                .json::<serde_json::Value>()
                .await
                .unwrap()
        };
        let create =
            "mutation { createSyncRun(input: {entityType: STOCK, source: AS400}) { run { id } } }";
        let created = post(json!({"query": create})).await;
        let id = created["data"]["createSyncRun"]["run"]["id"].clone();
        let add =
            "mutation($input: AddSyncEventInput!) { addSyncEvent(input: $input) { replayed } }";
        let event = json!({"eventType": &forged[..50], "message": forged});
        let input = json!({"input": {"runId": id, "event": event}});
        let added = post(json!({"query": add, "variables": input})).await;
        assert!(added.get("errors").is_none(), "{added}");
        let unknown = json!({"query": "{ x }", "operationName": forged, "variables": {forged: 1}});
        post(unknown).await;
        let request = client.post(format!("{}/graphql", server.url));
        let origin = request.header("origin", b"http://x\xc2\x9b".as_slice());
        origin.body("").send().await.unwrap();
        server.signal("-TERM");
        server.wait();
        let log = std::fs::read_to_string(log).unwrap();
        assert!(log.contains("forged"), "{log}");
        for line in log.lines() {
            assert!(!line.contains(char::is_control), "{line:?}");
            assert!(!line.starts_with("2026-11-28T00:00:00Z"), "{line}");
        }
    }
}

#[test]
fn text_has_no_colours_unless_it_is_written_to_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let output = output_of(command(folder.path(), &["migrate"]), "info", "text");
    assert!(output.contains("the database is up to date"), "{output}");
    assert!(!output.contains('\u{1b}'), "{output}");
}
