//! The real clients: packages that the world uses, and a browser.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use crate::{process::Process, support::lacking};

/// Runs a script of Node's against a server of its own; told if what it needs is not installed.
fn check(folder: &str, script: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    if !root.join("node_modules").exists() {
        return lacking(&format!("Node with the packages of {folder} (npm ci)"));
    }
    let ledger = tempfile::tempdir().unwrap();
    let server = Process::start(ledger.path());
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
    if !Path::new(&browser).exists() {
        return lacking("Chromium");
    }
    check("web", "check-browser.mjs");
}

#[test]
fn the_committed_explorer_is_what_its_source_builds() {
    let web = concat!(env!("CARGO_MANIFEST_DIR"), "/web");
    if !Path::new(web).join("node_modules").exists() {
        return lacking("Node with the packages of web (npm ci)");
    }
    run(Command::new("npm").args(["run", "check"]).current_dir(web));
}
