//! Lists find the texts that subscriptions find in memory, whatever their letters.

use sync_history::{
    db,
    runs::{
        Limits, Runs,
        filter::{RunFilter, TextMatch},
    },
};
use uuid::Uuid;

use super::{LOCALES, Random, index_messages, insert_failed_runs, start_in_locale, use_index};
use crate::support::{DatabaseKind, TestClock, TestServer, json};

/// Parts of messages: letters whose cases differ by locale, or in number; marks, and what patterns give a meaning.
const PARTS: [&str; 44] = [
    "timeout",
    "Checksum",
    "KISS",
    "ski",
    "file",
    "I",
    "i",
    "İ",
    "ı",
    "ß",
    "ẞ",
    "ſ",
    "s",
    "S",
    "\u{212a}",
    "k",
    "K",
    "σ",
    "ς",
    "Σ",
    "ΟΔΟΣ",
    "сбой",
    "Ошибка",
    "ё",
    "Ё",
    "é",
    "e\u{301}",
    "I\u{307}",
    "ä",
    "Prüfung",
    "ǆ",
    "ǅ",
    "%",
    "_",
    "\\",
    "'",
    "\"",
    "*",
    " ",
    " ",
    "-",
    "\n",
    "数据库",
    "42",
];
/// More than are read newest first.
const MESSAGES: usize = 1800;
const TERMS: usize = 150;

fn messages(random: &mut Random) -> Vec<String> {
    let message = |random: &mut Random| {
        let parts = 1 + random.below(9);
        (0..parts).map(|_| *random.item(&PARTS)).collect()
    };
    (0..MESSAGES).map(|_| message(random)).collect()
}

/// A part of a message with letters of another case, or of none that any message has.
fn term(random: &mut Random, messages: &[String]) -> String {
    let chars: Vec<char> = random.item(messages).chars().collect();
    let start = random.below(chars.len());
    let length = 1 + random.below(12);
    let part = chars.iter().skip(start).take(length);
    let part: String = part.map(|char| other_case(*char, random)).collect();
    if random.below(12) == 0 {
        part + "x"
    } else {
        part
    }
}

fn other_case(char: char, random: &mut Random) -> char {
    let only = |mut chars: Box<dyn Iterator<Item = char>>| {
        chars
            .next()
            .filter(|_| chars.next().is_none())
            .unwrap_or(char)
    };
    match (random.below(6), char) {
        (0 | 1, _) => only(Box::new(char.to_lowercase())),
        (2 | 3, _) => only(Box::new(char.to_uppercase())),
        (4, 'k' | 'K') => '\u{212a}',
        (4, 's' | 'S') => 'ſ',
        (4, 'σ') => 'ς',
        (4, 'ß') => 'ẞ',
        (4, 'i') => 'ı',
        _ => char,
    }
}

#[tokio::test]
async fn any_text_is_found_as_in_memory_in_any_locale_on_postgres() {
    for locale in LOCALES {
        assert_finds_as_in_memory(&start_in_locale(locale).await, locale).await;
    }
}

#[tokio::test]
async fn any_text_is_found_as_in_memory_on_sqlite() {
    let server = TestServer::start(DatabaseKind::Sqlite).await;
    assert_finds_as_in_memory(&server, "SQLite").await;
}

async fn assert_finds_as_in_memory(server: &TestServer, locale: &str) {
    let mut random = Random(20);
    let messages = messages(&mut random);
    insert_failed_runs(server, &messages).await;
    index_messages(server).await;
    let database = db::connect(&server.database_url).await.unwrap();
    let clock = std::sync::Arc::new(TestClock::default());
    let runs = Runs::new(database, clock, Limits::default());
    let ids: Vec<_> = (0..MESSAGES as u128).map(Uuid::from_u128).collect();
    let runs = runs.find_runs(&ids).await.unwrap();
    let mut by_index = 0;
    for _ in 0..TERMS {
        let term = term(&mut random, &messages);
        let mut filter = RunFilter::default();
        filter.error_contains = Some(TextMatch::new(term.clone()));
        let matching = |id: &&Uuid| filter.matches(&runs[*id]);
        let matching: Vec<_> = ids.iter().rev().filter(matching).collect();
        let newest: Vec<_> = matching
            .iter()
            .take(100)
            .map(|id| json!({"id": id}))
            .collect();
        let list = "query($filter: SyncRunFilter) { syncRuns(filter: $filter, first: 100) { totalCount nodes { id } } }";
        let variables = json!({"filter": {"errorContains": term}});
        let (statements, found) = server.record_statements(server.data(list, variables)).await;
        let expected = json!({"syncRuns": {"totalCount": matching.len(), "nodes": newest}});
        assert_eq!(found, expected, "{locale}: {term:?}");
        by_index += usize::from(use_index(&statements));
    }
    assert!(by_index > TERMS / 8, "{locale}: {by_index}");
}
