//! Entries of a table of fields.

use async_graphql::{ServerResult, Value, parser::types::Field as SelectedField};
use futures_util::future::BoxFuture;

use super::{BatchField, FastFields, FieldCost, Fragments};
use crate::graphql::response::json::JsonWriter;

/// A field of `T`.
pub(crate) struct Field<T: FastFields> {
    /// Its name in the schema.
    pub(super) name: &'static str,
    /// The columns it needs.
    pub(super) columns: T::Columns,
    /// What it costs.
    pub(super) cost: FieldCost,
    /// How it is resolved.
    pub(super) resolver: Resolver<T>,
}

/// How a field is resolved.
pub(super) enum Resolver<T> {
    /// Writes a value that the object holds.
    Scalar(fn(&T, &mut JsonWriter)),
    /// Writes objects that the object holds.
    Nested(PlanNested<T>),
    /// Resolves the field of all objects of a list at once.
    Batch(BatchResolver<T>),
    /// Leaves the field to async-graphql.
    AsyncGraphql,
}

/// Plans how the selected nested objects are written; `None` if a field of theirs cannot be written
/// without a lookup.
pub(super) type PlanNested<T> =
    for<'a> fn(&'a SelectedField, &'a Fragments) -> Option<NestedWriter<'a, T>>;

/// Writes the nested objects of one object.
pub(crate) type NestedWriter<'a, T> = Box<dyn Fn(&T, &mut JsonWriter) + Send + Sync + 'a>;

/// Resolves a field of several objects: a value for each, in their order.
pub(super) type BatchResolver<T> =
    for<'a> fn(&'a [T], &'a BatchField<'a>) -> BoxFuture<'a, ServerResult<Vec<Value>>>;

impl<T: FastFields> Field<T> {
    /// Lists `__typename`.
    pub(crate) const fn type_name(columns: T::Columns) -> Self {
        Self::scalar("__typename", columns, |_, json| json.scalar(T::type_name()))
    }

    /// Lists a field whose value the object holds.
    pub(crate) const fn scalar(
        name: &'static str,
        columns: T::Columns,
        write: fn(&T, &mut JsonWriter),
    ) -> Self {
        Self {
            name,
            columns,
            cost: FieldCost::SCALAR,
            resolver: Resolver::Scalar(write),
        }
    }

    /// Lists a field whose objects the object holds.
    pub(crate) const fn nested(
        name: &'static str,
        columns: T::Columns,
        plan: PlanNested<T>,
    ) -> Self {
        Self {
            name,
            columns,
            cost: FieldCost::SCALAR,
            resolver: Resolver::Nested(plan),
        }
    }

    /// Lists a field that is resolved for all objects of a list at once.
    pub(crate) const fn batch(
        name: &'static str,
        columns: T::Columns,
        cost: FieldCost,
        resolve: BatchResolver<T>,
    ) -> Self {
        Self {
            name,
            columns,
            cost,
            resolver: Resolver::Batch(resolve),
        }
    }

    /// Lists a field that async-graphql resolves object by object.
    pub(crate) const fn single(name: &'static str, columns: T::Columns, cost: FieldCost) -> Self {
        Self {
            name,
            columns,
            cost,
            resolver: Resolver::AsyncGraphql,
        }
    }

    /// Returns its name in the schema.
    #[cfg(test)]
    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }
}
