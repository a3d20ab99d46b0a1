//! Descriptions of operations, fragments and variables.
//!
//! The specification allows them since September 2025, and apollo-parser rejects them. They have no effect, and are
//! removed from the text before it is parsed.

use std::{borrow::Cow, iter};

use apollo_compiler::parser::Parser;

use super::tokens::{Token, tokens};

/// Replaces descriptions by spaces, `max` at most: validating each takes time. Offsets stay the same.
pub(super) fn remove(text: &str, max: usize) -> Cow<'_, str> {
    let mut scope = Scope::default();
    let following = tokens(text).skip(1).map(Some).chain(iter::once(None));
    let descriptions = tokens(text).zip(following).filter(|(token, next)| {
        let is_description = scope.is_described(*token, *next);
        scope.advance(*token);
        is_description && is_valid(token.text)
    });
    let mut result = Cow::Borrowed(text);
    for (description, _) in descriptions.take(max).collect::<Vec<_>>() {
        let range = description.offset..description.offset + description.text.len();
        let spaces = " ".repeat(range.len());
        result.to_mut().replace_range(range, &spaces);
    }
    result
}

/// Where a token is in a document.
#[derive(Default)]
struct Scope<'a> {
    /// Open braces and brackets.
    braces: usize,
    /// Open parentheses.
    parentheses: usize,
    /// The latest parenthesis outside of braces is that of the variables of an operation.
    is_in_variables: bool,
    /// The latest tokens, the last one first.
    latest: [&'a str; 2],
}

impl<'a> Scope<'a> {
    /// Returns whether `token` describes what `next` begins.
    fn is_described(&self, token: Token<'_>, next: Option<Token<'_>>) -> bool {
        let Some(next) = next.filter(|_| token.text.starts_with('"') && self.braces == 0) else {
            return false;
        };
        match next.text {
            "query" | "mutation" | "subscription" | "fragment" => self.parentheses == 0,
            "$" => {
                let is_default = matches!(self.latest[0], "=" | ":");
                self.parentheses == 1 && self.is_in_variables && !is_default
            }
            _ => false,
        }
    }

    fn advance(&mut self, token: Token<'a>) {
        match token.text {
            "{" | "[" => self.braces += 1,
            "}" | "]" => self.braces = self.braces.saturating_sub(1),
            ")" => self.parentheses = self.parentheses.saturating_sub(1),
            "(" => {
                if self.braces == 0 && self.parentheses == 0 {
                    self.is_in_variables = self.latest[1] != "@";
                }
                self.parentheses += 1;
            }
            _ => {}
        }
        self.latest = [token.text, self.latest[0]];
    }
}

/// Returns whether a string is complete, and its escape sequences are valid.
fn is_valid(string: &str) -> bool {
    let parsed = Parser::new().parse_ast(format!("{{ a(b: {string}) }}"), "description");
    parsed.is_ok()
}

#[cfg(test)]
mod tests {
    use super::remove;

    #[test]
    fn only_descriptions_are_removed() {
        for (text, expected) in [
            ("\"a\" query { a }", "    query { a }"),
            (
                "\"\" query ($a: Int) { a } \"\"\"b\n\"\"\" fragment F on T { a }",
                "   query ($a: Int) { a }          fragment F on T { a }",
            ),
            (
                "mutation M(\"a\" $a: Int = 1, \"b\" $b: Int) { a }",
                "mutation M(    $a: Int = 1,     $b: Int) { a }",
            ),
            (
                "query ($a: String = \"a\" $b: [String] = [\"b\" \"c\"] \"d\" $c: Int) { a }",
                "query ($a: String = \"a\" $b: [String] = [\"b\" \"c\"]     $c: Int) { a }",
            ),
        ] {
            assert_eq!(remove(text, 9), expected);
        }
        for unchanged in [
            "{ a }",
            "\"a\" { a }",
            "\"a\" type T { a: Int }",
            "\"a query { a }",
            "\"\\q\" query { a }",
            "{ a(b: [\"c\" $d]) }",
            "query @a(b: [\"c\" $d]) { a }",
            "query @a(b: \"c\" $d) { a }",
            "query Q($a: String = \"query\") { query(a: \"b\") query }",
        ] {
            assert_eq!(remove(unchanged, 9), unchanged);
        }
        assert_eq!(
            remove("\"a\" query \"b\" query", 1),
            "    query \"b\" query"
        );
    }
}
