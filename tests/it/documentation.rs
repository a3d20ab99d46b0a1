//! The documentation is true: the tour of the README and the tutorial are executed, the configuration page lists every
//! setting, and the guarantees refer to tests that exist.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use crate::support::{Process, Value, run_in};

pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// Returns the fenced code blocks of a page as (language, text).
pub(crate) fn code_blocks(page: &str) -> Vec<(&str, String)> {
    let mut blocks: Vec<(&str, String)> = Vec::new();
    let mut open = false;
    for line in page.lines() {
        match line.strip_prefix("```") {
            Some(language) if !open => {
                blocks.push((language, String::new()));
                open = true;
            }
            Some(_) => open = false,
            None if open => {
                let text = &mut blocks.last_mut().unwrap().1;
                text.push_str(line);
                text.push('\n');
            }
            None => {}
        }
    }
    blocks
}

#[test]
fn the_commands_of_the_readmes_tour_succeed() {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::start(folder.path());
    let page = read("README.md");
    let tour = page.split("## A tour").nth(1).unwrap();
    let tour = tour.split("\n## ").next().unwrap();
    let commands = tour.lines().filter_map(|line| line.strip_prefix("    "));
    let commands = commands.collect::<Vec<_>>().join("\n");
    // The subscription runs in a second terminal, until it is interrupted.
    let (before, rest) = commands.split_once("curl -sN").unwrap();
    let (_, after) = rest.split_once("}'\n").unwrap();
    let script = format!("{before}{after}").replace("127.0.0.1:8080", server.address());
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    let responses: Vec<Value> = output
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(responses.len(), 3, "{output}");
    assert!(
        responses.iter().all(|one| one.get("errors").is_none()),
        "{output}"
    );
    assert_eq!(responses[2]["data"]["syncRuns"]["totalCount"], 1);
}

#[tokio::test]
async fn the_tutorials_operations_return_the_printed_responses() {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::start(folder.path());
    let page = read("docs/tutorial.md");
    let blocks = code_blocks(&page);
    let pairs = blocks
        .windows(2)
        .filter(|pair| pair[0].0 == "graphql" && pair[1].0 == "json");
    let mut executed = 0;
    for pair in pairs {
        let (operation, printed) = (&pair[0].1, &pair[1].1);
        let printed: Value = serde_json::from_str(printed).unwrap();
        let response = server.execute(operation).await.unwrap();
        assert_eq!(masked(response), masked(printed), "{operation}");
        executed += 1;
    }
    assert_eq!(executed, 10);
}

/// Masks values that differ between executions: timestamps, cursors and durations.
fn masked(mut value: Value) -> Value {
    const VARYING: [&str; 6] = [
        "startedAt",
        "completedAt",
        "timestamp",
        "cursor",
        "feedCursor",
        "durationSeconds",
    ];
    match &mut value {
        Value::Object(fields) => {
            for (name, field) in fields {
                if VARYING.contains(&name.as_str()) && !field.is_null() {
                    *field = Value::String(format!("some {name}"));
                } else {
                    *field = masked(field.take());
                }
            }
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| *item = masked(item.take())),
        _ => {}
    }
    value
}

/// A setting: flag, environment variable, and default. The latter two may be missing; a default that
/// is described in words counts as missing.
pub(crate) type Setting = (String, Option<String>, Option<String>);

/// Returns the settings that `--help` prints.
pub(crate) fn settings_of_help(arguments: &[&str]) -> BTreeSet<Setting> {
    let folder = tempfile::tempdir().unwrap();
    let (status, help, _) = run_in(folder.path(), arguments);
    assert_eq!(status, Some(0));
    let mut settings: Vec<Setting> = Vec::new();
    for line in help.lines().map(str::trim) {
        let bracketed = |name: &str| line.strip_prefix(name)?.strip_suffix(']');
        if let Some(flag) = line.strip_prefix("--") {
            let flag = flag.split(' ').next().unwrap();
            settings.push((format!("--{flag}"), None, None));
        } else if let Some((_, env, default)) = settings.last_mut() {
            if let Some(variable) = bracketed("[env: ") {
                *env = variable.split('=').next().map(str::to_owned);
            } else if let Some(value) = bracketed("[default: ") {
                *default = (!value.contains(' ')).then(|| value.to_owned());
            }
        }
    }
    settings.into_iter().collect()
}

/// Returns the settings in the tables of a page whose first column has this header.
fn settings_of_page(page: &str, header: &str) -> BTreeSet<Setting> {
    let code = |cell: &str| {
        let code = cell.strip_prefix('`')?.strip_suffix('`')?;
        (!code.contains('`')).then(|| code.to_owned())
    };
    let mut settings = BTreeSet::new();
    let mut columns = Vec::new();
    for line in page.lines() {
        let row = line
            .strip_prefix("| ")
            .and_then(|row| row.strip_suffix(" |"));
        let Some(row) = row else {
            if !line.starts_with("|---") {
                columns.clear();
            }
            continue;
        };
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        if columns.is_empty() {
            columns = cells;
        } else if columns[0] == header {
            let cell = |column: &str| {
                let index = columns.iter().position(|name| *name == column)?;
                code(cells[index])
            };
            let flag = cell(header).unwrap_or_else(|| panic!("no flag: {line}"));
            let setting = (flag, cell("environment variable"), cell("default"));
            assert!(settings.insert(setting), "listed twice: {line}");
        }
    }
    settings
}

#[test]
fn the_configuration_page_lists_the_settings_of_help() {
    let page = read("docs/configuration.md");
    let global = settings_of_help(&["--help"]);
    assert_eq!(settings_of_page(&page, "flag"), global);
    let of_key_create = settings_of_help(&["key", "create", "--help"]);
    let of_key_create: BTreeSet<_> = of_key_create.difference(&global).cloned().collect();
    assert_eq!(
        settings_of_page(&page, "flag of `key create`"),
        of_key_create
    );
}

#[test]
fn guarantees_refer_to_existing_tests() {
    let tests = contents_of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it"));
    let guarantees = read("docs/guarantees.md");
    let is_name = |text: &&str| {
        let is_identifier = |c: char| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit();
        text.chars().all(is_identifier) && text.matches('_').count() > 2
    };
    let names = guarantees.split('`').skip(1).step_by(2).filter(is_name);
    let names: Vec<_> = names.collect();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        assert!(
            tests.contains(&format!("fn {name}(")),
            "there is no test {name}"
        );
    }
}

/// The contents of all files in a folder and its folders.
fn contents_of(folder: &Path) -> String {
    let paths = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let contents = paths.map(|path| {
        if path.is_dir() {
            contents_of(&path)
        } else {
            fs::read_to_string(path).unwrap()
        }
    });
    contents.collect()
}
