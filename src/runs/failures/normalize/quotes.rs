//! Quotations: values are replaced, keys and nested messages are read.

use super::{NUMBER, Scanner, VALUE, codes, is_alphanumeric, vocabulary};

/// Quotation marks that open, and those that close what they open.
const MARKS: [(char, &str); 11] = [
    ('"', "\""),
    ('\'', "'"),
    ('`', "`"),
    ('“', "”"),
    ('„', "“”"),
    ('‘', "’"),
    ('‚', "‘’"),
    ('«', "»"),
    ('»', "«"),
    ('‹', "›"),
    ('›', "‹"),
];
/// Quotations within quotations that are read as messages.
const MAX_DEPTH: usize = 8;
/// Bytes that a key may have.
const MAX_KEY_LENGTH: usize = 64;

pub(super) fn is_quotation_mark(char: char) -> bool {
    char == '”' || char == '’' || MARKS.iter().any(|(open, _)| *open == char)
}

impl Scanner<'_> {
    /// Reads a quotation; returns false if `open` begins none.
    pub(super) fn quotation(&mut self, open: char) -> bool {
        let Some((_, close)) = MARKS.iter().find(|(mark, _)| *mark == open) else {
            return false;
        };
        if self.previous().is_some_and(is_alphanumeric) || self.unclosed.contains(&open) {
            return false;
        }
        let start = self.at + open.len_utf8();
        let Some(length) = closing_mark(&self.text[start..], open, close) else {
            self.unclosed.push(open);
            return false;
        };
        let content = &self.text[start..start + length];
        let end = start + length;
        let after = &self.text[end..];
        let whole = after.chars().next().map_or(0, char::len_utf8) + end - self.at;
        if codes::is_quoted_sqlstate(&self.out, content) {
            self.copy(whole);
        } else if self.closing.len() < MAX_DEPTH
            && self.is_message(content, &self.text[self.at + whole..])
        {
            self.at = start;
            self.closing.push(end);
        } else if is_key(content, after) {
            self.copy(whole);
        } else {
            self.replace(whole, VALUE);
        }
        true
    }

    /// Returns whether a quotation is a message and not a value: that of an exception, or of a field of this name.
    fn is_message(&self, content: &str, after: &str) -> bool {
        let before = self.out.trim_end_matches(' ');
        let is_all = self.out.is_empty() && after.is_empty();
        // The representation of what an exception holds.
        let is_first = before == "(";
        is_all
            || is_first
            || codes::bracketed_sqlstate(content).is_some()
            || before.strip_suffix('(').is_some_and(is_exception)
            || after_number(before).is_some_and(is_exception)
            || before.strip_suffix(':').is_some_and(is_message_key)
    }
}

/// Returns the length of a quotation's content; `None` if it is not closed.
fn closing_mark(text: &str, open: char, close: &str) -> Option<usize> {
    let mut chars = text.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        let next = chars.peek().map(|(_, next)| *next);
        if char == '\\' {
            chars.next();
        } else if close.contains(char) {
            let is_doubled = next == Some(open) && close.contains(open);
            let is_apostrophe = matches!(char, '\'' | '’') && next.is_some_and(is_alphanumeric);
            if is_doubled && at > 0 {
                chars.next();
            } else if !is_apostrophe {
                return Some(at);
            }
        }
    }
    None
}

/// Returns whether a quotation is the key of a JSON object.
fn is_key(content: &str, after: &str) -> bool {
    let is_name = |char: char| char.is_ascii_alphabetic() || matches!(char, '_' | '-');
    !content.is_empty()
        && content.len() <= MAX_KEY_LENGTH
        && content.chars().all(is_name)
        && after
            .strip_prefix(['"', '\''])
            .is_some_and(|after| after.trim_start_matches(' ').starts_with(':'))
}

/// Returns what is before the number of an exception, which is before its message.
fn after_number(before: &str) -> Option<&str> {
    let before = before.strip_suffix(',')?;
    let number = before.strip_suffix(NUMBER);
    let number =
        number.unwrap_or_else(|| before.trim_end_matches(|char: char| char.is_ascii_digit()));
    number.strip_suffix('(')
}

/// Returns whether a text ends with the name of an exception.
fn is_exception(before: &str) -> bool {
    vocabulary::EXCEPTIONS
        .iter()
        .any(|name| before.ends_with(name))
}

/// Returns whether a text ends with a quoted key whose value describes a failure.
fn is_message_key(before: &str) -> bool {
    let Some(before) = before.strip_suffix(['"', '\'']) else {
        return false;
    };
    vocabulary::MESSAGE_KEYS.iter().any(|key| {
        before
            .strip_suffix(key)
            .is_some_and(|before| before.ends_with(['"', '\'']))
    })
}
