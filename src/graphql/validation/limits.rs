//! Limits on the size and complexity of a document.

use async_graphql::{Pos, ServerError};

use crate::graphql::error::{ErrorCode, request_error};

/// Limits on a document. "Expanded" counts the content of a fragment at each of its spreads.
///
/// The defaults leave room for typical clients and for the introspection query of GraphQL IDEs, and keep
/// the validation of a document below about 20 ms.
#[derive(Clone, Copy, Debug)]
pub struct DocumentLimits {
    /// Length of the text in bytes. Large values belong in variables, which only the maximum body size
    /// limits.
    pub bytes: usize,
    /// Lexical tokens. 1,000 short events as literals are 8,000 tokens.
    pub tokens: usize,
    /// Nesting depth of brackets of any kind.
    pub nesting: usize,
    /// Operations. Each is validated together with all fragments that it spreads.
    pub operations: usize,
    /// Fragment definitions.
    pub fragments: usize,
    /// Variable definitions of all operations.
    pub variables: usize,
    /// Uses of variables, expanded.
    pub variable_uses: usize,
    /// Fields and fragment spreads, expanded.
    pub fields: usize,
    /// Nesting depth of fields, expanded. The standard introspection query has 15 levels.
    pub depth: usize,
    /// Fields at the root of an operation, expanded.
    pub root_fields: usize,
    /// Aliases, expanded.
    pub aliases: usize,
    /// Directives, expanded.
    pub directives: usize,
    /// Arguments of one field or directive. The schema uses at most 7.
    pub arguments: usize,
    /// Fields of one object in an argument. The fields of two objects are compared with each other.
    pub object_fields: usize,
    /// Values in arguments. The value of a variable counts at each use, and every 64 bytes of a string
    /// count as another value.
    pub values: usize,
    /// Characters of the texts to search for, in all filters of an operation.
    pub search_chars: usize,
    /// Cost of an operation in resolved fields, of about 0.6 µs each.
    pub cost: u32,
}

impl Default for DocumentLimits {
    fn default() -> Self {
        Self {
            bytes: 128 * 1024,
            tokens: 10_000,
            nesting: 64,
            operations: 20,
            fragments: 100,
            variables: 100,
            variable_uses: 1000,
            fields: 2000,
            depth: 16,
            root_fields: 20,
            aliases: 100,
            directives: 50,
            arguments: 20,
            object_fields: 200,
            values: 100_000,
            search_chars: 2000,
            cost: 50_000,
        }
    }
}

/// Returns an error if `count` exceeds `max`. `what` names in the plural what is counted.
pub(super) fn check_limit(
    max: usize,
    count: usize,
    what: &str,
    pos: Option<Pos>,
) -> Result<(), ServerError> {
    if count <= max {
        return Ok(());
    }
    let count = match count {
        // Nested fragments add up to numbers without meaning.
        1_000_000_000.. => "over a billion".to_owned(),
        _ => count.to_string(),
    };
    let message = format!("{count} {what}; at most {max} are allowed");
    Err(request_error(ErrorCode::QueryTooComplex, message, pos))
}
