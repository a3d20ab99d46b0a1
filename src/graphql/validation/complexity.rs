//! Cost of an operation, estimated from the schema and the arguments before execution.

use std::collections::HashMap;

use async_graphql::{
    Name,
    parser::types::{
        BaseType, ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet, Type,
    },
};

use super::{
    arguments::{Arguments, ValueRef},
    document_stats::INTROSPECTION,
    field_costs::{self, VALUES_PER_FIELD},
};
use crate::graphql::{
    fast_path::{FieldCost, Multiplier, ROW},
    schema_types::{FieldTypes, named_type, root_type},
    types::PageLimits,
};

/// The default of `totalCount(upTo:)`.
const DEFAULT_COUNT: i64 = 10_000;

/// Returns the cost of an operation in resolved fields. The document must be free of fragment cycles.
pub(super) fn cost<'a>(
    operation: &'a OperationDefinition,
    document: &'a ExecutableDocument,
    types: &'a FieldTypes,
    arguments: &mut Arguments<'a>,
    pages: PageLimits,
) -> u64 {
    let mut visitor = CostVisitor {
        document,
        types,
        arguments,
        pages,
        fragments: HashMap::new(),
    };
    let selection = &operation.selection_set.node;
    visitor.selection(selection, root_type(operation.ty)).once
}

/// Cost of a selection. `@skip` and `@include` are ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cost {
    /// Cost incurred once.
    once: u64,
    /// Cost per row of the lists in the selection; their length depends on the parent field.
    per_row: u64,
}

struct CostVisitor<'a, 'g> {
    document: &'a ExecutableDocument,
    types: &'a FieldTypes,
    arguments: &'g mut Arguments<'a>,
    pages: PageLimits,
    /// The cost of a fragment does not depend on where it is spread.
    fragments: HashMap<&'a Name, Cost>,
}

impl<'a> CostVisitor<'a, '_> {
    fn selection(&mut self, selection: &'a SelectionSet, parent: &'a str) -> Cost {
        let mut sum = Cost::default();
        for item in &selection.items {
            let cost = match &item.node {
                Selection::Field(field) => self.field(&field.node, parent),
                Selection::InlineFragment(inline) => {
                    let condition = inline.node.type_condition.as_ref();
                    let on = condition.map_or(parent, |condition| &condition.node.on.node);
                    self.selection(&inline.node.selection_set.node, on)
                }
                Selection::FragmentSpread(spread) => self.fragment(&spread.node.fragment_name.node),
            };
            sum.once = sum.once.saturating_add(cost.once);
            sum.per_row = sum.per_row.saturating_add(cost.per_row);
        }
        sum
    }

    fn fragment(&mut self, name: &'a Name) -> Cost {
        if let Some(cost) = self.fragments.get(name) {
            return *cost;
        }
        let cost = self.document.fragments.get(name).map(|fragment| {
            let on = &fragment.node.type_condition.node.on.node;
            self.selection(&fragment.node.selection_set.node, on)
        });
        let cost = cost.unwrap_or_default();
        self.fragments.insert(name, cost);
        cost
    }

    fn field(&mut self, field: &'a Field, parent: &'a str) -> Cost {
        let name = field.name.node.as_str();
        let ty = self.types.get(parent, name);
        let on = ty.map_or(INTROSPECTION, named_type);
        let FieldCost { base, multiplier } = field_costs::field_cost(parent, name);
        let selection = self.selection(&field.selection_set.node, on);
        let selection = self.multiply(field, selection, multiplier, on.ends_with("Connection"));
        let arguments = self.argument_costs(field, parent);
        let cost = base.saturating_add(selection).saturating_add(arguments);
        if ty.is_some_and(is_list) && !multiplier.is_own_length() {
            Cost {
                once: 0,
                per_row: cost,
            }
        } else {
            Cost {
                once: cost,
                per_row: 0,
            }
        }
    }

    /// Multiplies the cost of a field's selection by the number of times it is resolved.
    fn multiply(
        &self,
        field: &'a Field,
        selection: Cost,
        multiplier: Multiplier,
        is_connection: bool,
    ) -> u64 {
        let Cost { once, per_row } = selection;
        let rows = |count: u64, cost: u64| once.saturating_add(count.saturating_mul(cost));
        let all = once.saturating_add(per_row);
        match multiplier {
            Multiplier::Page if is_connection => {
                rows(self.page_size(field), per_row.saturating_add(ROW))
            }
            Multiplier::Page => rows(self.pages.default.into(), per_row),
            Multiplier::Rows(count) => rows(count, per_row),
            // Each row is written, then read.
            Multiplier::Input(list) => rows(
                self.input_length(field, list),
                per_row.saturating_add(2 * ROW),
            ),
            Multiplier::Argument(list) => {
                let list = argument(field, list);
                let count = list.map_or(0, |list| self.arguments.length(list)) as u64;
                // Longer lists are rejected by the resolver.
                let count = count.min(self.pages.max.into());
                count.saturating_mul(all.saturating_add(ROW))
            }
            Multiplier::Average(count) => count.saturating_mul(all),
            Multiplier::Fraction(divisor) => all / divisor,
            Multiplier::Count => {
                let up_to = argument(field, "upTo").and_then(|value| self.arguments.integer(value));
                field_costs::count_cost(up_to.unwrap_or(DEFAULT_COUNT))
            }
        }
    }

    /// Returns the page size. The resolver rejects sizes out of range.
    fn page_size(&self, field: &'a Field) -> u64 {
        let sizes = ["first", "last"].into_iter();
        let sizes = sizes.filter_map(|name| self.arguments.integer(argument(field, name)?));
        let size = sizes.max().map_or(self.pages.default, |size| {
            u32::try_from(size).unwrap_or(self.pages.max)
        });
        size.min(self.pages.max).into()
    }

    /// Returns the length of a list in the argument `input`.
    fn input_length(&self, field: &'a Field, list: &str) -> u64 {
        let input = argument(field, "input").map(|input| self.arguments.fields(input));
        let mut fields = input.unwrap_or_default().into_iter();
        let list = fields.find(|(name, _)| *name == list);
        list.map_or(0, |(_, list)| self.arguments.length(list)) as u64
    }

    fn argument_costs(&mut self, field: &'a Field, parent: &str) -> u64 {
        let mut cost = 0_u64;
        for (name, value) in &field.arguments {
            let (values, _) = self.arguments.size(&value.node);
            cost = cost.saturating_add(values as u64 / VALUES_PER_FIELD);
            if name.node == "filter" {
                cost =
                    cost.saturating_add(self.filter_cost(ValueRef::Literal(&value.node), parent));
            }
        }
        cost
    }

    fn filter_cost(&self, filter: ValueRef<'a>, parent: &str) -> u64 {
        let fields = self.arguments.fields(filter).into_iter();
        let costs = fields.map(|(name, value)| {
            field_costs::filter_cost(parent, name) + self.filter_cost(value, parent)
        });
        costs.fold(0, u64::saturating_add)
    }
}

fn argument<'a>(field: &'a Field, name: &str) -> Option<ValueRef<'a>> {
    let value = field.get_argument(name)?;
    Some(ValueRef::Literal(&value.node))
}

fn is_list(ty: &Type) -> bool {
    matches!(ty.base, BaseType::List(_))
}
