//! Limits on the text of a document, checked in one scan before parsing.
//!
//! The parser recurses as deep as the text nests and would overflow its stack. The scan ends strings
//! and comments exactly where the parser does; otherwise brackets could be hidden in them.

use async_graphql::ServerError;

use super::limits::{DocumentLimits, check_limit};
use crate::graphql::error::{ErrorCode, request_error};

/// Checks the text of a document against the limits.
pub(super) fn validate(text: &str, limits: &DocumentLimits) -> Result<(), ServerError> {
    check_limit(limits.bytes, text.len(), "bytes of query text", None)?;
    let Some(scan) = Scan::new(text.as_bytes()) else {
        let message = "unterminated block string";
        return Err(request_error(ErrorCode::BadInput, message, None));
    };
    check_limit(limits.tokens, scan.tokens, "tokens in the document", None)?;
    let (bytes, levels) = (scan.longest_name, scan.nesting);
    check_limit(limits.name_bytes, bytes, "bytes in one name", None)?;
    check_limit(limits.nesting, levels, "levels of brackets", None)
}

/// Counts of the tokens in a text.
#[derive(Debug, Default)]
struct Scan {
    tokens: usize,
    /// Nesting depth of brackets.
    nesting: usize,
    /// In bytes.
    longest_name: usize,
}

impl Scan {
    /// Scans a text. Returns `None` if a block string is unterminated, since the parser would split it into
    /// other tokens.
    fn new(text: &[u8]) -> Option<Self> {
        let mut scan = Self::default();
        let (mut rest, mut depth) = (text, 0_usize);
        while let [first, ..] = rest {
            let is_ignored = matches!(first, b' ' | b',' | b'\t' | b'\n' | b'\r' | 0x80..);
            scan.tokens += usize::from(!is_ignored);
            let length = match first {
                b'#' => length_while(rest, |byte| !matches!(byte, b'\n' | b'\r')),
                b'"' => string_length(rest)?,
                b'.' if rest.starts_with(b"...") => 3,
                b'_' | b'a'..=b'z' | b'A'..=b'Z' => {
                    let length = length_while(rest, is_name_continue);
                    scan.longest_name = scan.longest_name.max(length);
                    length
                }
                b'-' | b'0'..=b'9' => {
                    let is_number_part =
                        |byte| is_name_continue(byte) || matches!(byte, b'.' | b'+' | b'-');
                    length_while(rest, is_number_part)
                }
                b'{' | b'[' | b'(' => {
                    depth += 1;
                    scan.nesting = scan.nesting.max(depth);
                    1
                }
                b'}' | b']' | b')' => {
                    depth = depth.saturating_sub(1);
                    1
                }
                _ => 1,
            };
            rest = &rest[length..];
        }
        Some(scan)
    }
}

fn is_name_continue(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric()
}

fn length_while(text: &[u8], matches: impl Fn(u8) -> bool) -> usize {
    let end = text.iter().position(|byte| !matches(*byte));
    end.unwrap_or(text.len())
}

/// Returns the length of the string literal at the start of `text`, or `None` if it is an unterminated
/// block string.
fn string_length(text: &[u8]) -> Option<usize> {
    const BLOCK: &[u8] = br#"""""#;
    if let Some(inner) = text.strip_prefix(BLOCK) {
        let mut at = 0;
        while !inner[at..].starts_with(BLOCK) {
            // A block string has no other escape sequence.
            let is_escaped = inner[at..].starts_with(br#"\""""#);
            at += if is_escaped { 4 } else { 1 };
            if at >= inner.len() {
                return None;
            }
        }
        return Some(at + 2 * BLOCK.len());
    }
    let mut at = 1;
    // The parser rejects a string that contains a line break, and reads no further.
    while let Some(byte) = text.get(at).filter(|byte| !matches!(byte, b'\n' | b'\r')) {
        match byte {
            b'"' => return Some(at + 1),
            b'\\' if !matches!(text.get(at + 1), Some(b'\n' | b'\r')) => at += 2,
            _ => at += 1,
        }
    }
    Some(at.min(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nesting(text: &str) -> usize {
        Scan::new(text.as_bytes()).unwrap().nesting
    }

    fn rejection(text: &str) -> String {
        let limits = DocumentLimits::default();
        validate(text, &limits).unwrap_err().message
    }

    #[test]
    fn brackets_in_strings_and_comments_do_not_count() {
        assert_eq!(nesting("{ a(b: [1, {c: 2}]) { d } }"), 4);
        assert_eq!(nesting(r#"{ a(b: "[[[\"[[[") } # [[[ {{{"#), 2);
        assert_eq!(nesting("{ a(b: \"\"\"[[ \" \\\"\"\" [[\"\"\") }"), 2);
        assert_eq!(nesting("# {{{ \\\n{ a }"), 1);
        assert_eq!(nesting("{ a(b: \"unterminated\n[[[\") }"), 5);
        assert_eq!(nesting(&"[".repeat(100_000)), 100_000);
    }

    #[test]
    fn brackets_cannot_be_hidden_from_the_scan() {
        let deep = "[".repeat(1000);
        for text in [
            // A carriage return ends a comment, whatever precedes it.
            format!("{{ a }} # \r{deep}"),
            format!("{{ a }} # \\\r{deep}"),
            // In a block string, a backslash does not escape a backslash.
            format!(r#"{{ a(b: """ \\""" """) {deep}"#),
            format!(r#"{{ a(b: "") {deep}"#),
            format!(r#"{{ a(b: """""") {deep}"#),
            format!(r#"{{ a(b: "\\") {deep}"#),
            format!("\u{feff}{{ a(b: \"é\u{2028}\") {deep}"),
        ] {
            assert!(rejection(&text).contains("levels of brackets"), "{text}");
        }
        // The parser would read two strings, the first one empty.
        let unterminated = format!(r#"{{ a(b: [""" x " {deep}"#);
        assert_eq!(rejection(&unterminated), "unterminated block string");
        for unterminated in [r#"""""#, r#"""""""#, r#""""\""""#, r#""""\"""""#] {
            assert_eq!(rejection(unterminated), "unterminated block string");
        }
    }

    #[test]
    fn tokens_are_counted_by_the_specification_and_include_comments() {
        for (text, tokens) in [
            ("", 0),
            (" ,\t\r\n\u{feff}", 0),
            // Each comment costs the parser several attempts, so it counts as a token.
            ("# a b c\n# d", 2),
            ("query Q($a: Int! = -1.5e+3) { b: c(d: $a) ...F }", 24),
            (r#"["" "a b" """c "d" e""" "é"]"#, 6),
            (r#""\"" "\\" x"#, 3),
            ("\"no end\nx", 2),
            ("\"\\", 1),
        ] {
            assert_eq!(Scan::new(text.as_bytes()).unwrap().tokens, tokens, "{text}");
        }
    }

    #[test]
    fn texts_with_too_many_bytes_or_tokens_or_too_long_names_are_rejected() {
        let spaces = " ".repeat(128 * 1024);
        assert_eq!(
            rejection(&(spaces + "{")),
            "131073 bytes of query text; at most 131072 are allowed"
        );
        let many = format!("{{{}}}", "a ".repeat(10_000));
        assert_eq!(
            rejection(&many),
            "10002 tokens in the document; at most 10000 are allowed"
        );
        let long = format!("{{ {} }}", "a".repeat(101));
        assert!(rejection(&long).contains("101 bytes in one name"));
    }
}
