//! The README is true: its operations answer as printed.

use serde_json::Value;

use crate::process::Process;

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
        let answer = server.ask(operation).await.unwrap();
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
