//! The README is true: its operations answer as printed; and what is promised is tested.

use std::{fs, path::Path};

use crate::support::{Process, Value};

/// The blocks of the README, in order: (language, text).
fn blocks() -> Vec<(&'static str, String)> {
    let mut blocks: Vec<(&str, String)> = Vec::new();
    let mut open = false;
    for line in include_str!("../../README.md").lines() {
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

#[tokio::test]
async fn the_readmes_operations_answer_as_printed() {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::start(folder.path());
    let blocks = blocks();
    let pairs = blocks
        .windows(2)
        .filter(|pair| pair[0].0 == "graphql" && pair[1].0 == "json");
    let mut asked = 0;
    for pair in pairs {
        let (operation, printed) = (&pair[0].1, &pair[1].1);
        let printed: Value = serde_json::from_str(printed).unwrap();
        let answer = server.execute(operation).await.unwrap();
        assert_eq!(masked(answer), masked(printed), "{operation}");
        asked += 1;
    }
    assert_eq!(asked, 10);
}

/// Hides what differs from one asking to the next: instants of the server's clock, the ids it
/// makes, cursors, and how long a run took.
fn masked(mut value: Value) -> Value {
    const OF_THE_SERVER: [&str; 6] = [
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
                if OF_THE_SERVER.contains(&name.as_str()) && !field.is_null() {
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

#[test]
fn each_promise_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = fs::read_dir(root.join("tests/it")).unwrap();
    let tests: String = files
        .map(|file| file.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let promises = fs::read_to_string(root.join("GUARANTEES.md")).unwrap();
    let is_name = |text: &&str| {
        text.chars()
            .all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit())
    };
    let names = promises.split('`').skip(1).step_by(2);
    let names: Vec<_> = names
        .filter(is_name)
        .filter(|name| name.matches('_').count() > 2)
        .collect();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        assert!(
            tests.contains(&format!("fn {name}(")),
            "there is no test {name}"
        );
    }
}
