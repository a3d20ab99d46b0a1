//! A document's text, looked through once before it is parsed: the parser goes as deep as the text
//! does, to the end of its stack. Where strings and comments end is told exactly as the parser tells
//! it, or brackets could be hidden in them.

use async_graphql::ServerError;

use super::limits::{DocumentLimits, check_limit};
use crate::graphql::error::{ErrorCode, request_error};

/// Checks a text before it is parsed.
pub(super) fn validate(text: &str, limits: &DocumentLimits) -> Result<(), ServerError> {
    check_limit(limits.bytes, text.len(), "bytes of query", None)?;
    let Some(scan) = Scan::of(text.as_bytes()) else {
        let message = "a block string has no end";
        return Err(request_error(ErrorCode::BadInput, message, None));
    };
    check_limit(limits.tokens, scan.tokens, "tokens in the document", None)?;
    let (bytes, levels) = (scan.longest_name, scan.nesting);
    check_limit(limits.name_bytes, bytes, "bytes in one name", None)?;
    check_limit(limits.nesting, levels, "levels of brackets", None)
}

/// What a text consists of.
#[derive(Debug, Default)]
struct Scan {
    tokens: usize,
    /// How deep brackets stand in one another.
    nesting: usize,
    /// In bytes.
    longest_name: usize,
}

impl Scan {
    /// None if a block string has no end: the parser would read it as something else.
    fn of(text: &[u8]) -> Option<Self> {
        let mut scan = Self::default();
        let (mut rest, mut depth) = (text, 0_usize);
        while let [first, ..] = rest {
            let is_blank = matches!(first, b' ' | b',' | b'\t' | b'\n' | b'\r' | 0x80..);
            scan.tokens += usize::from(!is_blank);
            let length = match first {
                b'#' => length_while(rest, |byte| !matches!(byte, b'\n' | b'\r')),
                b'"' => string(rest)?,
                b'.' if rest.starts_with(b"...") => 3,
                b'_' | b'a'..=b'z' | b'A'..=b'Z' => {
                    let length = length_while(rest, is_part_of_name);
                    scan.longest_name = scan.longest_name.max(length);
                    length
                }
                b'-' | b'0'..=b'9' => {
                    let is_part =
                        |byte| is_part_of_name(byte) || matches!(byte, b'.' | b'+' | b'-');
                    length_while(rest, is_part)
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

fn is_part_of_name(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric()
}

fn length_while(text: &[u8], holds: impl Fn(u8) -> bool) -> usize {
    let end = text.iter().position(|byte| !holds(*byte));
    end.unwrap_or(text.len())
}

/// The length of the string that `text` begins with; none if it is a block string without an end.
fn string(text: &[u8]) -> Option<usize> {
    const BLOCK: &[u8] = br#"""""#;
    if let Some(inner) = text.strip_prefix(BLOCK) {
        let mut at = 0;
        while !inner[at..].starts_with(BLOCK) {
            // Nothing else is escaped in a block string.
            let is_escaped = inner[at..].starts_with(br#"\""""#);
            at += if is_escaped { 4 } else { 1 };
            if at >= inner.len() {
                return None;
            }
        }
        return Some(at + 2 * BLOCK.len());
    }
    let mut at = 1;
    // The parser goes no further than a string that ends with its line.
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
        Scan::of(text.as_bytes()).unwrap().nesting
    }

    fn refused(text: &str) -> String {
        let limits = DocumentLimits::default();
        validate(text, &limits).unwrap_err().message
    }

    #[test]
    fn brackets_in_strings_and_comments_do_not_count() {
        assert_eq!(nesting("{ a(b: [1, {c: 2}]) { d } }"), 4);
        assert_eq!(nesting(r#"{ a(b: "[[[\"[[[") } # [[[ {{{"#), 2);
        assert_eq!(nesting("{ a(b: \"\"\"[[ \" \\\"\"\" [[\"\"\") }"), 2);
        assert_eq!(nesting("# {{{ \\\n{ a }"), 1);
        assert_eq!(nesting("{ a(b: \"unended\n[[[\") }"), 5);
        assert_eq!(nesting(&"[".repeat(100_000)), 100_000);
    }

    #[test]
    fn no_brackets_can_be_hidden_from_the_scan() {
        let deep = "[".repeat(1000);
        for text in [
            // A comment ends with a carriage return, whatever stands before it.
            format!("{{ a }} # \r{deep}"),
            format!("{{ a }} # \\\r{deep}"),
            // A backslash escapes no backslash in a block string.
            format!(r#"{{ a(b: """ \\""" """) {deep}"#),
            format!(r#"{{ a(b: "") {deep}"#),
            format!(r#"{{ a(b: """""") {deep}"#),
            format!(r#"{{ a(b: "\\") {deep}"#),
            format!("\u{feff}{{ a(b: \"é\u{2028}\") {deep}"),
        ] {
            assert!(refused(&text).contains("levels of brackets"), "{text}");
        }
        // The parser would read an empty string, and then another one.
        let unended = format!(r#"{{ a(b: [""" x " {deep}"#);
        assert_eq!(refused(&unended), "a block string has no end");
        for unended in [r#"""""#, r#"""""""#, r#""""\""""#, r#""""\"""""#] {
            assert_eq!(refused(unended), "a block string has no end");
        }
    }

    #[test]
    fn tokens_are_counted_as_the_specification_does_and_comments_too() {
        for (text, tokens) in [
            ("", 0),
            (" ,\t\r\n\u{feff}", 0),
            // The parser tries a comment in many ways, so that it is one as well.
            ("# a b c\n# d", 2),
            ("query Q($a: Int! = -1.5e+3) { b: c(d: $a) ...F }", 24),
            (r#"["" "a b" """c "d" e""" "é"]"#, 6),
            (r#""\"" "\\" x"#, 3),
            ("\"no end\nx", 2),
            ("\"\\", 1),
        ] {
            assert_eq!(Scan::of(text.as_bytes()).unwrap().tokens, tokens, "{text}");
        }
    }

    #[test]
    fn a_text_of_too_many_bytes_or_tokens_or_with_too_long_a_name_is_refused() {
        let blanks = " ".repeat(128 * 1024);
        assert_eq!(
            refused(&(blanks + "{")),
            "131073 bytes of query; at most 131072 are allowed"
        );
        let many = format!("{{{}}}", "a ".repeat(10_000));
        assert_eq!(
            refused(&many),
            "10002 tokens in the document; at most 10000 are allowed"
        );
        let long = format!("{{ {} }}", "a".repeat(101));
        assert!(refused(&long).contains("101 bytes in one name"));
    }
}
