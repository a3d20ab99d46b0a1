//! Conditions on the details of a run.
//!
//! They are evaluated in memory, for lists too: other writers store JSON that a database cannot evaluate, and neither
//! compares numbers as they are stored. A condition of the database only narrows what is read.

use entity::{RawObject, is_equal};
use sea_orm::sea_query::Condition;
use serde_json::Value as Json;

use crate::store::Store;

/// A condition on the value at a path of keys.
#[derive(Clone, Debug, PartialEq)]
pub struct DetailsFilter {
    /// The keys from the outside in, at least one.
    pub path: Vec<String>,
    /// The condition on the value.
    pub test: DetailsTest,
}

/// A condition on a value.
#[derive(Clone, Debug, PartialEq)]
pub enum DetailsTest {
    /// It exists and equals this one. Numbers are compared by value.
    Equals(Json),
    /// Whether it exists; null is a value.
    Exists(bool),
}

impl DetailsFilter {
    /// Returns whether details match; `None` are no object.
    pub(super) fn matches(&self, details: Option<&RawObject<'_>>) -> bool {
        let value = details.and_then(|details| details.at(&self.path));
        match &self.test {
            DetailsTest::Exists(exists) => value.is_some() == *exists,
            DetailsTest::Equals(expected) => value.is_some_and(|value| is_equal(value, expected)),
        }
    }

    /// Returns a condition that all matching details meet, and few others.
    pub(super) fn candidates(&self, store: &Store) -> Condition {
        let mut texts: Vec<&str> = self.path.iter().map(String::as_str).collect();
        match &self.test {
            DetailsTest::Exists(false) => return Condition::all(),
            DetailsTest::Equals(Json::String(text)) => texts.push(text),
            DetailsTest::Exists(true) | DetailsTest::Equals(_) => {}
        }
        texts.retain(|text| is_plain(text));
        if texts.is_empty() {
            return Condition::all();
        }
        let all = texts.iter().fold(Condition::all(), |all, text| {
            all.add(store.details_contain(&format!("\"{text}\"")))
        });
        // Any character may be written as an escape sequence.
        Condition::any().add(all).add(store.details_contain("\\u"))
    }
}

/// Returns whether JSON has no escape sequences for the characters of a text but those that begin with `\u`.
fn is_plain(text: &str) -> bool {
    !text.contains(|char: char| char.is_control() || matches!(char, '"' | '\\' | '/'))
}
