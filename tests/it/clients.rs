//! The real clients: packages that the world uses, and a browser.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use crate::support::Process;

/// Fails unless the npm packages of `folder` are installed.
pub(crate) fn assert_npm_packages(folder: &Path) {
    assert!(
        folder.join("node_modules").exists(),
        "run `npm ci` in {} first, or run `./test`",
        folder.display()
    );
}

/// Runs a script of Node's against a server of its own; told if what it needs is not installed.
fn check(folder: &str, script: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    assert_npm_packages(&root);
    let server = tempfile::tempdir().unwrap();
    let server = Process::start(server.path());
    run(Command::new("node")
        .args([script, &server.url])
        .current_dir(&root));
}

/// Runs a command, and tells what it said if it failed.
fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&said)
    );
}

#[test]
fn the_audits_of_graphql_over_http_pass_whole() {
    check("tests/clients", "audits.mjs");
}

#[test]
fn the_common_client_subscribes_resumes_and_filters() {
    check("tests/clients", "subscribe.mjs");
}

#[test]
fn the_common_client_of_event_streams_follows_changes() {
    check("tests/clients", "stream.mjs");
}

#[test]
fn the_socket_speaks_its_protocol_to_the_letter() {
    check("tests/clients", "protocol.mjs");
}

#[test]
fn the_explorer_runs_queries_and_subscriptions_in_a_browser_without_a_network() {
    let browser = std::env::var("CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".to_owned());
    assert!(
        Path::new(&browser).exists(),
        "there is no {browser}: install Chromium, or set CHROMIUM to its path"
    );
    check("web", "check-browser.mjs");
}

#[test]
fn the_committed_explorer_is_what_its_source_builds() {
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("web");
    assert_npm_packages(&web);
    run(Command::new("npm").args(["run", "check"]).current_dir(web));
}
