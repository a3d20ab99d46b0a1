//! Subscription requests, and what makes two of them identical.

use std::sync::Arc;

use async_graphql::{
    Name, Positioned, Request, Variables,
    parser::types::{Field, Selection, SelectionSet},
};
use async_graphql_value::Value;

use crate::{
    auth::{Principal, Scopes},
    graphql::{
        lossy_numbers::LossyNumbers, request::PreparedRequest, response::Shape, schema::AppSchema,
        validation::PreparedDocument,
    },
    request_id::RequestId,
};

/// The subscription to freshness.
const FRESHNESS: &str = "syncFreshnessChanged";

/// A subscription request that can be executed repeatedly.
pub(super) struct SharedRequest {
    pub(super) key: RequestKey,
    /// Under which failures are logged.
    pub(super) request_id: Option<RequestId>,
    pub(super) schema: AppSchema,
    /// The subscriber who sent it. Subscribers with the same key have the same scopes.
    principal: Arc<Principal>,
    lossy_numbers: Arc<LossyNumbers>,
    document: Arc<PreparedDocument>,
    variables: Variables,
}

/// Identity of a request: requests with the same key have the same responses, from the same cursor on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct RequestKey {
    /// The normalised operation.
    operation: String,
    scopes: Scopes,
    /// The variables as JSON, without the one that holds the cursor to start after.
    variables: String,
    /// Whether numbers of the request are not exact, which the variables do not show.
    has_lossy_numbers: bool,
}

impl SharedRequest {
    pub(super) fn new(schema: AppSchema, prepared: PreparedRequest) -> Self {
        let document = prepared.document;
        let variables = prepared.variables;
        let mut key_variables = variables.clone();
        if let Some(cursor) = document.root_selection().and_then(cursor_variable) {
            key_variables.remove(cursor);
        }
        let key = RequestKey {
            operation: document.text(),
            scopes: prepared.principal.scopes,
            // Variables come from JSON, so this cannot fail.
            variables: serde_json::to_string(&key_variables).unwrap_or_default(),
            has_lossy_numbers: !prepared.lossy_numbers.is_empty(),
        };
        Self {
            key,
            request_id: RequestId::current(),
            schema,
            principal: prepared.principal,
            lossy_numbers: prepared.lossy_numbers,
            document,
            variables,
        }
    }

    /// Returns the id of the subscriber who sent it.
    pub(super) fn user(&self) -> Arc<str> {
        Arc::clone(&self.principal.id)
    }

    /// Creates a request to execute.
    pub(super) fn to_request(&self) -> Request {
        let request = self.document.to_request(&self.variables);
        request
            .data(Arc::clone(&self.principal))
            .data(Arc::clone(&self.lossy_numbers))
    }

    /// Returns whether it subscribes to freshness.
    pub(super) fn is_freshness(&self) -> bool {
        let root = self.document.root_selection();
        let field = root.and_then(|root| root.items.iter().find_map(as_field));
        field.is_some_and(|field| field.name.node == FRESHNESS)
    }

    /// Returns the shape of the responses.
    pub(super) fn shape(&self) -> &Shape {
        &self.document.shape
    }
}

/// Returns the variable given as the argument `after` of the subscribed field, if it is used nowhere else.
fn cursor_variable(root: &SelectionSet) -> Option<&Name> {
    let field = root.items.iter().find_map(as_field)?;
    let Value::Variable(name) = &field.get_argument("after")?.node else {
        return None;
    };
    (uses_in_selections(name, root) == 1).then_some(name)
}

fn as_field(selection: &Positioned<Selection>) -> Option<&Field> {
    match &selection.node {
        Selection::Field(field) => Some(&field.node),
        _ => None,
    }
}

fn uses_in_selections(name: &Name, selections: &SelectionSet) -> usize {
    let uses = selections
        .items
        .iter()
        .map(|selection| match &selection.node {
            Selection::Field(field) => {
                let field = &field.node;
                let arguments = field.arguments.iter();
                let uses: usize = arguments
                    .map(|(_, value)| uses_in_value(name, &value.node))
                    .sum();
                uses + uses_in_selections(name, &field.selection_set.node)
            }
            Selection::InlineFragment(fragment) => {
                uses_in_selections(name, &fragment.node.selection_set.node)
            }
            Selection::FragmentSpread(_) => 0,
        });
    uses.sum()
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
        let (_, operation) = document.operations.iter().next().unwrap();
        cursor_variable(&operation.node.selection_set.node).map(ToString::to_string)
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
            "subscription($a: String) { changes(after: $a) { ... on T { list(after: $a) { id } } } }",
            "subscription($a: String) { changes(after: $a) { runs { list(after: $a) { id } } } }",
        ] {
            assert_eq!(variable(query), None, "{query}");
        }
    }
}
