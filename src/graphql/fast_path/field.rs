//! The table of the fields of a type.

use async_graphql::{
    ContainerType, Lookahead, OutputType, SelectionField, ServerResult, Value,
    parser::types::Field as SelectedField,
};
use futures_util::future::BoxFuture;

use super::{batch_field::BatchField, cost::FieldCost};
use crate::graphql::response::json::JsonWriter;

/// A type with a table of its fields.
pub(crate) trait FastFields: ContainerType + OutputType + Sized + 'static {
    /// Which part of a row a field needs; a greater value includes the smaller ones.
    type Columns: Copy + Ord;

    /// All columns.
    const ALL_COLUMNS: Self::Columns;

    /// The table.
    const FIELDS: &'static [Field<Self>];

    /// Returns the entry of a field.
    fn field(name: &str) -> Option<&'static Field<Self>> {
        Self::FIELDS.iter().find(|field| field.name == name)
    }

    /// Returns the listed cost of a field.
    fn cost(name: &str) -> Option<FieldCost> {
        Self::field(name).map(|field| field.cost)
    }

    /// Returns the columns that the selections on an object need, `None` if nothing is selected.
    fn columns(selections: &[Lookahead<'_>]) -> Option<Self::Columns> {
        let objects: Vec<_> = selections
            .iter()
            .flat_map(Lookahead::selection_fields)
            .collect();
        let fields = objects.iter().flat_map(SelectionField::selection_set);
        let columns =
            fields.map(|field| Self::field(field.name()).map_or(Self::ALL_COLUMNS, |f| f.columns));
        columns.max()
    }
}

/// A field of `T`.
pub(crate) struct Field<T: FastFields> {
    /// Its name in the schema.
    pub(super) name: &'static str,
    /// The columns it needs.
    pub(super) columns: T::Columns,
    /// The cost of the field, counted in resolved fields.
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
pub(super) type PlanNested<T> = for<'a> fn(&'a SelectedField) -> Option<NestedWriter<'a, T>>;

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
