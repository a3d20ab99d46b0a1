//! Normalisation of error messages: what differs from one occurrence of a failure to the next is replaced by placeholders.
//!
//! The rules are part of the stored fingerprints: a change of a normalised message is a change of its fingerprint. Each
//! character is examined a bounded number of times, whatever the message. Nothing depends on the version of Unicode: every
//! character beyond ASCII that is no space or quotation mark counts as a letter.

mod codes;
mod dates;
mod hosts;
mod quotes;
mod tokens;
mod vocabulary;

use crate::store::MAX_MESSAGE_CHARS;

const DATE: &str = "<date>";
const DURATION: &str = "<duration>";
const EMAIL: &str = "<email>";
const HOST: &str = "<host>";
const ID: &str = "<id>";
const NUMBER: &str = "<number>";
const PATH: &str = "<path>";
const TIME: &str = "<time>";
const URL: &str = "<url>";
const VALUE: &str = "<value>";

/// Texts before a parenthesis that holds a row.
const BEFORE_ROWS: [&str; 2] = ["Failing row contains ", "Fehlgeschlagene Zeile enthält "];
/// The beginning of the parameters in a message of SQLAlchemy, and what follows them.
const PARAMETERS: (&str, &str) = ("[parameters: ", "(Background on this error");

/// Returns a message with placeholders for numbers, IDs, quoted values, paths, URLs, hosts, e-mail addresses, dates, times
/// and durations. Runs of spaces become one. What is after the first [`MAX_MESSAGE_CHARS`] is ignored. A NUL ends the message, as it does for SQLite's functions.
pub(crate) fn normalize(message: &str) -> String {
    let end = message
        .char_indices()
        .enumerate()
        .find(|(count, (_, char))| *count == MAX_MESSAGE_CHARS || *char == '\0')
        .map_or(message.len(), |(_, (at, _))| at);
    let mut scanner = Scanner {
        text: message[..end].trim(),
        at: 0,
        out: String::with_capacity(end),
        unclosed: Vec::new(),
        closing: Vec::new(),
    };
    scanner.run();
    let length = scanner.out.trim_end().len();
    scanner.out.truncate(length);
    scanner.out
}

/// Reads a message from its beginning to its end.
struct Scanner<'a> {
    text: &'a str,
    /// The position in `text`, at the boundary of a character.
    at: usize,
    out: String,
    /// Quotation marks after which there is none that closes them.
    unclosed: Vec<char>,
    /// The positions of the marks that close quotations whose content is read, too: the innermost is last.
    closing: Vec<usize>,
}

impl<'a> Scanner<'a> {
    fn run(&mut self) {
        while let Some(next) = self.rest().chars().next() {
            if self.closing.last() == Some(&self.at) {
                self.closing.pop();
                self.at += next.len_utf8();
            } else if next.is_whitespace() || next.is_control() {
                self.at += next.len_utf8();
                if !self.out.is_empty() && !self.out.ends_with(' ') {
                    self.out.push(' ');
                }
            } else if is_token(next) {
                self.token();
            } else if !self.quotation(next) && !self.brackets() && !self.address() {
                self.at += next.len_utf8();
                self.out.push(next);
            }
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// The character before the position.
    fn previous(&self) -> Option<char> {
        self.text[..self.at].chars().next_back()
    }

    /// Copies this many bytes.
    fn copy(&mut self, length: usize) {
        self.out.push_str(&self.rest()[..length]);
        self.at += length;
    }

    /// Replaces this many bytes. A list of the same placeholder becomes one.
    fn replace(&mut self, length: usize, placeholder: &str) {
        self.at += length;
        let before = self.out.trim_end_matches(' ');
        if let Some(before) = before.strip_suffix(',')
            && before.trim_end_matches(' ').ends_with(placeholder)
        {
            let length = before.trim_end_matches(' ').len();
            self.out.truncate(length);
            return;
        }
        self.out.push_str(placeholder);
    }

    /// Reads brackets with a meaning of their own; returns false if there are none.
    fn brackets(&mut self) -> bool {
        let rest = self.rest();
        if let Some(length) = codes::bracketed_sqlstate(rest) {
            self.copy(length);
        } else if rest.starts_with(PARAMETERS.0) {
            let end = rest.find(PARAMETERS.1).unwrap_or(rest.len());
            let end = rest[..end].rfind(']').unwrap_or(rest.len());
            self.out.push_str("[parameters: <values>");
            self.at += end;
        } else if rest.starts_with('(') && self.out.ends_with(")=") {
            let length = rest.find(')').unwrap_or(rest.len());
            self.out.push('(');
            self.replace(length, VALUE);
        } else if rest.starts_with('(') && BEFORE_ROWS.iter().any(|text| self.out.ends_with(text)) {
            let line = rest.find('\n').unwrap_or(rest.len());
            let length = rest[..line].rfind(')').unwrap_or(line);
            self.out.push_str("(<values>");
            self.at += length;
        } else {
            return false;
        }
        true
    }

    /// Reads an IPv6 address that begins with colons; returns false if there is none.
    fn address(&mut self) -> bool {
        let length = hosts::ipv6(self.rest());
        if let Some(length) = length {
            self.replace(length, HOST);
        }
        length.is_some()
    }
}

/// Returns whether a character may be part of a token.
fn is_token(char: char) -> bool {
    is_letter(char)
        || char.is_ascii_digit()
        || matches!(char, '_' | '.' | '-' | '@' | '+' | '/' | '\\' | '~')
}

fn is_letter(char: char) -> bool {
    char.is_ascii_alphabetic()
        || !char.is_ascii()
            && !char.is_whitespace()
            && !char.is_control()
            && !quotes::is_quotation_mark(char)
}

fn is_alphanumeric(char: char) -> bool {
    is_letter(char) || char.is_ascii_digit()
}

/// Returns the number of leading digits.
fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}
