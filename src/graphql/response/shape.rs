//! Order and null propagation of response fields, as the GraphQL specification requires.
//!
//! async-graphql returns fields in the order in which they were resolved, and omits a field that failed,
//! whatever its type. The specification requires the order of the request, and replaces the nearest
//! nullable ancestor of a failed non-null field by null. A [`Shape`] describes the response to a
//! document; it is derived before execution and applied to each response.

use std::collections::HashSet;

use async_graphql::{
    Name, PathSegment, Response, Value,
    indexmap::IndexMap,
    parser::types::{
        BaseType, ExecutableDocument, OperationDefinition, Selection, SelectionSet, Type,
    },
};

use crate::graphql::schema_types::{FieldTypes, named_type, root_type};

/// The fields of a response object, in order.
#[derive(Debug, Default)]
pub(in crate::graphql) struct Shape(IndexMap<Name, Field>);

/// A response field.
#[derive(Debug)]
struct Field {
    /// `None` for fields of introspection types, which the SDL does not define.
    ty: Option<Type>,
    /// The shape of the object, or of each object in the list.
    shape: Shape,
    /// Several selections are merged into the object.
    is_merged: bool,
}

impl Field {
    fn sort(&self, value: &mut Value) {
        if !self.shape.0.is_empty() {
            self.shape.sort(value);
        }
    }
}

/// A selection set with the name of its type.
type TypedSelection<'a> = (&'a SelectionSet, &'a str);

impl Shape {
    /// Derives the shape of the response to an operation of `document`; empty if there is no operation.
    pub(in crate::graphql) fn new(
        document: &ExecutableDocument,
        operation: Option<&OperationDefinition>,
        types: &FieldTypes,
    ) -> Self {
        let Some(operation) = operation else {
            return Self::default();
        };
        let selection = (&operation.selection_set.node, root_type(operation.ty));
        Self::merged(document, types, vec![selection])
    }

    /// Merges several selections of one object. Each fragment is visited once.
    fn merged<'a>(
        document: &'a ExecutableDocument,
        types: &'a FieldTypes,
        selections: Vec<TypedSelection<'a>>,
    ) -> Self {
        let mut fields: IndexMap<Name, (Option<&Type>, Vec<TypedSelection<'a>>)> = IndexMap::new();
        let mut seen = HashSet::new();
        // A stack: the first item comes last.
        let mut pending: Vec<_> = selections.into_iter().rev().flat_map(items).collect();
        while let Some((selection, parent)) = pending.pop() {
            match selection {
                Selection::Field(field) => {
                    let ty = types.get(parent, &field.node.name.node);
                    let key = field.node.response_key().node.clone();
                    let inner = (&field.node.selection_set.node, ty.map_or("", named_type));
                    fields.entry(key).or_insert((ty, Vec::new())).1.push(inner);
                }
                Selection::InlineFragment(fragment) => {
                    let condition = fragment.node.type_condition.as_ref();
                    let on = condition.map_or(parent, |condition| condition.node.on.node.as_str());
                    pending.extend(items((&fragment.node.selection_set.node, on)));
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    if let Some(fragment) = document.fragments.get(name)
                        && seen.insert(name)
                    {
                        let on = fragment.node.type_condition.node.on.node.as_str();
                        pending.extend(items((&fragment.node.selection_set.node, on)));
                    }
                }
            }
        }
        let fields = fields.into_iter().map(|(key, (ty, selections))| {
            let several = selections.len() > 1;
            let shape = Self::merged(document, types, selections);
            let is_merged = several && !shape.0.is_empty() || shape.is_merged();
            let ty = ty.cloned();
            let field = Field {
                ty,
                shape,
                is_merged,
            };
            (key, field)
        });
        Self(fields.collect())
    }

    /// Returns whether several selections are merged into any object of the response.
    pub(in crate::graphql) fn is_merged(&self) -> bool {
        self.0.values().any(|field| field.is_merged)
    }

    /// Orders the fields of a response, and propagates the nulls of failed fields.
    pub(in crate::graphql) fn apply(&self, response: &mut Response) {
        // async-graphql returns null if all fields failed or were skipped.
        if response.data == Value::Null {
            response.data = Value::Object(IndexMap::new());
        }
        for error in &response.errors {
            if !error.path.is_empty() && self.nullify(&mut response.data, &error.path) {
                response.data = Value::Null;
            }
        }
        self.sort(&mut response.data);
    }

    /// Sets the failed field at `path` to null. Returns true if the object itself must become null.
    fn nullify(&self, object: &mut Value, path: &[PathSegment]) -> bool {
        let (Value::Object(fields), [PathSegment::Field(key), rest @ ..]) = (object, path) else {
            return false;
        };
        let Some(field) = self.0.get(key.as_str()) else {
            return false;
        };
        let is_null = match fields.get_mut(key.as_str()) {
            None | Some(Value::Null) => true,
            Some(value) => field.shape.nullify_value(value, field.ty.as_ref(), rest),
        };
        if is_null && is_nullable(field.ty.as_ref()) {
            fields.insert(Name::new(key), Value::Null);
            return false;
        }
        is_null
    }

    /// Does the same in a field's value, an object or a list of objects of this shape.
    fn nullify_value(&self, value: &mut Value, ty: Option<&Type>, path: &[PathSegment]) -> bool {
        match (value, path) {
            (Value::List(items), [PathSegment::Index(index), rest @ ..]) => {
                let inner = ty.and_then(|ty| match &ty.base {
                    BaseType::List(inner) => Some(inner.as_ref()),
                    BaseType::Named(_) => None,
                });
                let Some(item) = items.get_mut(*index) else {
                    return true;
                };
                let is_null = *item == Value::Null || self.nullify_value(item, inner, rest);
                if is_null && is_nullable(inner) {
                    *item = Value::Null;
                    return false;
                }
                is_null
            }
            (value, path) => self.nullify(value, path),
        }
    }

    /// Sorts the fields of an object, or of all objects in a list.
    fn sort(&self, value: &mut Value) {
        match value {
            Value::List(items) => items.iter_mut().for_each(|item| self.sort(item)),
            Value::Object(fields) => {
                if fields.keys().eq(self.0.keys()) {
                    // The common case needs no lookups.
                    for (field, value) in self.0.values().zip(fields.values_mut()) {
                        field.sort(value);
                    }
                } else {
                    let index = |key: &Name| self.0.get_index_of(key);
                    fields.sort_by(|one, _, other, _| index(one).cmp(&index(other)));
                    for (key, value) in fields {
                        if let Some(field) = self.0.get(key) {
                            field.sort(value);
                        }
                    }
                }
            }
            _ => {}
        }
    }
}

/// Returns the items of a selection in reverse order.
fn items((selection, on): TypedSelection<'_>) -> impl Iterator<Item = (&Selection, &str)> {
    selection
        .items
        .iter()
        .rev()
        .map(move |item| (&item.node, on))
}

fn is_nullable(ty: Option<&Type>) -> bool {
    ty.is_none_or(|ty| ty.nullable)
}

#[cfg(test)]
mod tests {
    use async_graphql::{Pos, ServerError, value};

    use super::*;

    const SCHEMA: &str = "type Query { run: Run must: Run! } interface Node { id: ID! }
        type Run implements Node { id: ID! name: String self: Run me: Run! all: [Run!]! some: [Run] }";

    /// Applies the shape of `query` to `data`, with errors at the paths `failed`.
    fn shaped(query: &str, data: Value, failed: &[&str]) -> Value {
        let document = async_graphql::parser::parse_query(query).unwrap();
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
        let (_, operation) = document.operations.iter().next().unwrap();
        let types = FieldTypes::from_sdl(SCHEMA);
        Shape::new(&document, Some(&operation.node), &types).apply(&mut response);
        response.data
    }

    #[test]
    fn fields_have_the_order_of_the_request() {
        let query = "query { b: run { ...F id } a: run { id ... on Run { name } } }
            fragment F on Run { name me { name id } }";
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
