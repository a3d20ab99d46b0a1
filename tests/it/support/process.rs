//! A server in a process of its own.

use std::{
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// A server process whose working directory is `folder`, with the default database there.
pub(crate) struct Process {
    pub(crate) url: String,
    pub(crate) child: Child,
}

impl Process {
    pub(crate) fn start(folder: &Path) -> Self {
        Self::start_with::<String>(folder, &[])
    }

    /// Starts on a free port, unless the arguments contain `--listen`.
    pub(crate) fn start_with<S: AsRef<OsStr>>(folder: &Path, arguments: &[S]) -> Self {
        let free_port: &[&str] = if arguments
            .iter()
            .any(|argument| argument.as_ref() == "--listen")
        {
            &[]
        } else {
            &["--listen", "127.0.0.1:0"]
        };
        let child = command(folder, free_port)
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self::listening(child)
    }

    /// Waits until a process, whose standard output is piped, listens.
    pub(crate) fn listening(mut child: Child) -> Self {
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

    /// Returns the most memory in bytes that the process has had resident.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        let kibibytes = line.unwrap().split_whitespace().nth(1).unwrap();
        kibibytes.parse::<u64>().unwrap() * 1024
    }

    /// Starts to measure the most memory anew.
    pub(crate) fn reset_peak_memory(&self) {
        fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5").unwrap();
    }

    /// Returns the CPU time that the process has taken, in steps of 10 ms.
    pub(crate) fn cpu_time(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields = stat.rsplit(')').next().unwrap().split_whitespace();
        let ticks = fields
            .skip(11)
            .take(2)
            .map(|ticks| ticks.parse::<u64>().unwrap());
        Duration::from_millis(10 * ticks.sum::<u64>())
    }

    /// Sends a signal, such as `-TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([name, &self.child.id().to_string()])
            .status();
        assert!(status.unwrap().success());
    }

    /// Waits until the process exits; returns its exit code, `None` if a signal killed it.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the server does not exit");
    }

    /// Executes an operation and returns the whole response.
    pub(crate) async fn execute(&self, query: &str) -> reqwest::Result<Value> {
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

/// A command of the server binary, with defaults for what tests compare.
pub(crate) fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sync-history"));
    command
        .args(arguments)
        .current_dir(folder)
        .env("RUST_LOG", "warn");
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SYNC_HISTORY_")) {
        command.env_remove(name);
    }
    command
}

/// The arguments that create a key for reading in a database.
pub(crate) fn create_key(database_url: &str) -> [&str; 8] {
    [
        "key",
        "create",
        "--name",
        "a",
        "--scope",
        "read",
        "--database-url",
        database_url,
    ]
}

/// Runs a command to its end: its exit status, standard output and standard error.
pub(crate) fn run_in(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = command(folder, arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}
