//! Introspection, executed by apollo-compiler on the schema's SDL.

use apollo_compiler::{
    ExecutableDocument, Name, Node, Schema,
    collections::HashMap,
    executable::{Field, Operation, Selection, SelectionSet},
    introspection::partial_execute,
    response::{GraphQLError, JsonMap, JsonValue, ResponseDataPathSegment},
    schema::Implementers,
    validation::Valid,
};
use async_graphql::{PathSegment, Pos, ServerError, Value, Variables};

use super::{convert::is_introspection, locations::Locations};
use crate::graphql::{
    error::{ErrorCode, request_error},
    response::Shape,
};

/// The field of `__Type` that apollo-compiler does not execute.
const IS_ONE_OF: &str = "isOneOf";

/// The results of introspection.
#[derive(Clone, Debug, Default)]
pub(in crate::graphql) struct Results {
    /// By response key.
    pub(in crate::graphql) data: Vec<(String, Value)>,
    pub(in crate::graphql) errors: Vec<ServerError>,
}

/// Memory of the result of an introspection field, in fields of a prepared document.
const RESULT_SIZE: usize = 100;

/// Returns the memory of the results of a selection, in fields of a prepared document.
pub(super) fn result_size(set: &SelectionSet) -> usize {
    set.fields().filter(|field| is_introspection(field)).count() * RESULT_SIZE
}

/// Executes the fields `__schema` and `__type` of operations.
pub(super) struct Introspection {
    implementers: HashMap<Name, Implementers>,
    is_enabled: bool,
}

impl Introspection {
    pub(super) fn new(schema: &Schema, is_enabled: bool) -> Self {
        Self {
            implementers: schema.implementers_map(),
            is_enabled,
        }
    }

    /// Returns the introspection fields of a normalised operation by response key, as JSON.
    pub(super) fn execute(
        &self,
        schema: &Valid<Schema>,
        operation: &Operation,
        variables: &Variables,
        locations: &Locations,
    ) -> Result<Results, ServerError> {
        let fields = || {
            operation
                .selection_set
                .fields()
                .filter(|field| is_introspection(field))
        };
        let Some(first) = fields().next() else {
            return Ok(Results::default());
        };
        let error = |message: String| {
            let pos = locations.pos(first.location());
            request_error(ErrorCode::BadInput, message, pos)
        };
        if !self.is_enabled {
            return Err(error("introspection is disabled".to_owned()));
        }
        let variables = serde_json::to_vec(variables)
            .and_then(|json| serde_json::from_slice::<JsonMap>(&json))
            .map_err(|problem| error(problem.to_string()))?;
        let mut executable = operation.clone();
        let selections = &mut executable.selection_set.selections;
        selections.retain(|selection| {
            selection
                .as_field()
                .is_some_and(|field| is_introspection(field))
        });
        replace_is_one_of(&mut executable.selection_set, schema);
        let response = partial_execute(
            schema,
            &self.implementers,
            Valid::assume_valid_ref(&ExecutableDocument::new()),
            &executable,
            Valid::assume_valid_ref(&variables),
        );
        let response = response.map_err(|problem| error(problem.message().to_string()))?;
        let mut data = response.data.unwrap_or_default();
        let results = fields().filter_map(|field| {
            let key = field.response_key().as_str();
            let value = data.get_mut(key)?;
            set_is_one_of(value, &field.selection_set);
            Some((key.to_owned(), encode(value, &field.selection_set)?))
        });
        Ok(Results {
            data: results.collect(),
            errors: response.errors.into_iter().map(field_error).collect(),
        })
    }
}

/// Converts a result, to JSON if nothing in it has to be removed.
fn encode(value: &JsonValue, set: &SelectionSet) -> Option<Value> {
    if Shape::is_final(set) {
        return Some(Value::Binary(serde_json::to_vec(value).ok()?.into()));
    }
    Value::from_json(serde_json::to_value(value).ok()?).ok()
}

/// Converts the error of an introspection field.
fn field_error(error: GraphQLError) -> ServerError {
    let path = error.path.into_iter().map(|segment| match segment {
        ResponseDataPathSegment::Field(name) => PathSegment::Field(name.to_string()),
        ResponseDataPathSegment::ListIndex(index) => PathSegment::Index(index),
    });
    let pos = error.locations.first().map(|location| Pos {
        line: location.line,
        column: location.column,
    });
    request_error(ErrorCode::BadInput, error.message, pos).with_path(path.collect())
}

/// Replaces `isOneOf` by `kind` under the same response key.
fn replace_is_one_of(set: &mut SelectionSet, schema: &Schema) {
    for selection in &mut set.selections {
        if let Selection::Field(field) = selection {
            let field = Node::make_mut(field);
            if is_one_of(field) {
                field.alias = Some(field.response_key().clone());
                if let Ok(kind) = schema.type_field("__Type", "kind") {
                    field.name = kind.name.clone();
                    field.definition = kind.node.clone();
                }
            }
            replace_is_one_of(&mut field.selection_set, schema);
        }
    }
}

fn is_one_of(field: &Field) -> bool {
    field.name == IS_ONE_OF
}

/// Sets `isOneOf` in a result, which holds `kind` in its place: it is false for input objects, and null
/// for others.
fn set_is_one_of(value: &mut JsonValue, set: &SelectionSet) {
    match value {
        JsonValue::Array(items) => items.iter_mut().for_each(|item| set_is_one_of(item, set)),
        JsonValue::Object(object) => {
            for field in set.fields() {
                let Some(value) = object.get_mut(field.response_key().as_str()) else {
                    continue;
                };
                if is_one_of(field) {
                    let is_input_object = value.as_str() == Some("INPUT_OBJECT");
                    *value = if is_input_object {
                        false.into()
                    } else {
                        JsonValue::Null
                    };
                } else {
                    set_is_one_of(value, &field.selection_set);
                }
            }
        }
        _ => {}
    }
}
