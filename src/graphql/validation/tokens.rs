//! Lexical tokens of documents.
//!
//! apollo-parser differs from the specification in two ways: it rejects commas after `...` and before
//! the colon of an alias, and drops an argument without a value. The first is avoided by
//! [`without_commas`], the second is found by comparing the tokens of a document with those of its
//! syntax tree.

use std::borrow::Cow;

const BLOCK_QUOTES: &[u8] = br#"""""#;

/// A token that is not ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) offset: usize,
    pub(super) text: &'a str,
}

impl Token<'_> {
    /// Returns whether two tokens mean the same, for all that is known without their values: strings
    /// have several spellings.
    pub(super) fn is_like(self, other: Self) -> bool {
        let is_string = |token: Self| token.text.starts_with('"');
        self.text == other.text || is_string(self) && is_string(other)
    }
}

/// Returns the tokens of a text, without whitespace, commas and comments.
pub(super) fn tokens(text: &str) -> impl Iterator<Item = Token<'_>> {
    let spans = Spans {
        text: text.as_bytes(),
        offset: 0,
    };
    spans
        .filter(|(kind, _, _)| *kind == Kind::Token)
        .map(|(_, start, end)| Token {
            offset: start,
            text: text.get(start..end).unwrap_or_default(),
        })
}

/// Replaces commas and comments by spaces. Offsets stay the same.
///
/// apollo-parser rejects some commas, and parses spaces faster than comments.
pub(super) fn without_ignored(text: &str) -> Cow<'_, str> {
    if !text.contains([',', '#']) {
        return Cow::Borrowed(text);
    }
    let mut result = text.as_bytes().to_vec();
    let spans = Spans {
        text: text.as_bytes(),
        offset: 0,
    };
    for (_, start, end) in spans.filter(|(kind, _, _)| *kind == Kind::Replaced) {
        result[start..end].fill(b' ');
    }
    // Replacing whole characters keeps the text valid UTF-8.
    String::from_utf8(result).map_or(Cow::Borrowed(text), Cow::Owned)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Token,
    /// A comma or a comment.
    Replaced,
    /// Whitespace, or a byte order mark.
    Ignored,
}

/// Splits a text into spans: kind, start and end.
struct Spans<'a> {
    text: &'a [u8],
    offset: usize,
}

impl Iterator for Spans<'_> {
    type Item = (Kind, usize, usize);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = &self.text[self.offset..];
        let (kind, length) = match rest.first()? {
            b',' => (Kind::Replaced, 1),
            b' ' | b'\t' | b'\n' | b'\r' => (Kind::Ignored, 1),
            b'#' => {
                let is_comment = |byte| !matches!(byte, b'\n' | b'\r');
                (Kind::Replaced, length_while(rest, is_comment))
            }
            b'"' => (Kind::Token, string_length(rest)),
            b'.' if rest.starts_with(b"...") => (Kind::Token, 3),
            b'_' | b'a'..=b'z' | b'A'..=b'Z' => (Kind::Token, length_while(rest, is_name)),
            b'-' | b'0'..=b'9' => {
                let is_number = |byte| is_name(byte) || matches!(byte, b'.' | b'+' | b'-');
                (Kind::Token, length_while(rest, is_number))
            }
            0x80.. => (Kind::Ignored, length_while(rest, |byte| byte >= 0x80)),
            _ => (Kind::Token, 1),
        };
        let start = self.offset;
        self.offset += length;
        Some((kind, start, self.offset))
    }
}

fn is_name(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric()
}

fn length_while(text: &[u8], matches: impl Fn(u8) -> bool) -> usize {
    let end = text.iter().position(|byte| !matches(*byte));
    end.unwrap_or(text.len())
}

/// Returns the length of the string at the start of `text`, which ends at the end of the line or of the
/// text if it is unterminated.
fn string_length(text: &[u8]) -> usize {
    let is_block = text.starts_with(BLOCK_QUOTES);
    let quotes = if is_block { BLOCK_QUOTES } else { b"\"" };
    let mut at = quotes.len();
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with(quotes) {
            return at + quotes.len();
        }
        at += match rest[0] {
            // A block string has no other escape sequence.
            b'\\' if is_block && rest[1..].starts_with(BLOCK_QUOTES) => 1 + BLOCK_QUOTES.len(),
            b'\\' if !is_block => 2,
            b'\n' | b'\r' if !is_block => return at,
            _ => 1,
        };
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_and_comments_become_spaces() {
        for (text, expected) in [
            ("{a,b}", "{a b}"),
            ("{... ,F a , : b}", "{...  F a   : b}"),
            (r#"{a(b:"x,\",y",c:1)}"#, r#"{a(b:"x,\",y" c:1)}"#),
            ("# a,é\r\n,c#\"", "      \r\n c  "),
            (r#"a(b:"""x,"\""",y""",c:1)"#, r#"a(b:"""x,"\""",y""" c:1)"#),
            ("a(b:\"\",c:1)", "a(b:\"\" c:1)"),
            ("a(b:\"x,\n,y", "a(b:\"x,\n y"),
            ("\"\\", "\"\\"),
            (",\"é,", " \"é,"),
        ] {
            assert_eq!(without_ignored(text), expected);
        }
    }

    #[test]
    fn ignored_tokens_are_left_out() {
        let texts = |text| {
            let texts: Vec<_> = tokens(text).map(|token| token.text).collect();
            texts.join(" ")
        };
        assert_eq!(
            texts("\u{feff}query($a:[Int!]=-1.5e+3,){...a@b(c:\"x y\",d:\"\"\"z\"\"\")}#e\n"),
            "query ( $ a : [ Int ! ] = -1.5e+3 ) { ... a @ b ( c : \"x y\" d : \"\"\"z\"\"\" ) }"
        );
    }
}
