//! Messages of syntax errors.

use super::{
    locations::Locations,
    tokens::{Token, tokens},
};

/// What apollo-parser calls tokens in messages, and their text.
const TOKEN_NAMES: [(&str, &str); 9] = [
    ("R_CURLY", "`}`"),
    ("L_CURLY", "`{`"),
    ("R_PAREN", "`)`"),
    ("L_PAREN", "`(`"),
    ("R_BRACK", "`]`"),
    ("L_BRACK", "`[`"),
    ("COLON", "`:`"),
    ("EQ", "`=`"),
    ("IDENT", "a name"),
];

/// Characters of a token in a message.
const MAX_QUOTED: usize = 50;

/// Returns the message of a syntax error: what is unexpected, where, and what was expected there.
/// `problem` is the message of the parser.
pub(super) fn message(problem: &str, text: &str, offset: usize, locations: &Locations) -> String {
    let token = tokens(text).find(|token| token.offset + token.text.len() > offset);
    let message = unexpected(token, text, locations);
    let problem = problem.trim_start_matches("syntax error: ");
    match problem.strip_prefix("expected ") {
        Some(expected) => {
            let expected = expected.split(", got ").next().unwrap_or(expected);
            let name = TOKEN_NAMES.iter().find(|(name, _)| *name == expected);
            let expected = name.map_or(expected, |(_, text)| text);
            format!("{message}; expected {expected}")
        }
        None if token.is_none() => message,
        None => {
            let (first, rest) = problem.split_at(problem.len().min(1));
            format!("{message}: {}{rest}", first.to_lowercase())
        }
    }
}

/// Describes an unexpected token, `None` at the end of the document.
pub(super) fn unexpected(token: Option<Token<'_>>, text: &str, locations: &Locations) -> String {
    let offset = token.map_or(text.len(), |token| token.offset);
    let place = locations.pos_at(offset).map_or(String::new(), |pos| {
        format!(" at line {}, column {}", pos.line, pos.column)
    });
    match token {
        Some(token) => {
            let mut quoted: String = token.text.chars().take(MAX_QUOTED).collect();
            if quoted.len() < token.text.len() {
                quoted.push('…');
            }
            let quoted = quoted.replace(['\n', '\r'], " ");
            format!("syntax error: unexpected `{quoted}`{place}")
        }
        None => format!("syntax error: unexpected end of the document{place}"),
    }
}
