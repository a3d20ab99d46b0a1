//! What is asked by a subscription, and by which of them the same.

use std::sync::Arc;

use async_graphql::{
    Request, Variables,
    parser::types::{ExecutableDocument, OperationDefinition, Selection},
};

use crate::{
    auth::{Principal, Scopes},
    graphql::{
        request::PreparedRequest,
        schema::AppSchema,
        validation::{PreparedDocument, select_operation},
    },
};

/// A subscription that may be executed, any number of times.
pub(super) struct SharedRequest {
    pub(super) key: Key,
    /// Under which failures are logged.
    pub(super) request_id: String,
    pub(super) known: Arc<PreparedDocument>,
    pub(super) schema: AppSchema,
    /// As good as any other who asks it: their rights are the same.
    principal: Arc<Principal>,
    operation_name: Option<String>,
    variables: Variables,
    document: ExecutableDocument,
}

/// What tells them apart: those with the same key get the same responses from the same place on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    text: String,
    operation_name: Option<String>,
    scopes: Scopes,
    /// As JSON, but for the one that holds the place to begin at.
    variables: String,
}

impl SharedRequest {
    /// None if the request holds no document that can be read, or not the operation it names.
    pub(super) fn of(prepared: PreparedRequest, request_id: String) -> Option<Self> {
        let mut request = prepared.request;
        let document = request.parsed_query().ok()?.clone();
        let operation = select_operation(&document, request.operation_name.as_deref())?;
        let mut variables = request.variables.clone();
        if let Some(place) = variable_of_after(operation, &request.query) {
            variables.remove(place.as_str());
        }
        let key = Key {
            scopes: prepared.principal.scopes,
            text: request.query,
            operation_name: request.operation_name.clone(),
            // What came as JSON can be written as such.
            variables: serde_json::to_string(&variables).unwrap_or_default(),
        };
        Some(Self {
            key,
            request_id,
            known: prepared.document,
            schema: prepared.schema,
            principal: prepared.principal,
            operation_name: request.operation_name,
            variables: request.variables,
            document,
        })
    }

    /// A request that asks it once more.
    pub(super) fn request(&self) -> Request {
        let mut request = Request::new(String::new()).variables(self.variables.clone());
        request.operation_name.clone_from(&self.operation_name);
        request.set_parsed_query(self.document.clone());
        request
            .data(Arc::clone(&self.principal))
            .data(self.known.encoding)
    }
}

/// The variable that the client gives as `after`, if it is used for nothing else.
fn variable_of_after(operation: &OperationDefinition, text: &str) -> Option<String> {
    let item = operation.selection_set.node.items.first()?;
    let Selection::Field(field) = &item.node else {
        return None;
    };
    let after = field.node.get_argument("after")?;
    // As it is written, since the library does not give the type of a value a name to match by.
    let written = after.node.to_string();
    let name = written.strip_prefix('$')?;
    // A blank may stand between; who writes so is not counted with others.
    if text
        .match_indices('$')
        .any(|(at, _)| !text[at + 1..].starts_with(|c: char| c.is_alphabetic() || c == '_'))
    {
        return None;
    }
    let goes_on = |rest: &str| rest.starts_with(|next: char| next.is_alphanumeric() || next == '_');
    let uses = text
        .match_indices(&written)
        .filter(|(at, _)| !goes_on(&text[at + written.len()..]));
    // Where it is declared, and there.
    (uses.count() == 2).then(|| name.to_owned())
}
