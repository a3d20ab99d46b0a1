//! What a document says, checked before it is executed. The library finds out while it works, and
//! some of its checks take longer than the work: a kilobyte of fragments that spread one another
//! costs it seconds, and a fragment of variables that many operations spread as many errors.

use std::collections::HashSet;

use async_graphql::{
    ServerError,
    parser::types::{ExecutableDocument, OperationDefinition, OperationType, Selection},
};

use super::{
    arguments::Arguments,
    document_stats::{DocumentStats, MAX_LEVELS},
    field_merging,
    limits::{DocumentLimits, check_limit},
};
use crate::graphql::{
    error::{ErrorCode, request_error},
    schema_types::FieldTypes,
};

type Checked = Result<(), ServerError>;

/// Checks a document before it is executed; tells what there is in it.
pub(super) fn validate<'a>(
    document: &'a ExecutableDocument,
    types: &'a FieldTypes,
    arguments: &mut Arguments<'a>,
    limits: &'a DocumentLimits,
) -> Result<DocumentStats, ServerError> {
    let operations = document.operations.iter().count();
    check_limit(
        limits.operations,
        operations,
        "operations in the document",
        None,
    )?;
    let fragments = document.fragments.len();
    check_limit(
        limits.fragments,
        fragments,
        "fragments in the document",
        None,
    )?;
    check_variables(document, limits)?;
    let counted = DocumentStats::of(document, types, arguments, limits)?;
    for (most, count, what) in [
        (
            MAX_LEVELS,
            counted.levels,
            "levels of selections and fragments",
        ),
        (limits.depth, counted.depth, "levels of fields"),
        (limits.fields, counted.fields, "fields in the document"),
        (limits.aliases, counted.aliases, "aliases in the document"),
        (
            limits.directives,
            counted.directives,
            "directives in the document",
        ),
        (
            limits.variable_uses,
            counted.variable_uses,
            "uses of variables",
        ),
        (limits.values, counted.values, "values in arguments"),
    ] {
        check_limit(most, count, what, None)?;
    }
    for (_, operation) in document.operations.iter() {
        check_root(&operation.node)?;
    }
    field_merging::check(document, limits.merges)?;
    Ok(counted)
}

fn check_variables(document: &ExecutableDocument, limits: &DocumentLimits) -> Checked {
    let operations = || {
        document
            .operations
            .iter()
            .map(|(_, operation)| &operation.node)
    };
    let variables = operations().map(|operation| operation.variable_definitions.len());
    let what = "variables declared in the document";
    check_limit(limits.variables, variables.sum(), what, None)?;
    for operation in operations() {
        let mut names = HashSet::new();
        for definition in &operation.variable_definitions {
            let name = &definition.node.name;
            if !names.insert(&name.node) {
                let message = format!("the variable ${name} is declared twice");
                return Err(request_error(ErrorCode::BadInput, message, Some(name.pos)));
            }
        }
    }
    Ok(())
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
                Err(request_error(ErrorCode::BadInput, message, Some(pos)))
            }
        },
        OperationType::Mutation => {
            let mut keys = Vec::new();
            for item in items {
                let Selection::Field(field) = &item.node else {
                    let message = "a mutation selects fields, and no fragment, at its root";
                    return Err(request_error(ErrorCode::BadInput, message, Some(item.pos)));
                };
                let key = &field.node.response_key().node;
                if keys.contains(&key) {
                    let message = format!(
                        "`{key}` is selected twice; give each call a name of its own, as in `again: {key}`"
                    );
                    return Err(request_error(ErrorCode::BadInput, message, Some(item.pos)));
                }
                keys.push(key);
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::Variables;

    use super::*;

    fn checked(text: &str) -> Result<(), String> {
        let document = async_graphql::parser::parse_query(text).unwrap();
        let (types, variables) = (FieldTypes::default(), Variables::default());
        let mut arguments = Arguments::new(None, &variables);
        let limits = DocumentLimits::default();
        let checked = validate(&document, &types, &mut arguments, &limits);
        checked.map(drop).map_err(|error| error.message)
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
