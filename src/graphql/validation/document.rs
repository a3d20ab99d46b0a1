//! Rules and limits for a parsed document.
//!
//! async-graphql applies its own limits during validation, and some of its rules take longer than the
//! execution: a kilobyte of nested fragments takes seconds, and a fragment with undefined variables is
//! reported for each operation that spreads it.

use std::collections::HashSet;

use async_graphql::{
    Positioned, ServerError,
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

/// Validates a document, and returns its statistics.
pub(super) fn validate<'a>(
    document: &'a ExecutableDocument,
    types: &'a FieldTypes,
    arguments: &mut Arguments<'a>,
    limits: &'a DocumentLimits,
) -> Result<DocumentStats, ServerError> {
    let operations = document.operations.iter().count();
    let what = "operations in the document";
    check_limit(limits.operations, operations, what, None)?;
    let what = "fragments in the document";
    check_limit(limits.fragments, document.fragments.len(), what, None)?;
    validate_variables(document, limits)?;
    let stats = DocumentStats::collect(document, types, arguments, limits)?;
    check_stats(&stats, limits)?;
    for (_, operation) in document.operations.iter() {
        validate_root(&operation.node)?;
    }
    field_merging::validate(document, limits.merges)?;
    Ok(stats)
}

#[rustfmt::skip]
fn check_stats(stats: &DocumentStats, limits: &DocumentLimits) -> Result<(), ServerError> {
    for (max, count, what) in [
        (MAX_LEVELS, stats.levels, "levels of selections and fragments"),
        (limits.depth, stats.depth, "levels of fields"),
        (limits.fields, stats.fields, "fields in the document"),
        (limits.aliases, stats.aliases, "aliases in the document"),
        (limits.directives, stats.directives, "directives in the document"),
        (limits.variable_uses, stats.variable_uses, "uses of variables"),
        (limits.values, stats.values, "values in arguments"),
    ] {
        check_limit(max, count, what, None)?;
    }
    Ok(())
}

fn validate_variables(
    document: &ExecutableDocument,
    limits: &DocumentLimits,
) -> Result<(), ServerError> {
    let operations = || document.operations.iter().map(|(_, node)| &node.node);
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

/// Validates the root selection, where async-graphql accepts documents that it executes incorrectly: it
/// executes a mutation twice that is selected twice under one response name, and does not execute a
/// subscription to any number of fields but one.
fn validate_root(operation: &OperationDefinition) -> Result<(), ServerError> {
    let items = &operation.selection_set.node.items;
    match operation.ty {
        OperationType::Query => Ok(()),
        OperationType::Mutation => validate_mutation_root(items),
        OperationType::Subscription => match items.as_slice() {
            [item] if matches!(item.node, Selection::Field(_)) => Ok(()),
            _ => {
                let message = "a subscription must select exactly one root field, and no fragment";
                let pos = operation.selection_set.pos;
                Err(request_error(ErrorCode::BadInput, message, Some(pos)))
            }
        },
    }
}

fn validate_mutation_root(items: &[Positioned<Selection>]) -> Result<(), ServerError> {
    let mut keys = HashSet::new();
    for item in items {
        let Selection::Field(field) = &item.node else {
            let message = "a mutation must select fields, and no fragment, at its root";
            return Err(request_error(ErrorCode::BadInput, message, Some(item.pos)));
        };
        let key = &field.node.response_key().node;
        if !keys.insert(key) {
            let message = format!("`{key}` is selected twice; use aliases, as in `again: {key}`");
            return Err(request_error(ErrorCode::BadInput, message, Some(item.pos)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use async_graphql::Variables;

    use super::*;

    fn validated(text: &str) -> Result<(), String> {
        let document = async_graphql::parser::parse_query(text).unwrap();
        let (types, variables) = (FieldTypes::default(), Variables::default());
        let mut arguments = Arguments::new(None, &variables);
        let limits = DocumentLimits::default();
        let stats = validate(&document, &types, &mut arguments, &limits);
        stats.map(drop).map_err(|error| error.message)
    }

    #[test]
    fn root_fields_of_a_mutation_have_distinct_response_names() {
        assert!(validated("mutation { a: x b: x }").is_ok());
        assert!(
            validated("mutation { x x }")
                .unwrap_err()
                .contains("again: x")
        );
        assert!(validated("mutation { a: x a: y }").is_err());
        assert!(validated("mutation { ... { x } }").is_err());
    }

    #[test]
    fn a_subscription_selects_exactly_one_field() {
        assert!(validated("subscription { x { y } }").is_ok());
        for text in [
            "subscription { x y }",
            "subscription { ...f } fragment f on S { x }",
        ] {
            assert!(
                validated(text)
                    .unwrap_err()
                    .contains("exactly one root field")
            );
        }
    }
}
