use std::time::{Duration, Instant};

use serde_json::Value as Json;

use super::{Fingerprint, normalize::normalize};
use crate::store::MAX_MESSAGE_CHARS;

/// Messages by their normalised form. Fingerprints are stored and returned to clients: those in this file never change.
const CORPUS: &str = include_str!("../../../tests/failure-messages.json");

fn groups() -> Vec<Json> {
    serde_json::from_str(CORPUS).unwrap()
}

fn messages(group: &Json) -> impl Iterator<Item = &str> {
    let messages = group["messages"].as_array().unwrap();
    messages.iter().map(|message| message.as_str().unwrap())
}

#[test]
fn messages_have_the_fingerprints_that_they_had_in_earlier_releases() {
    let mut count = 0;
    for group in groups() {
        for message in messages(&group) {
            count += 1;
            assert_eq!(normalize(message), group["normalized"], "{message}");
            let fingerprint = Fingerprint::of(Some(message)).to_string();
            assert_eq!(fingerprint, group["fingerprint"], "{message}");
        }
    }
    assert!(count >= 200, "{count}");
}

#[test]
fn a_normalised_message_is_its_own_normalised_form() {
    for group in groups() {
        let normalized = group["normalized"].as_str().unwrap();
        assert_eq!(normalize(normalized), normalized);
    }
}

#[test]
fn fingerprints_differ_between_groups() {
    let mut fingerprints: Vec<_> = groups()
        .iter()
        .map(|group| group["fingerprint"].clone().to_string())
        .collect();
    let count = fingerprints.len();
    fingerprints.sort();
    fingerprints.dedup();
    assert_eq!(fingerprints.len(), count);
}

/// Every beginning and end of every message, and messages joined in the middle.
#[test]
fn any_text_is_normalised() {
    let groups = groups();
    let all: Vec<_> = groups.iter().flat_map(messages).collect();
    for pair in all.windows(2) {
        let [one, other] = [0, 1].map(|index| pair[index].chars().collect::<Vec<_>>());
        for at in 0..=one.len() {
            let (start, end) = one.split_at(at);
            let parts = [start, end, &[start, other.as_slice()].concat()];
            for part in parts {
                normalize(&part.iter().collect::<String>());
            }
        }
    }
}

#[test]
fn the_rest_of_a_long_message_and_what_is_after_a_nul_are_ignored() {
    let long = "ä ".repeat(MAX_MESSAGE_CHARS / 2);
    let other = format!("{long}x");
    assert_eq!(normalize(&other), normalize(&long));
    assert_eq!(normalize("a\0b"), "a");
}

/// Messages that would be slow to normalise if parts were read repeatedly.
#[test]
fn the_time_is_linear_in_the_length_of_any_message() {
    let patterns = [
        "'",
        "\"",
        "„",
        "a'",
        "'a ",
        "('",
        "Error('a ",
        "Error(\"a '",
        "{\"message\":\"",
        "\\",
        "\\\"",
        "[",
        "[08S01",
        "(",
        ")=(",
        "[parameters: ",
        "1",
        "1.",
        "1,",
        "1h",
        "1h1.",
        "-1",
        "1-",
        "1:",
        "::",
        "a:",
        "a.",
        "a@",
        "@",
        "/",
        "a/",
        "//",
        "://",
        "http://",
        "0x",
        "f",
        "f1",
        "A1",
        "_",
        "1_",
        "Mon, 1 May ",
        "May 1 ",
        "2026-01-01",
        "01.01.",
        " ",
        "\n",
        "ä",
        "<number>",
        "<number>, ",
        "1, ",
        "'a', ",
        "code 4",
        "HTTP 404 ",
        "SQLSTATE ",
        "Key (a)=(",
        "Failing row contains (",
    ];
    for pattern in patterns {
        for suffix in ["", "'", "\"", ")", "x", "1"] {
            let message = pattern.repeat(MAX_MESSAGE_CHARS / pattern.chars().count()) + suffix;
            // Other processes may interrupt one attempt.
            let attempts = (0..3).map(|_| {
                let started = Instant::now();
                normalize(&message);
                started.elapsed()
            });
            let fastest = attempts.min().unwrap();
            assert!(
                fastest < Duration::from_millis(500),
                "{pattern} {fastest:?}"
            );
        }
    }
}

#[test]
fn only_texts_that_are_fingerprints_are_parsed() {
    let fingerprint = Fingerprint::of(Some("disk full"));
    assert_eq!(
        Fingerprint::parse(&fingerprint.to_string()).unwrap(),
        fingerprint
    );
    let long = "0".repeat(10_000);
    for text in [
        "",
        "0",
        "E3B0C44298FC1C14",
        "e3b0c44298fc1c1",
        "e3b0c44298fc1c140",
        "+3b0c44298fc1c14",
        &long,
    ] {
        let error = Fingerprint::parse(text).unwrap_err().to_string();
        assert!(error.contains("16 hexadecimal digits"), "{error}");
        assert!(error.len() < 250, "{error}");
    }
}
