//! The fast path of response writing.
//!
//! async-graphql creates and joins a future for each field of each object, which costs more than most
//! fields do. A type that implements [`FastFields`] lists its fields in one table: for each, the columns
//! it needs, how it is resolved and what it costs. Scalars are written as JSON directly, nested objects
//! too, and fields that need a lookup are resolved for a whole list at once. A field without an entry is
//! resolved by async-graphql and is assumed to need all columns.

mod batch_field;
mod cost;
mod field;
mod selection_plan;

use std::{borrow::Cow, collections::HashMap};

use async_graphql::{
    ContainerType, ContextSelectionSet, Lookahead, Name, OutputType, Positioned, SelectionField,
    ServerResult, Value,
    parser::types::{Field as SelectedField, FragmentDefinition},
    registry::Registry,
    resolver_utils::resolve_list,
};

pub(crate) use batch_field::BatchField;
pub(crate) use cost::{FieldCost, Multiplier, ROW};
pub(crate) use field::{Field, NestedWriter};
pub(crate) use selection_plan::SelectionPlan;

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

/// The fragments of a document, by name.
pub(crate) type Fragments = HashMap<Name, Positioned<FragmentDefinition>>;

/// An object that is resolved on the fast path.
#[derive(Clone, Debug)]
pub(crate) struct Fast<T>(pub(crate) T);

/// A list of objects that is resolved on the fast path.
#[derive(Debug)]
pub(crate) struct FastList<'a, T>(pub(crate) &'a [T]);

impl<T: FastFields> OutputType for Fast<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    async fn resolve(
        &self,
        ctx: &ContextSelectionSet<'_>,
        field: &Positioned<SelectedField>,
    ) -> ServerResult<Value> {
        match SelectionPlan::of_context(ctx) {
            Some(plan) => {
                let objects = std::slice::from_ref(&self.0);
                plan.resolve(ctx, objects, false).await
            }
            None => self.0.resolve(ctx, field).await,
        }
    }
}

impl<T: FastFields> OutputType for FastList<'_, T> {
    fn type_name() -> Cow<'static, str> {
        Vec::<T>::type_name()
    }

    fn qualified_type_name() -> String {
        Vec::<T>::qualified_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        Vec::<T>::create_type_info(registry)
    }

    async fn resolve(
        &self,
        ctx: &ContextSelectionSet<'_>,
        field: &Positioned<SelectedField>,
    ) -> ServerResult<Value> {
        match SelectionPlan::of_context(ctx) {
            Some(plan) => plan.resolve(ctx, self.0, true).await,
            None => resolve_list(ctx, field, self.0, Some(self.0.len())).await,
        }
    }
}
