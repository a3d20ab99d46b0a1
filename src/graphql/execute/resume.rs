//! Subscriptions over a transport that resumes by itself. An event stream tells with each message
//! where it stands, and a client that lost it comes back with what it was told last. So the place is
//! selected whether or not the client selects it, taken out of the answer again, and what the client
//! comes back with stands in for `after`.

use async_graphql::{
    Name, Pos, Positioned, Request, Response, Value,
    parser::types::{Field, OperationType, Selection, SelectionSet},
};

use super::document::operation_mut;

/// What the place is selected as; no name of the schema's.
const ALIAS: &str = "__resume";

/// Makes a subscription tell its place with each response, and begin behind `last` if there is one.
pub(super) fn make_resumable(request: &mut Request, last: Option<&str>) {
    let name = request.operation_name.clone();
    let Ok(mut document) = request.parsed_query().cloned() else {
        return;
    };
    let operation = operation_mut(&mut document, name.as_deref());
    let Some(operation) = operation.filter(|operation| operation.ty == OperationType::Subscription)
    else {
        return;
    };
    for item in &mut operation.selection_set.node.items {
        if let Selection::Field(field) = &mut item.node {
            if let Some(last) = last {
                begin_behind(&mut field.node, request, last);
            }
            field.node.selection_set.node.items.push(place());
        }
    }
    request.set_parsed_query(document);
}

/// Puts `last` where the client's `after` stands, be that a variable, a value, or nothing.
fn begin_behind(field: &mut Field, request: &mut Request, last: &str) {
    let last = Value::String(last.to_owned());
    let given = field
        .arguments
        .iter_mut()
        .find(|(name, _)| name.node == "after");
    let Some((_, value)) = given else {
        let value = Positioned::new(last.into_value(), Pos::default());
        field.arguments.push((new("after"), value));
        return;
    };
    // As it is written, since the library does not give the type of a value a name to match by.
    match value.node.to_string().strip_prefix('$') {
        Some(variable) => {
            request.variables.insert(Name::new(variable), last);
        }
        None => value.node = last.into_value(),
    }
}

fn place() -> Positioned<Selection> {
    let field = Field {
        alias: Some(new(ALIAS)),
        name: new("cursor"),
        arguments: Vec::new(),
        directives: Vec::new(),
        selection_set: Positioned::new(SelectionSet::default(), Pos::default()),
    };
    let field = Positioned::new(field, Pos::default());
    Positioned::new(Selection::Field(field), Pos::default())
}

fn new(name: &str) -> Positioned<Name> {
    Positioned::new(Name::new(name), Pos::default())
}

/// Takes the place out of a response of a subscription that was made resumable.
pub fn take_place(response: &mut Response) -> Option<String> {
    let Value::Object(fields) = &mut response.data else {
        return None;
    };
    let (_, Value::Object(change)) = fields.first_mut()? else {
        return None;
    };
    match change.shift_remove(ALIAS) {
        Some(Value::String(place)) => Some(place),
        _ => None,
    }
}
