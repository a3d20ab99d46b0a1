//! Order and null propagation of response fields, as the GraphQL specification requires.
//!
//! async-graphql returns fields in the order in which they were resolved, omits a field that failed,
//! whatever its type, and returns null for an object of which all fields failed. The specification
//! requires the order of the request, and replaces the nearest nullable ancestor of a failed non-null
//! field by null. A [`Shape`] describes the response to a normalised operation; it is derived before
//! execution and applied to each response.

use std::collections::HashMap;

use apollo_compiler::{
    Schema,
    ast::Type,
    executable::{Selection, SelectionSet},
    schema::ExtendedType,
};
use async_graphql::{Name, PathSegment, Response, ServerError, Value, indexmap::IndexMap};
use bytes::Bytes;

use crate::graphql::error::{ErrorCode, request_error};

/// The response key of fields that are selected for execution only. No alias can have this name.
pub(in crate::graphql) const HIDDEN_KEY: &str = "";

/// The response key that marks an object whose fields could not be collected.
pub(in crate::graphql) const FAILED_KEY: &str = "!";

/// The shape of a response.
#[derive(Debug)]
pub(in crate::graphql) struct Shape {
    root: Object,
    /// Whether an object may have [`FAILED_KEY`].
    may_fail: bool,
}

/// The fields of a response object, in order.
type Object = IndexMap<Name, Field>;

/// A response field.
#[derive(Debug)]
struct Field {
    ty: Type,
    value: Composite,
}

/// The value of a field, or of each item if it is a list.
#[derive(Debug)]
enum Composite {
    Leaf,
    Object(Object),
    /// An object of one of several types. It has the name of its type under [`HIDDEN_KEY`].
    Abstract(HashMap<String, Object>),
}

impl Shape {
    /// Derives the shape of the response to a normalised operation.
    pub(in crate::graphql) fn new(set: &SelectionSet, schema: &Schema) -> Self {
        Self {
            root: object(set, schema),
            may_fail: selects(set, FAILED_KEY),
        }
    }

    /// Returns whether a result of a normalised selection is the response, if its fields are in order.
    pub(in crate::graphql) fn is_final(set: &SelectionSet) -> bool {
        !selects(set, HIDDEN_KEY) && !selects(set, FAILED_KEY)
    }

    /// Orders the fields of a response, and propagates the nulls of failed fields.
    pub(in crate::graphql) fn apply(&self, response: &mut Response) {
        let Response { data, errors, .. } = response;
        if *data == Value::Null {
            // All fields failed or are answered by introspection.
            *data = Value::Object(IndexMap::new());
        }
        if self.may_fail {
            find_failed(data, &mut Vec::new(), errors);
        }
        if errors.iter().any(|error| error.path.is_empty()) {
            // The root has failed. This is not [`Value::Null`], which stands for a rejected request.
            *data = Value::Binary(Bytes::from_static(b"null"));
            return;
        }
        let failed = || errors.iter().map(|error| &error.path[..]);
        failed().for_each(|path| restore_in(&self.root, data, path));
        if failed().any(|path| nullify_in(&self.root, data, path)) {
            *data = Value::Null;
        }
        sort_object(&self.root, data);
    }
}

fn object(set: &SelectionSet, schema: &Schema) -> Object {
    let fields = set
        .fields()
        .filter(|field| !matches!(field.response_key().as_str(), HIDDEN_KEY | FAILED_KEY));
    let fields = fields.map(|field| {
        let field_shape = Field {
            ty: field.definition.ty.clone(),
            value: composite(&field.selection_set, schema),
        };
        (Name::new(field.response_key()), field_shape)
    });
    fields.collect()
}

/// Returns whether a normalised selection has a response key.
fn selects(set: &SelectionSet, key: &str) -> bool {
    set.selections.iter().any(|selection| match selection {
        Selection::Field(field) => {
            field.response_key() == key || selects(&field.selection_set, key)
        }
        Selection::InlineFragment(fragment) => selects(&fragment.selection_set, key),
        Selection::FragmentSpread(_) => false,
    })
}

/// Adds an error for each object with [`FAILED_KEY`].
fn find_failed(value: &Value, path: &mut Vec<PathSegment>, errors: &mut Vec<ServerError>) {
    match value {
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push(PathSegment::Index(index));
                find_failed(item, path, errors);
                path.pop();
            }
        }
        Value::Object(fields) if fields.contains_key(FAILED_KEY) => {
            let message = "a condition of @skip or @include is null; expected Boolean!";
            let error = request_error(ErrorCode::BadInput, message, None);
            errors.push(error.with_path(path.clone()));
        }
        Value::Object(fields) => {
            for (key, value) in fields {
                path.push(PathSegment::Field(key.to_string()));
                find_failed(value, path, errors);
                path.pop();
            }
        }
        _ => {}
    }
}

fn composite(set: &SelectionSet, schema: &Schema) -> Composite {
    match schema.types.get(&set.ty) {
        Some(ExtendedType::Object(_)) => Composite::Object(object(set, schema)),
        Some(ExtendedType::Interface(_) | ExtendedType::Union(_)) => {
            let types = set
                .selections
                .iter()
                .filter_map(|selection| match selection {
                    Selection::InlineFragment(fragment) => {
                        let set = &fragment.selection_set;
                        Some((set.ty.to_string(), object(set, schema)))
                    }
                    _ => None,
                });
            Composite::Abstract(types.collect())
        }
        _ => Composite::Leaf,
    }
}

impl Composite {
    /// Returns the shape of an object; `None` if it is not one, or is encoded already.
    fn object_of(&self, value: &Value) -> Option<&Object> {
        match self {
            Self::Leaf => None,
            Self::Object(object) => Some(object),
            Self::Abstract(types) => match value {
                Value::Object(fields) => match fields.get(HIDDEN_KEY) {
                    Some(Value::String(name)) => types.get(name),
                    _ => None,
                },
                _ => None,
            },
        }
    }

    /// Sorts the fields of an object, or of all objects in a list.
    fn sort(&self, value: &mut Value) {
        if let Value::List(items) = value {
            for item in items {
                self.sort(item);
            }
        } else if let Some(object) = self.object_of(value) {
            sort_object(object, value);
        }
    }

    /// Restores what async-graphql omits on the path to a failed field.
    fn restore(&self, value: &mut Value, path: &[PathSegment]) {
        match (value, path) {
            (Value::List(items), [PathSegment::Index(index), rest @ ..]) => {
                if let Some(item) = items.get_mut(*index) {
                    self.restore(item, rest);
                }
            }
            (value, path) => {
                if let Some(object) = self.object_of(value) {
                    restore_in(object, value, path);
                }
            }
        }
    }

    /// Sets the nearest nullable ancestor of the failed field at `path` to null, in a value of the type
    /// `ty`. Returns true if that is the value itself or an ancestor of it.
    fn nullify(&self, value: &mut Value, ty: &Type, path: &[PathSegment]) -> bool {
        match (value, path) {
            (Value::Null, _) | (_, []) => true,
            (Value::List(items), [PathSegment::Index(index), rest @ ..]) => {
                let inner = ty.item_type();
                let Some(item) = items.get_mut(*index) else {
                    return true;
                };
                let is_null = self.nullify(item, inner, rest);
                if is_null {
                    *item = Value::Null;
                }
                is_null && inner.is_non_null()
            }
            (value, path) => match self.object_of(value) {
                Some(object) => nullify_in(object, value, path),
                None => false,
            },
        }
    }
}

/// Restores the failed field at `path`, and its object if all fields of it failed.
fn restore_in(object: &Object, value: &mut Value, path: &[PathSegment]) {
    let [PathSegment::Field(key), rest @ ..] = path else {
        return;
    };
    if *value == Value::Null {
        *value = Value::Object(IndexMap::new());
    }
    if let (Value::Object(fields), Some(field)) = (value, object.get(key.as_str())) {
        let value = fields.entry(Name::new(key)).or_insert(Value::Null);
        field.value.restore(value, rest);
    }
}

/// Sets the nearest nullable ancestor of the failed field at `path` to null. Returns true if that is the
/// object itself or an ancestor of it.
fn nullify_in(object: &Object, value: &mut Value, path: &[PathSegment]) -> bool {
    let (Value::Object(fields), [PathSegment::Field(key), rest @ ..]) = (value, path) else {
        return false;
    };
    let (Some(field), Some(value)) = (object.get(key.as_str()), fields.get_mut(key.as_str()))
    else {
        return false;
    };
    let is_null = field.value.nullify(value, &field.ty, rest);
    if is_null {
        *value = Value::Null;
    }
    is_null && field.ty.is_non_null()
}

/// Sorts the fields of an object, and removes the hidden one.
fn sort_object(object: &Object, value: &mut Value) {
    let Value::Object(fields) = value else {
        return;
    };
    fields.shift_remove(HIDDEN_KEY);
    if !fields.keys().eq(object.keys()) {
        let index = |key: &Name| object.get_index_of(key);
        fields.sort_by(|one, _, other, _| index(one).cmp(&index(other)));
    }
    for (key, value) in fields {
        if let Some(field) = object.get(key) {
            field.value.sort(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use apollo_compiler::ExecutableDocument;
    use async_graphql::{Pos, value};

    use super::*;

    const SCHEMA: &str = "type Query { run: Run must: Run! } interface Node { id: ID! }
        type Run implements Node { id: ID! name: String self: Run me: Run! all: [Run!]! some: [Run] }";

    /// Applies the shape of `query` to `data`, with errors at the paths `failed`.
    fn shaped(query: &str, data: Value, failed: &[&str]) -> Value {
        let schema = Schema::parse_and_validate(SCHEMA, "schema").unwrap();
        let document = ExecutableDocument::parse_and_validate(&schema, query, "query").unwrap();
        let mut response = Response::new(data);
        response.errors = failed
            .iter()
            .map(|path| {
                let segments = path.split('.').map(|segment| match segment.parse() {
                    Ok(index) => PathSegment::Index(index),
                    Err(_) => PathSegment::Field(segment.to_owned()),
                });
                ServerError::new("failed", Some(Pos::default())).with_path(segments.collect())
            })
            .collect();
        let operation = document.operations.get(None).unwrap();
        Shape::new(&operation.selection_set, &schema).apply(&mut response);
        response.data
    }

    #[test]
    fn fields_have_the_order_of_the_request() {
        let query = "query { b: run { name me { name id } id } a: run { id name } }";
        let data = value!({
            "a": {"name": "x", "id": 1},
            "b": {"id": 1, "me": {"id": 2, "name": "y"}, "name": "x"},
        });
        assert_eq!(
            shaped(query, data, &[]).to_string(),
            r#"{b: {name: "x", me: {name: "y", id: 2}, id: 1}, a: {id: 1, name: "x"}}"#
        );
    }

    #[test]
    fn a_failed_nullable_field_is_null() {
        let query = "{ run { name id } }";
        let data = value!({"run": {"id": 1}});
        assert_eq!(
            shaped(query, data, &["run.name"]).to_string(),
            "{run: {name: null, id: 1}}"
        );
        assert_eq!(
            shaped("{ run { id } }", Value::Null, &["run"]),
            value!({"run": null})
        );
    }

    #[test]
    fn a_failed_non_null_field_nullifies_its_nearest_nullable_ancestor() {
        let query = "{ run { self { me { id } } id } }";
        let data = value!({"run": {"self": {"me": null}, "id": 1}});
        assert_eq!(
            shaped(query, data, &["run.self.me.id"]),
            value!({"run": {"self": null, "id": 1}})
        );
        let data = value!({"must": {"id": 1}, "run": {"id": 1}});
        let query = "{ must { id me { id } } run { id } }";
        assert_eq!(shaped(query, data, &["must.me"]), Value::Null);
    }

    #[test]
    fn a_failed_list_item_nullifies_the_list_only_if_items_are_non_null() {
        let query = "{ run { all { id } some { id } } }";
        let data = || value!({"run": {"all": [{"id": 1}, null], "some": [null, {"id": 1}]}});
        assert_eq!(
            shaped(query, data(), &["run.some.0.id"]),
            value!({"run": {"all": [{"id": 1}, null], "some": [null, {"id": 1}]}})
        );
        assert_eq!(
            shaped(query, data(), &["run.all.1.id"]),
            value!({"run": null})
        );
    }
}
