//! Answers in the shape that the specification gives them.
//!
//! The library answers fields in the order in which they were resolved, and leaves out a field that
//! failed, whatever its type. Clients are promised the order of the request, and that a field which
//! may not be null is either there or takes its parent with it, up to the next that may be. A `Shape`
//! is what a request's answer is to look like; it is made before the request is executed and then
//! applied to each response.

use std::collections::HashSet;

use async_graphql::{
    Name, PathSegment, Response, Value,
    indexmap::IndexMap,
    parser::types::{
        BaseType, ExecutableDocument, OperationDefinition, Selection, SelectionSet, Type,
    },
};

use crate::graphql::schema_types::{FieldTypes, named_type, root_type};

/// What an object in an answer is to look like: its fields, in order.
#[derive(Debug, Default)]
pub(in crate::graphql) struct Shape(IndexMap<Name, Field>);

/// A field in an answer.
#[derive(Debug)]
struct Field {
    /// None for what the schema does not say: introspection.
    ty: Option<Type>,
    /// Of the object, or of each in the list.
    shape: Shape,
    /// Whether objects of several selections are merged into it.
    is_merged: bool,
}

impl Field {
    fn order(&self, value: &mut Value) {
        if !self.shape.0.is_empty() {
            self.shape.order(value);
        }
    }
}

/// A selection, and the type it is made on.
type On<'a> = (&'a SelectionSet, &'a str);

impl Shape {
    /// What the answer to an operation of `document` is to look like.
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

    /// The fields of several selections on one object. A fragment is looked at once, however often
    /// it is spread.
    fn merged<'a>(
        document: &'a ExecutableDocument,
        types: &'a FieldTypes,
        selections: Vec<On<'a>>,
    ) -> Self {
        let mut fields: IndexMap<Name, (Option<&Type>, Vec<On<'a>>)> = IndexMap::new();
        let mut seen = HashSet::new();
        // Backwards, since the last is taken first.
        let mut todo: Vec<_> = selections.into_iter().rev().flat_map(items).collect();
        while let Some((selection, parent)) = todo.pop() {
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
                    todo.extend(items((&fragment.node.selection_set.node, on)));
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    if let Some(fragment) = document.fragments.get(name)
                        && seen.insert(name)
                    {
                        let on = fragment.node.type_condition.node.on.node.as_str();
                        todo.extend(items((&fragment.node.selection_set.node, on)));
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

    /// Whether objects of several selections are merged somewhere in it.
    pub(in crate::graphql) fn is_merged(&self) -> bool {
        self.0.values().any(|field| field.is_merged)
    }

    /// Gives `response` this shape.
    pub(in crate::graphql) fn apply(&self, response: &mut Response) {
        // The library's answer where all fields failed, or all were skipped.
        if response.data == Value::Null {
            response.data = Value::Object(IndexMap::new());
        }
        for error in &response.errors {
            if !error.path.is_empty() && self.fails(&mut response.data, &error.path) {
                response.data = Value::Null;
            }
        }
        self.order(&mut response.data);
    }

    /// Puts null where the field at `path` failed, or tells that the object cannot be without it.
    fn fails(&self, object: &mut Value, path: &[PathSegment]) -> bool {
        let (Value::Object(fields), [PathSegment::Field(key), rest @ ..]) = (object, path) else {
            return false;
        };
        let Some(field) = self.0.get(key.as_str()) else {
            return false;
        };
        let failed = match fields.get_mut(key.as_str()) {
            None | Some(Value::Null) => true,
            Some(value) => field.shape.value_fails(value, field.ty.as_ref(), rest),
        };
        if failed && may_be_null(field.ty.as_ref()) {
            fields.insert(Name::new(key), Value::Null);
            return false;
        }
        failed
    }

    /// The same for a field's value, which is an object or a list of this shape.
    fn value_fails(&self, value: &mut Value, ty: Option<&Type>, path: &[PathSegment]) -> bool {
        match (value, path) {
            (Value::List(items), [PathSegment::Index(index), rest @ ..]) => {
                let inner = ty.and_then(|ty| match &ty.base {
                    BaseType::List(inner) => Some(inner.as_ref()),
                    BaseType::Named(_) => None,
                });
                let Some(item) = items.get_mut(*index) else {
                    return true;
                };
                let failed = *item == Value::Null || self.value_fails(item, inner, rest);
                if failed && may_be_null(inner) {
                    *item = Value::Null;
                    return false;
                }
                failed
            }
            (value, path) => self.fails(value, path),
        }
    }

    /// Puts the fields in order.
    fn order(&self, value: &mut Value) {
        match value {
            Value::List(items) => items.iter_mut().for_each(|item| self.order(item)),
            Value::Object(fields) => {
                if fields.keys().eq(self.0.keys()) {
                    // As it mostly is, so that nothing need be looked up.
                    for (field, value) in self.0.values().zip(fields.values_mut()) {
                        field.order(value);
                    }
                } else {
                    let place = |key: &Name| self.0.get_index_of(key);
                    fields.sort_by(|one, _, other, _| place(one).cmp(&place(other)));
                    for (key, value) in fields {
                        if let Some(field) = self.0.get(key) {
                            field.order(value);
                        }
                    }
                }
            }
            _ => {}
        }
    }
}

/// The items of a selection, last first.
fn items((selection, on): On<'_>) -> impl Iterator<Item = (&Selection, &str)> {
    selection
        .items
        .iter()
        .rev()
        .map(move |item| (&item.node, on))
}

fn may_be_null(ty: Option<&Type>) -> bool {
    ty.is_none_or(|ty| ty.nullable)
}

#[cfg(test)]
mod tests {
    use async_graphql::{Pos, ServerError, value};

    use super::*;

    const SCHEMA: &str = "type Query { run: Run must: Run! } interface Node { id: ID! }
        type Run implements Node { id: ID! name: String self: Run me: Run! all: [Run!]! some: [Run] }";

    /// `data` in the shape of `query`, after the fields at these paths have failed.
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
        Shape::new(
            &document,
            document
                .operations
                .iter()
                .next()
                .map(|(_, operation)| &operation.node),
            &FieldTypes::from_sdl(SCHEMA),
        )
        .apply(&mut response);
        response.data
    }

    #[test]
    fn fields_are_answered_in_the_order_of_the_request() {
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
    fn a_field_that_failed_is_null_where_it_may_be() {
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
    fn a_field_that_may_not_be_null_takes_its_parents_with_it_up_to_one_that_may() {
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
    fn in_lists_an_item_falls_alone_or_with_all_others() {
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
