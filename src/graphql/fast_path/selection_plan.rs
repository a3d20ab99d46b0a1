//! How a selection on objects is resolved, planned once for all objects of a list.

use std::sync::Arc;

use async_graphql::{
    ContextSelectionSet, Error, Name, Positioned, ServerResult, Value,
    indexmap::IndexMap,
    parser::types::{Field as SelectedField, Selection, SelectionSet},
    resolver_utils::resolve_container,
};
use futures_util::future::{join_all, try_join_all};

use super::{
    batch_field::{BatchField, context_at},
    field::{BatchResolver, FastFields, NestedWriter, Resolver},
};
use crate::graphql::response::{
    FAILED_KEY, HIDDEN_KEY, ResponseBudget,
    json::{JsonWriter, WriteError, encoded_len},
};

/// Estimated bytes of a scalar field.
const FIELD_BYTES: usize = 32;

/// A planned selection on objects of type `T`.
pub(crate) struct SelectionPlan<'a, T> {
    /// By response key, in the order of the response.
    fields: IndexMap<&'a Name, FieldPlan<'a, T>>,
    batches: Vec<(&'a Positioned<SelectedField>, BatchResolver<T>)>,
    /// The fields that async-graphql resolves.
    others: Vec<Positioned<Selection>>,
    /// The fields could not be collected.
    has_failed: bool,
}

/// How a field is resolved.
enum FieldPlan<'a, T> {
    Scalar(fn(&T, &mut JsonWriter)),
    Nested(NestedWriter<'a, T>),
    /// Index into [`SelectionPlan::batches`].
    Batch(usize),
    AsyncGraphql,
}

/// Fields that were resolved before the objects are written.
struct Resolved {
    /// For each batch, the values of all objects; empty if the batch failed.
    batches: Vec<Vec<Value>>,
    /// For each object, its fields that async-graphql resolved; empty if there are none.
    others: Vec<Value>,
}

impl<'a, T: FastFields> SelectionPlan<'a, T> {
    /// Plans a selection, which is normalised and so selects fields only.
    pub(super) fn new(set: &'a SelectionSet) -> Self {
        let mut plan = Self {
            fields: IndexMap::with_capacity(set.items.len()),
            batches: Vec::new(),
            others: Vec::new(),
            has_failed: false,
        };
        for item in &set.items {
            if let Selection::Field(field) = &item.node {
                plan.add_field(item, field);
            }
        }
        plan
    }

    /// Plans a selection whose fields are all held by the object. Returns `None` if one needs a lookup.
    pub(crate) fn without_lookups(set: &'a SelectionSet) -> Option<Self> {
        let plan = Self::new(set);
        let has_lookups = !plan.batches.is_empty() || !plan.others.is_empty();
        (!has_lookups && !plan.has_failed).then_some(plan)
    }

    fn add_field(&mut self, item: &Positioned<Selection>, field: &'a Positioned<SelectedField>) {
        let key = &field.node.response_key().node;
        if key == HIDDEN_KEY {
            return;
        }
        self.has_failed |= key == FAILED_KEY;
        let plan = self.plan_field(field);
        if matches!(plan, FieldPlan::AsyncGraphql) {
            self.others.push(item.clone());
        }
        self.fields.insert(key, plan);
    }

    fn plan_field(&mut self, field: &'a Positioned<SelectedField>) -> FieldPlan<'a, T> {
        let Some(entry) = T::field(&field.node.name.node) else {
            return FieldPlan::AsyncGraphql;
        };
        match &entry.resolver {
            Resolver::Scalar(write) => FieldPlan::Scalar(*write),
            Resolver::Nested(plan) => {
                plan(&field.node).map_or(FieldPlan::AsyncGraphql, FieldPlan::Nested)
            }
            Resolver::Batch(resolve) => {
                self.batches.push((field, *resolve));
                FieldPlan::Batch(self.batches.len() - 1)
            }
            Resolver::AsyncGraphql => FieldPlan::AsyncGraphql,
        }
    }

    /// Writes an object of a plan [without lookups](Self::without_lookups).
    pub(crate) fn write(&self, json: &mut JsonWriter, object: &T) {
        self.write_with(json, object, |_, _| &Value::Null);
    }

    /// Writes a list of objects of a plan [without lookups](Self::without_lookups).
    pub(crate) fn write_list(&self, json: &mut JsonWriter, objects: &[T]) {
        json.list(objects, |json, object| self.write(json, object));
    }

    /// Writes an object; `resolved` returns the fields that were resolved before.
    fn write_with<'v>(
        &self,
        json: &mut JsonWriter,
        object: &T,
        resolved: impl Fn(&Name, &FieldPlan<'a, T>) -> &'v Value,
    ) {
        json.object(&self.fields, |json, (key, plan)| {
            json.key(key);
            if !plan.write(json, object) {
                json.value(resolved(key, plan));
            }
        });
    }

    /// Returns an object as a map, without the fields that failed.
    fn tree(
        &self,
        object: &T,
        resolved: &Resolved,
        index: usize,
        budget: Option<&Arc<ResponseBudget>>,
    ) -> Result<Value, WriteError> {
        let mut fields = IndexMap::with_capacity(self.fields.len());
        for (key, plan) in &self.fields {
            let mut json = JsonWriter::new(0, budget);
            let value = if plan.write(&mut json, object) {
                Some(json.into_value()?)
            } else {
                resolved.field(key, plan, index).cloned()
            };
            if let Some(value) = value {
                fields.insert((*key).clone(), value);
            }
        }
        Ok(Value::Object(fields))
    }

    /// Resolves the selection on objects.
    pub(super) async fn resolve(
        mut self,
        ctx: &ContextSelectionSet<'_>,
        objects: &[T],
        is_list: bool,
    ) -> ServerResult<Value> {
        let resolved = Resolved {
            batches: self.resolve_batches(ctx, objects, is_list).await,
            others: self.resolve_others(ctx, objects, is_list).await?,
        };
        // After a failure, nulls may have to propagate, which needs the tree; and fields that
        // async-graphql resolved may have to be sorted.
        let budget = ctx.data_opt();
        let value = if self.has_failed || resolved.has_trees() || has_errors(ctx) {
            self.trees(objects, &resolved, is_list, budget)
        } else {
            self.json(objects, &resolved, is_list, budget)
        };
        value
            .map_err(|error| ctx.set_error_path(Error::from(error).into_server_error(ctx.item.pos)))
    }

    fn trees(
        &self,
        objects: &[T],
        resolved: &Resolved,
        is_list: bool,
        budget: Option<&Arc<ResponseBudget>>,
    ) -> Result<Value, WriteError> {
        let objects = objects.iter().enumerate();
        let trees = objects.map(|(index, object)| self.tree(object, resolved, index, budget));
        let mut trees = trees.collect::<Result<Vec<_>, _>>()?;
        Ok(if is_list {
            Value::List(trees)
        } else {
            trees.pop().unwrap_or_default()
        })
    }

    fn json(
        &self,
        objects: &[T],
        resolved: &Resolved,
        is_list: bool,
        budget: Option<&Arc<ResponseBudget>>,
    ) -> Result<Value, WriteError> {
        let write = |json: &mut JsonWriter, (index, object)| {
            self.write_with(json, object, |key, plan| {
                resolved.field(key, plan, index).unwrap_or(&Value::Null)
            });
        };
        let capacity = objects.len() * self.fields.len() * FIELD_BYTES + resolved.encoded_len();
        let mut json = JsonWriter::new(capacity, budget);
        let mut objects = objects.iter().enumerate();
        if is_list {
            json.list(objects, write);
        } else if let Some(object) = objects.next() {
            write(&mut json, object);
        }
        json.into_value()
    }

    async fn resolve_batches(
        &self,
        ctx: &ContextSelectionSet<'_>,
        objects: &[T],
        is_list: bool,
    ) -> Vec<Vec<Value>> {
        let batches = self.batches.iter().map(async |(field, resolve)| {
            let field = BatchField {
                objects: ctx,
                field,
                is_list,
            };
            let resolved = resolve(objects, &field).await;
            resolved.unwrap_or_else(|error| {
                (0..objects.len()).for_each(|index| field.add_error(index, error.clone()));
                Vec::new()
            })
        });
        join_all(batches).await
    }

    async fn resolve_others(
        &mut self,
        ctx: &ContextSelectionSet<'_>,
        objects: &[T],
        is_list: bool,
    ) -> ServerResult<Vec<Value>> {
        if self.others.is_empty() {
            return Ok(Vec::new());
        }
        let items = std::mem::take(&mut self.others);
        let selection = &Positioned::new(SelectionSet { items }, ctx.item.pos);
        let resolved = objects
            .iter()
            .enumerate()
            .map(|(index, object)| async move {
                let ctx = context_at(ctx, index, is_list);
                resolve_container(&ctx.with_selection_set(selection), object).await
            });
        try_join_all(resolved).await
    }
}

impl<T: FastFields> FieldPlan<'_, T> {
    /// Writes the field unless it was resolved before; returns whether it did.
    fn write(&self, json: &mut JsonWriter, object: &T) -> bool {
        match self {
            Self::Scalar(write) => write(object, json),
            Self::Nested(write) => write(object, json),
            Self::Batch(_) | Self::AsyncGraphql => return false,
        }
        true
    }
}

impl Resolved {
    /// Returns whether a field is not encoded.
    fn has_trees(&self) -> bool {
        let is_tree = |value: &Value| matches!(value, Value::Object(_) | Value::List(_));
        let fields = |object: &Value| match object {
            Value::Object(fields) => fields.values().any(is_tree),
            _ => false,
        };
        self.batches.iter().flatten().any(is_tree) || self.others.iter().any(fields)
    }

    /// Returns the bytes of the batches that are encoded already.
    fn encoded_len(&self) -> usize {
        self.batches.iter().flatten().map(encoded_len).sum()
    }

    /// Returns the value of an object's field, `None` if it failed.
    fn field<T>(&self, key: &Name, plan: &FieldPlan<'_, T>, index: usize) -> Option<&Value> {
        if let FieldPlan::Batch(number) = plan {
            return self.batches[*number].get(index);
        }
        match self.others.get(index) {
            Some(Value::Object(fields)) => fields.get(key),
            _ => None,
        }
    }
}

/// Returns whether any field of the operation has failed so far.
fn has_errors(ctx: &ContextSelectionSet<'_>) -> bool {
    let errors = ctx.query_env.errors.lock();
    errors.is_ok_and(|errors| !errors.is_empty())
}
