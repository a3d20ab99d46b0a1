//! Subscription requests, and what makes two of them identical.

use std::sync::Arc;

use async_graphql::{
    Name, Positioned, Request, Variables,
    parser::types::{Directive, ExecutableDocument, OperationDefinition, Selection, SelectionSet},
};
use async_graphql_value::Value;

use crate::{
    auth::{Principal, Scopes},
    graphql::{
        request::PreparedRequest,
        response::Shape,
        schema::AppSchema,
        validation::{PreparedDocument, select_operation},
    },
};

/// A subscription request that can be executed repeatedly.
pub(super) struct SharedRequest {
    pub(super) key: RequestKey,
    /// Under which failures are logged.
    pub(super) request_id: String,
    pub(super) schema: AppSchema,
    /// The subscriber who sent it. Subscribers with the same key have the same scopes.
    principal: Arc<Principal>,
    document: Arc<PreparedDocument>,
    operation_name: Option<String>,
    variables: Variables,
}

/// Identity of a request: requests with the same key have the same responses, from the same cursor on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct RequestKey {
    query: String,
    operation_name: Option<String>,
    scopes: Scopes,
    /// The variables as JSON, without the one that holds the cursor to start after.
    variables: String,
}

impl SharedRequest {
    /// Creates a shared request; returns `None` if the document has no such operation.
    pub(super) fn new(prepared: PreparedRequest, request_id: String) -> Option<Self> {
        let request = prepared.request;
        let document = &prepared.document.parsed;
        let operation = select_operation(document, request.operation_name.as_deref())?;
        let mut variables = request.variables.clone();
        if let Some(cursor) = cursor_variable(document, operation) {
            variables.remove(cursor);
        }
        let key = RequestKey {
            scopes: prepared.principal.scopes,
            query: request.query,
            operation_name: request.operation_name.clone(),
            // Variables come from JSON, so this cannot fail.
            variables: serde_json::to_string(&variables).unwrap_or_default(),
        };
        Some(Self {
            key,
            request_id,
            schema: prepared.schema,
            principal: prepared.principal,
            document: prepared.document,
            operation_name: request.operation_name,
            variables: request.variables,
        })
    }

    /// Creates a request to execute.
    pub(super) fn to_request(&self) -> Request {
        let mut request = Request::new(String::new()).variables(self.variables.clone());
        request.operation_name.clone_from(&self.operation_name);
        request.set_parsed_query(self.document.parsed.clone());
        request
            .data(Arc::clone(&self.principal))
            .data(self.document.encoding)
    }

    /// Returns the shape of the responses.
    pub(super) fn shape(&self) -> &Shape {
        &self.document.shape
    }
}

/// Returns the variable given as the argument `after` of the subscribed field, if it is used nowhere else.
fn cursor_variable<'a>(
    document: &'a ExecutableDocument,
    operation: &'a OperationDefinition,
) -> Option<&'a Name> {
    let Selection::Field(field) = &operation.selection_set.node.items.first()?.node else {
        return None;
    };
    let Value::Variable(name) = &field.node.get_argument("after")?.node else {
        return None;
    };
    let fragments = document.fragments.values().map(|fragment| &fragment.node);
    let uses: usize = fragments
        .map(|fragment| {
            uses_in_directives(name, &fragment.directives)
                + uses_in_selections(name, &fragment.selection_set.node)
        })
        .sum();
    let uses = uses
        + uses_in_directives(name, &operation.directives)
        + uses_in_selections(name, &operation.selection_set.node);
    (uses == 1).then_some(name)
}

fn uses_in_selections(name: &Name, selections: &SelectionSet) -> usize {
    let uses = selections.items.iter().map(|selection| {
        let (directives, nested) = match &selection.node {
            Selection::Field(field) => {
                let field = &field.node;
                let arguments = field.arguments.iter();
                let uses: usize = arguments
                    .map(|(_, value)| uses_in_value(name, &value.node))
                    .sum();
                let nested = uses_in_selections(name, &field.selection_set.node);
                (&field.directives, uses + nested)
            }
            Selection::InlineFragment(fragment) => {
                let nested = uses_in_selections(name, &fragment.node.selection_set.node);
                (&fragment.node.directives, nested)
            }
            Selection::FragmentSpread(spread) => (&spread.node.directives, 0),
        };
        uses_in_directives(name, directives) + nested
    });
    uses.sum()
}

fn uses_in_directives(name: &Name, directives: &[Positioned<Directive>]) -> usize {
    let arguments = directives
        .iter()
        .flat_map(|directive| &directive.node.arguments);
    arguments
        .map(|(_, value)| uses_in_value(name, &value.node))
        .sum()
}

fn uses_in_value(name: &Name, value: &Value) -> usize {
    match value {
        Value::Variable(variable) => usize::from(variable == name),
        Value::List(values) => values.iter().map(|value| uses_in_value(name, value)).sum(),
        Value::Object(fields) => fields
            .values()
            .map(|value| uses_in_value(name, value))
            .sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    fn variable(query: &str) -> Option<String> {
        let document = parse_query(query).unwrap();
        let operation = select_operation(&document, None).unwrap();
        cursor_variable(&document, operation).map(ToString::to_string)
    }

    #[test]
    fn the_cursor_variable_is_the_one_given_as_after_and_nowhere_else() {
        let found = |query| variable(query).as_deref() == Some("a");
        assert!(found(
            "subscription($a: String) { changes(after: $a) { id } }"
        ));
        assert!(found(
            "subscription($a: String, $ab: Int) { changes(after: $a, first: $ab) { id # $a
            } }"
        ));
        for query in [
            "subscription { changes { id } }",
            "subscription { changes(after: \"$a\") { id } }",
            "subscription($a: String) { changes(first: $a) { id } }",
            "subscription($a: String) { changes(after: $a, filter: {text: [$a]}) { id } }",
            "subscription($a: String) { changes(after: $a) { runs { list(after: $a) { id } } } }",
            "subscription($a: String) { changes(after: $a) { id @include(if: $a) } }",
            "subscription($a: String) { changes(after: $a) { ... on T @skip(if: $a) { id } } }",
            "subscription($a: String) { changes(after: $a) { ...F } }
            fragment F on T { list(after: $a) { id } }",
            "subscription($a: String) @live(if: $a) { changes(after: $a) { id } }",
        ] {
            assert_eq!(variable(query), None, "{query}");
        }
    }
}
