//! Commas in documents. They are insignificant, but apollo-parser rejects them after `...` and before
//! the colon of an alias.

use std::borrow::Cow;

const BLOCK_QUOTES: &[u8] = br#"""""#;

/// Replaces the commas of a document by spaces, but not those in strings. Offsets stay the same.
pub(super) fn to_spaces(text: &str) -> Cow<'_, str> {
    if !text.contains(',') {
        return Cow::Borrowed(text);
    }
    let mut result = text.as_bytes().to_vec();
    let mut offset = 0;
    while let Some(byte) = result.get(offset) {
        offset += match byte {
            b',' => {
                result[offset] = b' ';
                1
            }
            b'#' => comment_length(&result[offset..]),
            b'"' => string_length(&result[offset..]),
            _ => 1,
        };
    }
    // Replacing commas keeps the text valid UTF-8.
    String::from_utf8(result).map_or(Cow::Borrowed(text), Cow::Owned)
}

fn comment_length(text: &[u8]) -> usize {
    let end = text.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
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
    fn commas_outside_strings_and_comments_become_spaces() {
        for (text, expected) in [
            ("{a,b}", "{a b}"),
            ("{... ,F a , : b}", "{...  F a   : b}"),
            (r#"{a(b:"x,\",y",c:1)}"#, r#"{a(b:"x,\",y" c:1)}"#),
            ("# a,b\n,c", "# a,b\n c"),
            (r#"a(b:"""x,"\""",y""",c:1)"#, r#"a(b:"""x,"\""",y""" c:1)"#),
            ("a(b:\"\",c:1)", "a(b:\"\" c:1)"),
            ("a(b:\"x,\n,y", "a(b:\"x,\n y"),
            ("\"\\", "\"\\"),
            (",\"é,", " \"é,"),
        ] {
            assert_eq!(to_spaces(text), expected);
        }
    }
}
