//! How much a document may ask for.

use async_graphql::{Pos, ServerError};

use crate::graphql::error::{ErrorCode, request_error};

/// How large a document may be. "Expanded" is what is counted with each fragment wherever it is spread.
///
/// The defaults leave what people and clients write room, the introspection of explorers first, and
/// keep what the library does with a document below some 20 ms.
#[derive(Clone, Copy, Debug)]
pub struct DocumentLimits {
    /// Bytes of the text. What is long belongs in variables, which only the request's size limits.
    pub bytes: usize,
    /// Names, numbers, strings, punctuation marks and comments. A thousand short events written out are 8,000.
    pub tokens: usize,
    /// Bytes of one name: for each that the schema does not know the library looks for similar ones.
    pub name_bytes: usize,
    /// Brackets of any kind within one another.
    pub nesting: usize,
    /// Operations, each of which is checked with all fragments that it spreads.
    pub operations: usize,
    /// Fragments defined.
    pub fragments: usize,
    /// Variables declared, by all operations together.
    pub variables: usize,
    /// Places in which variables are used, expanded.
    pub variable_uses: usize,
    /// Fields and spreads of fragments, expanded.
    pub fields: usize,
    /// Levels of fields, expanded. Introspection has 15.
    pub depth: usize,
    /// Fields at the root of an operation, expanded.
    pub root_fields: usize,
    /// Fields that are given another name, expanded.
    pub aliases: usize,
    /// Directives, expanded.
    pub directives: usize,
    /// Arguments of one field or directive; the schema has at most 6.
    pub arguments: usize,
    /// Fields that the schema does not have: for each the library looks for similar ones.
    pub unknown_fields: usize,
    /// Values in arguments, those in variables counted at each use; 64 bytes of text are one more.
    pub values: usize,
    /// Fields looked at to tell which are answered together, in each selection with all its fragments.
    pub merges: usize,
    /// What an operation may cost, in fields resolved, of some 0.6 µs each.
    pub cost: u32,
}

impl Default for DocumentLimits {
    fn default() -> Self {
        Self {
            bytes: 128 * 1024,
            tokens: 10_000,
            name_bytes: 100,
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
            unknown_fields: 20,
            values: 100_000,
            merges: 50_000,
            cost: 50_000,
        }
    }
}

/// Refuses what there is too much of.
pub(super) fn check_limit(
    most: usize,
    count: usize,
    what: &str,
    pos: Option<Pos>,
) -> Result<(), ServerError> {
    if count <= most {
        return Ok(());
    }
    let count = match count {
        // Sums of what fragments stand for; the number would tell nobody anything.
        1_000_000_000.. => "over a billion".to_owned(),
        _ => count.to_string(),
    };
    let message = format!("{count} {what}; at most {most} are allowed");
    Err(request_error(ErrorCode::QueryTooComplex, message, pos))
}
