//! Settings in the environment.

use std::process::{Command, Stdio};

use crate::{
    documentation::settings_of_help,
    support::{Process, command, json, run_in},
};

/// Runs a command and returns its exit code and its log.
fn finish(command: &mut Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

/// The variables of all settings, and whether each is a boolean.
fn variables() -> Vec<(String, bool)> {
    let (_, help, _) = run_in(tempfile::tempdir().unwrap().path(), &["--help"]);
    let settings = settings_of_help(&["--help"]).into_iter();
    let variables = settings.filter_map(|(flag, variable, _)| {
        let is_boolean = help.lines().any(|line| line.trim() == flag);
        Some((variable?, is_boolean))
    });
    variables.collect()
}

#[test]
fn an_empty_variable_means_unset() {
    let folder = tempfile::tempdir().unwrap();
    let variables = variables();
    assert!(variables.len() > 20);
    let mut migrate = command(folder.path(), &["migrate"]);
    for (name, _) in &variables {
        migrate.env(name, "");
    }
    let (status, log) = finish(&mut migrate);
    assert_eq!((status, log.as_str()), (Some(0), ""));
    // The default.
    assert!(folder.path().join("sync-history.db").exists());
    for (name, _) in &variables {
        let (status, log) = finish(command(folder.path(), &["schema"]).env(name, ""));
        assert_eq!((status, log.as_str()), (Some(0), ""), "{name}");
        // The help shows them nevertheless.
        let help = command(folder.path(), &["--help"]).env(name, "").output();
        let help = String::from_utf8(help.unwrap().stdout).unwrap();
        assert!(
            help.contains(&format!("[env: {name}=]")) || name.ends_with("_URL"),
            "{name}"
        );
    }
}

#[tokio::test]
async fn booleans_are_0_1_true_or_false() {
    let folder = tempfile::tempdir().unwrap();
    let booleans = variables()
        .into_iter()
        .filter(|(_, is_boolean)| *is_boolean);
    let booleans: Vec<_> = booleans.map(|(name, _)| name).collect();
    assert!(booleans.len() >= 2, "{booleans:?}");
    for name in booleans {
        for (value, is_valid) in [
            ("0", true),
            ("1", true),
            ("true", true),
            ("FALSE", true),
            ("True", true),
            ("2", false),
            ("yes", false),
            ("tru", false),
            (" ", false),
        ] {
            let (status, log) = finish(command(folder.path(), &["schema"]).env(&name, value));
            assert_eq!(status == Some(0), is_valid, "{name}={value}: {log}");
            assert!(
                is_valid || log.contains("write 1 or true, 0 or false"),
                "{log}"
            );
        }
    }
    for (value, is_introspectable) in [("0", true), ("false", true), ("1", false), ("TRUE", false)]
    {
        let mut server = command(folder.path(), &["--listen", "127.0.0.1:0"]);
        server.env("SYNC_HISTORY_NO_INTROSPECTION", value);
        let server = Process::listening(server.stdout(Stdio::piped()).spawn().unwrap());
        let response = server
            .execute("{ __schema { queryType { name } } }")
            .await
            .unwrap();
        let schema = &response["data"]["__schema"];
        assert_eq!(
            *schema == json!({"queryType": {"name": "Query"}}),
            is_introspectable,
            "{value}"
        );
    }
}

#[test]
fn a_variable_that_is_no_setting_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    for (name, suggestion) in [
        (
            "SYNC_HISTORY_DATABSE_URL",
            Some("SYNC_HISTORY_DATABASE_URL"),
        ),
        ("SYNC_HISTORY_LISTEN_ADDRESS", Some("SYNC_HISTORY_LISTEN")),
        ("SYNC_HISTORY_max_depth", Some("SYNC_HISTORY_MAX_DEPTH")),
        ("SYNC_HISTORY_ZZZ", None),
        ("SYNC_HISTORY_", None),
    ] {
        let mut schema = command(folder.path(), &["schema", "--log-format", "json"]);
        let (status, log) = finish(schema.env(name, "postgres://u:SECRETPW@localhost/db"));
        assert_eq!(status, Some(0));
        let line: serde_json::Value = serde_json::from_str(&log).unwrap();
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["name"], name);
        assert_eq!(line["suggestion"].as_str(), suggestion, "{name}");
        assert!(!log.contains("SECRET"), "{log}");
    }
    let (_, log) = finish(command(folder.path(), &["schema"]).env("SYNC_HISTORYX", "1"));
    assert_eq!(log, "");
}

#[test]
fn a_database_url_in_the_wrong_variable_is_not_printed() {
    let folder = tempfile::tempdir().unwrap();
    for (name, _) in variables() {
        for url in [
            "postgres://u:SECRETPW@localhost/db",
            "https://a.example,postgres://u@h/db?password=SECRETPW",
        ] {
            let (_, log) = finish(command(folder.path(), &["schema"]).env(&name, url));
            assert!(!log.contains("SECRET"), "{name}: {log}");
        }
    }
}
