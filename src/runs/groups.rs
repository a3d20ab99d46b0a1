//! The groups of a list of runs: runs with a value and runs without one, or the runs of each value of an enum.

use std::borrow::Cow;

use entity::run::Column;
use sea_orm::ColumnTrait;
use sea_orm::sea_query::{Expr, ExprTrait};
use strum::VariantArray;

use super::{
    RunOrder, RunOrderField,
    filter::{EnumFilter, RunFilter},
    order::{NULL_GROUP, UNKNOWN_GROUP, group_of},
};
use crate::{
    db::keyset::Group,
    store::{Store, UnknownValues},
};

/// Returns the groups of the runs that match, in this order. An index supports each of their lists if `is_indexed`.
/// `unknown` are the texts in the column of an enum that are none of its values.
pub(super) fn groups(
    filter: &RunFilter,
    order: RunOrder,
    unknown: &UnknownValues,
    is_indexed: bool,
    store: &Store,
) -> Vec<Group> {
    let rest = filter.without(order.field);
    let split = is_indexed.then(|| rest.split_by_value()).flatten();
    let filters = split.unwrap_or_else(|| vec![rest.into_owned()]);
    let groups = order.groups().into_iter().map(|number| {
        let parts = parts(filter, order.field, number, unknown, store).into_iter();
        let lists = parts.flat_map(|part| {
            let filters = filters.iter();
            filters.map(move |filter| filter.candidates(store).add_option(part.clone()))
        });
        Group {
            number,
            lists: lists.collect(),
        }
    });
    groups.collect()
}

/// Returns the conditions of the disjoint parts of a group, where `None` is met by all runs.
fn parts(
    filter: &RunFilter,
    field: RunOrderField,
    number: u8,
    unknown: &UnknownValues,
    store: &Store,
) -> Vec<Option<Expr>> {
    let is_null = |value: Expr| match number {
        NULL_GROUP => vec![Some(value.is_null())],
        _ => vec![Some(value.is_not_null())],
    };
    match field {
        RunOrderField::StartedAt
        | RunOrderField::RecordsProcessed
        | RunOrderField::RecordsFailed => vec![None],
        RunOrderField::CompletedAt => is_null(store.ended_at()),
        RunOrderField::Duration => is_null(store.duration()),
        RunOrderField::Status => {
            enum_parts(Column::Status, filter.status.as_ref(), number, unknown)
        }
        RunOrderField::EntityType => enum_parts(
            Column::EntityType,
            filter.entity_type.as_ref(),
            number,
            unknown,
        ),
        RunOrderField::Source => {
            enum_parts(Column::Source, filter.source.as_ref(), number, unknown)
        }
    }
}

fn enum_parts<T: Copy + PartialEq + AsRef<str> + VariantArray>(
    column: Column,
    filter: Option<&EnumFilter<T>>,
    number: u8,
    unknown: &UnknownValues,
) -> Vec<Option<Expr>> {
    if number != UNKNOWN_GROUP {
        let mut values = T::VARIANTS
            .iter()
            .filter(|value| filter.is_none_or(|values| values.known.contains(value)));
        let value = values.find(|value| group_of(*value) == number);
        return value
            .map(|value| Some(column.eq(value.as_ref())))
            .into_iter()
            .collect();
    }
    if filter.is_some_and(|values| !values.unknown) {
        return Vec::new();
    }
    match unknown {
        UnknownValues::Few(texts) => texts
            .iter()
            .map(|text| Some(column.eq(text.as_str())))
            .collect(),
        UnknownValues::Any => {
            vec![Some(
                column.is_not_in(T::VARIANTS.iter().map(AsRef::as_ref)),
            )]
        }
    }
}

impl RunFilter {
    /// Returns the filter without its condition on the enum that a list is ordered by: it selects groups.
    fn without(&self, field: RunOrderField) -> Cow<'_, Self> {
        if !field.is_enum() {
            return Cow::Borrowed(self);
        }
        let mut rest = self.clone();
        match field {
            RunOrderField::Status => rest.status = None,
            RunOrderField::EntityType => rest.entity_type = None,
            RunOrderField::Source => rest.source = None,
            _ => {}
        }
        Cow::Owned(rest)
    }

    /// Returns the column whose unknown texts are a group of a list in this order; `None` if there is no such group.
    pub(super) fn unknown_group(&self, order: RunOrderField) -> Option<Column> {
        match order {
            RunOrderField::Status if self.status.is_none() => Some(Column::Status),
            RunOrderField::EntityType if self.entity_type.is_none() => Some(Column::EntityType),
            RunOrderField::Source if self.source.is_none() => Some(Column::Source),
            _ => None,
        }
    }
}
