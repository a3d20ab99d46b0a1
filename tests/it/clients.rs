//! Real clients: npm and Python packages, and a browser.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use crate::support::{Cluster, OidcIssuer, Process, create_key, run_in};

/// Fails unless the npm packages of `folder` are installed.
pub(crate) fn assert_npm_packages(folder: &Path) {
    assert!(
        folder.join("node_modules").exists(),
        "run `npm ci` in {} first, or run `./test`",
        folder.display()
    );
}

/// A command that runs a Node script of `folder`.
pub(crate) fn node(folder: &str, script: &str) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    assert_npm_packages(&root);
    let mut command = Command::new("node");
    command.arg(script).current_dir(root);
    command
}

/// A command that runs npm in `folder`.
pub(crate) fn npm(folder: &str) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    assert_npm_packages(&root);
    let mut command = Command::new("npm");
    command.current_dir(root);
    command
}

/// Fails unless there is a browser.
pub(crate) fn assert_browser() {
    let browser = std::env::var("CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".to_owned());
    assert!(
        Path::new(&browser).exists(),
        "there is no {browser}: install Chromium, or set CHROMIUM to its path"
    );
}

/// Runs a Node script against a server of its own.
fn check(folder: &str, script: &str) {
    check_with(&mut node(folder, script));
}

/// Runs a Python script against a server of its own.
fn check_in_python(script: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    let python = root.join(".venv/bin/python");
    assert!(
        python.exists(),
        "run `./test`, which creates {}",
        python.display()
    );
    check_with(Command::new(python).arg(script).current_dir(&root));
}

/// Runs a command with the address of a server of its own as the last argument.
fn check_with(command: &mut Command) {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::start(folder.path());
    run(command.arg(&server.url));
}

/// Runs a command; panics with its output if it fails.
pub(crate) fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let output_text = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output_text)
    );
}

#[test]
fn all_graphql_over_http_audits_pass() {
    check("tests/clients", "audits.mjs");
}

#[test]
fn graphql_ws_subscribes_resumes_and_filters() {
    check("tests/clients", "subscribe.mjs");
}

#[test]
fn graphql_sse_follows_changes() {
    check("tests/clients", "stream.mjs");
}

#[test]
fn gql_for_python_reports_queries_and_subscribes() {
    check_in_python("python_client.py");
}

#[test]
fn apollo_client_and_urql_fall_back_from_persisted_queries() {
    check("tests/clients", "persisted-queries.mjs");
}

#[test]
fn the_schema_passes_linters_and_is_what_introspection_returns() {
    check("tests/clients", "schema.mjs");
}

#[test]
fn the_websocket_conforms_to_graphql_transport_ws() {
    check("tests/clients", "protocol.mjs");
}

#[tokio::test]
async fn the_console_works_offline_in_a_browser() {
    assert_browser();
    let folder = tempfile::tempdir().unwrap();
    let database = Cluster::get().existing_database().await;
    let arguments = [
        "--database-url",
        &database,
        "--anonymous",
        "read,report,operate,admin",
    ];
    let server = Process::start_with(folder.path(), &arguments);
    let (_, key, _) = run_in(folder.path(), &create_key(&database));
    let mut command = node("web", "checks/console.mjs");
    run(command.arg(&server.url).env("READER_KEY", key.trim()));
}

#[tokio::test(flavor = "multi_thread")]
async fn people_sign_in_to_the_console_at_the_issuer() {
    assert_browser();
    let issuer = OidcIssuer::start().await;
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        "--oidc-issuer",
        &issuer.url,
        "--oidc-audience",
        "sync-history",
        "--oidc-client-id",
        "console",
    ];
    let server = Process::start_with(folder.path(), &arguments);
    let mut command = node("web", "checks/sign-in.mjs");
    run(command.args([&server.url, &issuer.url]));
}

#[test]
fn graphiql_runs_queries_and_subscriptions_offline_in_a_browser() {
    assert_browser();
    check("web", "checks/graphiql.mjs");
}

#[test]
fn the_committed_pages_match_their_source() {
    run(npm("web").args(["run", "check"]));
}
