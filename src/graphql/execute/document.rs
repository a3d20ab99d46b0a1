//! What a document may ask for, told before it is executed. The library finds out while it works,
//! and some of its checks take longer than the work: a kilobyte of fragments that spread one another
//! costs it seconds, and brackets nested by the hundred its stack.

use std::collections::HashMap;

use async_graphql::{
    Name, Pos, ServerError,
    parser::types::{
        DocumentOperations, ExecutableDocument, OperationDefinition, OperationType, Selection,
        SelectionSet,
    },
};

use crate::graphql::error::{ErrorCode, refusal};

/// How large a document may be.
#[derive(Clone, Copy, Debug)]
pub struct DocumentLimits {
    /// Brackets of any kind within one another.
    pub nesting: usize,
    /// Fields, with each fragment counted wherever it is spread.
    pub fields: usize,
    /// Fragments defined.
    pub fragments: usize,
}

impl Default for DocumentLimits {
    fn default() -> Self {
        Self {
            nesting: 64,
            fields: 2000,
            fragments: 100,
        }
    }
}

type Checked = Result<(), ServerError>;

/// Checks a text before it is parsed.
pub(super) fn check_text(text: &str, limits: DocumentLimits) -> Checked {
    if nesting(text) > limits.nesting {
        let most = limits.nesting;
        let message = format!("brackets stand in one another more than {most} deep");
        return Err(refusal(ErrorCode::QueryTooComplex, message, None));
    }
    Ok(())
}

/// How deep the brackets of a text stand in one another, those in strings and comments left out.
fn nesting(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut depth, mut deepest, mut at) = (0_usize, 0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'{' | b'[' | b'(' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' | b')' => depth = depth.saturating_sub(1),
            b'#' => at += length_to(&bytes[at..], |rest| rest[0] == b'\n'),
            b'"' if bytes[at..].starts_with(br#"""""#) => {
                at += 3;
                at += length_to(&bytes[at..], |rest| rest.starts_with(br#"""""#)) + 2;
            }
            b'"' => {
                at += 1;
                at += length_to(&bytes[at..], |rest| matches!(rest[0], b'"' | b'\n'));
            }
            _ => {}
        }
        at += 1;
    }
    deepest
}

/// How many bytes lie before the end of a string or comment; what follows a backslash is no end.
fn length_to(bytes: &[u8], is_end: impl Fn(&[u8]) -> bool) -> usize {
    let mut at = 0;
    while at < bytes.len() && !is_end(&bytes[at..]) {
        at += if bytes[at] == b'\\' && bytes.get(at + 1) != Some(&b'\n') {
            2
        } else {
            1
        };
    }
    at
}

/// Checks a document before it is executed.
pub(super) fn check(document: &ExecutableDocument, limits: DocumentLimits) -> Checked {
    if document.fragments.len() > limits.fragments {
        let (count, most) = (document.fragments.len(), limits.fragments);
        let message = format!("{count} fragments; a document has at most {most}");
        return Err(refusal(ErrorCode::QueryTooComplex, message, None));
    }
    let mut sizes = Sizes {
        document,
        known: HashMap::new(),
    };
    let mut size = 0_usize;
    for fragment in document.fragments.keys() {
        sizes.of_fragment(fragment, Pos::default())?;
    }
    for (_, operation) in document.operations.iter() {
        size = size.saturating_add(sizes.of(&operation.node.selection_set.node)?);
        check_root(&operation.node)?;
    }
    if size > limits.fields {
        let most = limits.fields;
        let message =
            format!("the document asks for {size} fields; ask for at most {most} at once");
        return Err(refusal(ErrorCode::QueryTooComplex, message, None));
    }
    Ok(())
}

/// The numbers of fields that fragments stand for.
struct Sizes<'a> {
    document: &'a ExecutableDocument,
    /// None while it is being told: who asks then stands in a cycle.
    known: HashMap<&'a Name, Option<usize>>,
}

impl<'a> Sizes<'a> {
    fn of(&mut self, selection: &'a SelectionSet) -> Result<usize, ServerError> {
        let mut size = 0_usize;
        for item in &selection.items {
            size = size.saturating_add(match &item.node {
                Selection::Field(field) => 1 + self.of(&field.node.selection_set.node)?,
                Selection::InlineFragment(inline) => self.of(&inline.node.selection_set.node)?,
                Selection::FragmentSpread(spread) => {
                    self.of_fragment(&spread.node.fragment_name.node, spread.pos)?
                }
            });
        }
        Ok(size)
    }

    fn of_fragment(&mut self, name: &Name, pos: Pos) -> Result<usize, ServerError> {
        let Some((name, fragment)) = self.document.fragments.get_key_value(name) else {
            // Validation will say that there is none.
            return Ok(0);
        };
        match self.known.get(name) {
            Some(Some(size)) => return Ok(*size),
            Some(None) => {
                let message = format!("the fragment `{name}` spreads itself");
                return Err(refusal(ErrorCode::BadInput, message, Some(pos)));
            }
            None => {}
        }
        self.known.insert(name, None);
        let size = self.of(&fragment.node.selection_set.node)?;
        self.known.insert(name, Some(size));
        Ok(size)
    }
}

/// What the library lets pass and then does wrong: it executes a mutation twice that is selected
/// twice under one name, and a subscription to other than one field not at all.
fn check_root(operation: &OperationDefinition) -> Checked {
    let items = &operation.selection_set.node.items;
    match operation.ty {
        OperationType::Query => Ok(()),
        OperationType::Subscription => match items.as_slice() {
            [item] if matches!(item.node, Selection::Field(_)) => Ok(()),
            _ => {
                let message =
                    "a subscription selects exactly one field, and no fragment, at its root";
                let pos = operation.selection_set.pos;
                Err(refusal(ErrorCode::BadInput, message, Some(pos)))
            }
        },
        OperationType::Mutation => {
            let mut keys = Vec::new();
            for item in items {
                let Selection::Field(field) = &item.node else {
                    let message = "a mutation selects fields, and no fragment, at its root";
                    return Err(refusal(ErrorCode::BadInput, message, Some(item.pos)));
                };
                let key = &field.node.response_key().node;
                if keys.contains(&key) {
                    let message = format!(
                        "`{key}` is selected twice; give each call a name of its own, as in `again: {key}`"
                    );
                    return Err(refusal(ErrorCode::BadInput, message, Some(item.pos)));
                }
                keys.push(key);
            }
            Ok(())
        }
    }
}

/// The operation of a document that is to be executed, if that can be told.
pub(super) fn operation<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Option<&'a OperationDefinition> {
    let operation = match (&document.operations, name) {
        (DocumentOperations::Single(operation), _) => Some(operation),
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name),
        (DocumentOperations::Multiple(operations), None) => operations.values().next(),
    };
    operation.map(|operation| &operation.node)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<(), String> {
        let document = async_graphql::parser::parse_query(text).unwrap();
        check(&document, DocumentLimits::default()).map_err(|error| error.message)
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
    fn fragments_that_spread_one_another_are_counted_without_being_expanded() {
        let fragment = |n| format!("fragment f{n} on Query {{ ...f{0} ...f{0} }}", n + 1);
        let fragments: String = (0..90).map(fragment).collect();
        let bomb = format!("{{ ...f0 }} {fragments} fragment f90 on Query {{ __typename }}");
        assert!(checked(&bomb).unwrap_err().contains("fields"));
    }

    #[test]
    fn a_fragment_that_spreads_itself_is_refused_used_or_not() {
        let cycle = "{ __typename } fragment a on Query { ...b } fragment b on Query { ...a }";
        assert!(checked(cycle).unwrap_err().contains("spreads itself"));
        let own = "{ ...a } fragment a on Query { ...a }";
        assert!(checked(own).unwrap_err().contains("spreads itself"));
    }

    #[test]
    fn a_mutation_is_selected_once_under_each_name() {
        assert!(checked("mutation { a: x b: x }").is_ok());
        assert!(
            checked("mutation { x x }")
                .unwrap_err()
                .contains("again: x")
        );
        assert!(checked("mutation { a: x a: y }").is_err());
        assert!(checked("mutation { ... { x } }").is_err());
    }

    #[test]
    fn a_subscription_selects_one_field() {
        assert!(checked("subscription { x { y } }").is_ok());
        for text in [
            "subscription { x y }",
            "subscription { ...f } fragment f on S { x }",
        ] {
            assert!(checked(text).unwrap_err().contains("exactly one field"));
        }
    }
}
