//! Differences that apollo-compiler does not see in validation.
//!
//! Two selections of one field conflict if their arguments are spelled differently, as a string and as a
//! block string. A variable whose default is null cannot be used where null is not allowed.

use apollo_compiler::{
    Node,
    ast::{Argument, Definition, Document, Selection, Value, VariableDefinition},
};

const BLOCK_QUOTES: &str = r#"""""#;
/// Begins a block string in a document that is validated only.
const BLOCK_MARK: &str = "\u{fffe}";

/// Returns a document to validate instead of `document`: block strings are marked, and defaults that are
/// null left out. Returns `None` if it has neither.
pub(super) fn keep(document: &Document, text: &str) -> Option<Document> {
    if !text.contains(BLOCK_QUOTES) && !text.contains("null") {
        return None;
    }
    let marker = Marker { text };
    let mut document = document.clone();
    for definition in &mut document.definitions {
        match definition {
            Definition::OperationDefinition(operation) => {
                let operation = operation.make_mut();
                operation
                    .variables
                    .iter_mut()
                    .for_each(without_null_default);
                marker.selections(&mut operation.selection_set);
            }
            Definition::FragmentDefinition(fragment) => {
                marker.selections(&mut fragment.make_mut().selection_set);
            }
            _ => {}
        }
    }
    Some(document)
}

fn without_null_default(variable: &mut Node<VariableDefinition>) {
    if variable
        .default_value
        .as_ref()
        .is_some_and(|value| value.is_null())
    {
        variable.make_mut().default_value = None;
    }
}

struct Marker<'a> {
    text: &'a str,
}

impl Marker<'_> {
    fn selections(&self, selections: &mut [Selection]) {
        for selection in selections {
            match selection {
                Selection::Field(field) => {
                    let field = field.make_mut();
                    self.arguments(&mut field.arguments);
                    self.selections(&mut field.selection_set);
                }
                Selection::InlineFragment(fragment) => {
                    self.selections(&mut fragment.make_mut().selection_set);
                }
                Selection::FragmentSpread(_) => {}
            }
        }
    }

    fn arguments(&self, arguments: &mut [Node<Argument>]) {
        for argument in arguments {
            self.value(&mut argument.make_mut().value);
        }
    }

    fn value(&self, value: &mut Node<Value>) {
        let offset = value.location().map(|location| location.offset());
        let source = offset.and_then(|offset| self.text.get(offset..));
        match value.make_mut() {
            Value::String(text) if source.is_some_and(|text| text.starts_with(BLOCK_QUOTES)) => {
                text.insert_str(0, BLOCK_MARK);
            }
            Value::List(items) => {
                for item in items {
                    self.value(item);
                }
            }
            Value::Object(fields) => {
                for (_, value) in fields {
                    self.value(value);
                }
            }
            _ => {}
        }
    }
}
