//! Selection of the operation to execute.

use async_graphql::parser::types::{DocumentOperations, ExecutableDocument, OperationDefinition};

/// Returns the operation that a request selects by `name`, or `None` if there is no such operation.
///
/// Without a name, a document of several operations yields any of them; execution rejects the request.
pub(in crate::graphql) fn select_operation<'a>(
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
