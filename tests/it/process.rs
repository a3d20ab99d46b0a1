//! The binary, as an operator runs it.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

/// A server of its own process, in a folder of its own, on the default database there.
pub(crate) struct Process {
    pub(crate) url: String,
    pub(crate) child: Child,
}

impl Process {
    pub(crate) fn start(folder: &Path) -> Self {
        Self::start_with::<String>(folder, &[])
    }

    /// On a free port, unless the arguments name one.
    pub(crate) fn start_with<S: AsRef<OsStr>>(folder: &Path, arguments: &[S]) -> Self {
        let free_port: &[&str] = if arguments
            .iter()
            .any(|argument| argument.as_ref() == "--listen")
        {
            &[]
        } else {
            &["--listen", "127.0.0.1:0"]
        };
        let mut child = command(folder, free_port)
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let url = line
            .trim()
            .strip_prefix("listening on ")
            .unwrap()
            .to_owned();
        Self { url, child }
    }

    /// Host and port.
    pub(crate) fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([name, &self.child.id().to_string()])
            .status();
        assert!(status.unwrap().success());
    }

    pub(crate) fn wait(&mut self) -> Option<i32> {
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the server did not stop");
    }

    pub(crate) async fn ask(&self, query: &str) -> reqwest::Result<Value> {
        let url = format!("{}/graphql", self.url);
        let request = reqwest::Client::new()
            .post(url)
            .json(&json!({"query": query}));
        request.send().await?.json().await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sync-history"));
    command
        .args(arguments)
        .current_dir(folder)
        .env("RUST_LOG", "warn");
    command
        .env_remove("SYNC_HISTORY_DATABASE_URL")
        .env_remove("SYNC_HISTORY_ALLOW_ORIGIN")
        .env_remove("SYNC_HISTORY_LISTEN");
    command
}

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    run_in(tempfile::tempdir().unwrap().path(), arguments)
}

/// The status of a command that ends, and what it says on standard output and standard error.
pub(crate) fn run_in(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = command(folder, arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn schema_prints_the_schema() {
    let (status, printed, _) = run(&["schema"]);
    assert_eq!(status, Some(0));
    assert!(printed == include_str!("../../schema.graphql"));
}

#[test]
fn migrate_makes_the_tables_and_ends() {
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
fn what_cannot_be_is_told_and_ends_in_failure() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (arguments, says) in [
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
            "would let every site that somebody visits",
        ),
        (
            vec!["--allow-origin", "https://a.example,b.example"],
            "begins with http:// or https://",
        ),
        (vec!["dance"], "unrecognized subcommand"),
    ] {
        let (status, printed, told) = run(&arguments);
        assert_ne!(status, Some(0));
        assert!(told.contains(says), "{arguments:?}: {told}");
        assert!(!told.contains("secret"));
        assert_eq!(printed, "");
    }
}

#[tokio::test]
async fn flags_come_before_the_environment() {
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
fn sites_are_named_by_the_environment_too() {
    let folder = tempfile::tempdir().unwrap();
    for (sites, sound) in [
        ("https://a.example,http://b.example:81", true),
        ("https://a.example,*", false),
    ] {
        let mut schema = command(folder.path(), &["schema"]);
        schema.env("SYNC_HISTORY_ALLOW_ORIGIN", sites);
        assert_eq!(schema.output().unwrap().status.success(), sound, "{sites}");
    }
}

#[rstest::rstest]
#[tokio::test]
async fn a_signal_finishes_what_is_in_flight_and_exits_with_0(
    #[values("-TERM", "-INT")] signal: &str,
) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let folder: TempDir = tempfile::tempdir().unwrap();
    let mut server = Process::start(folder.path());
    // A request whose body is still on its way when the signal comes.
    let address = server.url.strip_prefix("http://").unwrap().to_owned();
    let mut connection = tokio::net::TcpStream::connect(&address).await.unwrap();
    let body = r#"{"query": "mutation { createSyncRun(input: {entityType: STOCK, source: AS400}) { run { status } } }"}"#;
    let (first, rest) = body.split_at(20);
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{first}",
        body.len()
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    assert!(server.ask("{ __typename }").await.is_ok());
    server.signal(signal);
    // New connections are refused from some moment on; the one in flight is served.
    let deadline = Instant::now() + Duration::from_secs(10);
    while tokio::net::TcpStream::connect(&address).await.is_ok() {
        assert!(Instant::now() < deadline, "still accepting");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    connection.write_all(rest.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains(r#""status":"PENDING""#), "{answer}");
    assert_eq!(server.wait(), Some(0));
}

#[tokio::test]
async fn every_refusal_is_a_line_of_the_log_that_says_whose_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut child = command(folder.path(), &["--listen", "127.0.0.1:0"])
        .args(["--log-format", "json"])
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    let url = line.trim().trim_start_matches("listening on ");
    for (name, value, status) in [
        ("authorization", "Bearer synchistory_nothing", 401),
        ("origin", "https://elsewhere.example", 403),
        ("host", "elsewhere.example", 421),
    ] {
        let request = reqwest::Client::new().post(format!("{url}/graphql"));
        let request = request.json(&json!({"query": "{ __typename }"}));
        let answer = request.header(name, value).send().await.unwrap();
        assert_eq!(answer.status(), status, "{name}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let log = std::fs::read_to_string(log).unwrap();
    let lines = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let refused: Vec<_> = lines.filter(|line| line["target"] == "audit").collect();
    assert_eq!(refused.len(), 3, "{log}");
    for line in refused {
        let peer = line["span"]["peer"].as_str().unwrap();
        assert!(peer.starts_with("127.0.0.1:"), "{line}");
        assert!(line["reason"].is_string(), "{line}");
    }
}
