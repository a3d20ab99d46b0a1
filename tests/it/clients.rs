//! The real clients: packages that the world uses, and a browser.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use crate::{process::Process, support::lacking};

/// Runs a script of Node's against a server of its own; None where what it needs is not installed.
fn check(folder: &str, script: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    if !root.join("node_modules").exists() {
        return lacking(&format!("Node with the packages of {folder} (npm ci)"));
    }
    let ledger = tempfile::tempdir().unwrap();
    let server = Process::start(ledger.path());
    let output = Command::new("node")
        .arg(script)
        .arg(&server.url)
        .current_dir(&root)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{said}");
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
    let output = Command::new("npm")
        .args(["run", "check"])
        .current_dir(web)
        .output()
        .unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{said}");
}
