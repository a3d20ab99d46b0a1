//! Cost of an operation, estimated from the schema and the arguments before execution.

use apollo_compiler::{
    ast::Type,
    executable::{Field, Operation, Selection, SelectionSet},
};
use async_graphql::Variables;

use super::{
    field_costs::{self, VALUES_PER_FIELD},
    values::{ValueRef, VariableSizes},
};
use crate::graphql::{
    fast_path::{FieldCost, Multiplier, ROW, STATEMENT},
    response::{FAILED_KEY, HIDDEN_KEY},
    types::PageLimits,
};

/// The default of `totalCount(upTo:)`.
const DEFAULT_COUNT: i64 = 10_000;
/// Rows of a list that is no page, at most.
const MAX_FIRST: i64 = 100;

/// What an operation takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Complexity {
    /// Cost in resolved fields.
    pub(super) cost: u64,
    /// Values in arguments. The value of a variable counts at each use.
    pub(super) values: usize,
    /// Characters of the texts to search for, in all filters.
    pub(super) search_chars: usize,
}

/// Returns the complexity of a normalised operation with these variables. The cost of more than `max_values` values
/// is not computed.
pub(super) fn complexity(
    operation: &Operation,
    variables: &Variables,
    pages: PageLimits,
    max_values: usize,
) -> Complexity {
    let mut visitor = Visitor {
        variables,
        sizes: VariableSizes::new(variables),
        pages,
        max_values,
        values: 0,
        search_chars: 0,
    };
    let Cost { once, per_row } = visitor.selection(&operation.selection_set);
    Complexity {
        // A list at the root has at least one row.
        cost: once.saturating_add(per_row),
        values: visitor.values,
        search_chars: visitor.search_chars,
    }
}

/// Cost of a selection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cost {
    /// Cost incurred once.
    once: u64,
    /// Cost per row of the lists in the selection; their length depends on the parent field.
    per_row: u64,
}

struct Visitor<'a> {
    variables: &'a Variables,
    sizes: VariableSizes<'a>,
    pages: PageLimits,
    max_values: usize,
    values: usize,
    search_chars: usize,
}

impl<'a> Visitor<'a> {
    fn selection(&mut self, set: &'a SelectionSet) -> Cost {
        let mut sum = Cost::default();
        let mut most = Cost::default();
        for selection in &set.selections {
            match selection {
                Selection::Field(field) => {
                    let cost = self.field(field, &set.ty);
                    sum.once = sum.once.saturating_add(cost.once);
                    sum.per_row = sum.per_row.saturating_add(cost.per_row);
                }
                // An object has one of the types.
                Selection::InlineFragment(fragment) => {
                    let cost = self.selection(&fragment.selection_set);
                    most.once = most.once.max(cost.once);
                    most.per_row = most.per_row.max(cost.per_row);
                }
                // A normalised operation has none.
                Selection::FragmentSpread(_) => {}
            }
        }
        Cost {
            once: sum.once.saturating_add(most.once),
            per_row: sum.per_row.saturating_add(most.per_row),
        }
    }

    fn field(&mut self, field: &'a Field, parent: &str) -> Cost {
        if matches!(field.response_key().as_str(), HIDDEN_KEY | FAILED_KEY) {
            return Cost::default();
        }
        let FieldCost { base, multiplier } = field_costs::field_cost(parent, &field.name);
        let selection = self.selection(&field.selection_set);
        let is_connection = field.selection_set.ty.ends_with("Connection");
        let selection = self.multiply(field, selection, multiplier, is_connection);
        let arguments = self.argument_costs(field, parent);
        let cost = base.saturating_add(selection).saturating_add(arguments);
        if is_list(&field.definition.ty) && !multiplier.is_own_length() {
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
            Multiplier::First(default) => {
                let first = self.argument(field, "first").and_then(ValueRef::integer);
                // Other numbers are rejected by the resolver.
                let first = first.map_or(default, |first| first.clamp(0, MAX_FIRST).unsigned_abs());
                rows(first, per_row.saturating_add(ROW))
            }
            // Each row is written, then read.
            Multiplier::Input(list) => rows(
                self.input_length(field, list),
                per_row.saturating_add(2 * ROW),
            ),
            // Longer lists are rejected by the resolver.
            Multiplier::Statements(list) => rows(
                self.input_length(field, list).min(self.pages.max.into()),
                per_row.saturating_add(2 * STATEMENT),
            ),
            Multiplier::Argument(list) => {
                let count = self.argument(field, list).map_or(0, ValueRef::length) as u64;
                // Longer lists are rejected by the resolver.
                let count = count.min(self.pages.max.into());
                count.saturating_mul(all.saturating_add(ROW))
            }
            Multiplier::Average(count) => count.saturating_mul(all),
            Multiplier::Fraction(divisor) => all / divisor,
            Multiplier::Count => {
                let up_to = self.argument(field, "upTo").and_then(ValueRef::integer);
                field_costs::count_cost(up_to.unwrap_or(DEFAULT_COUNT))
            }
        }
    }

    /// Returns the page size. The resolver rejects sizes out of range.
    fn page_size(&self, field: &'a Field) -> u64 {
        let sizes = ["first", "last"].into_iter();
        let sizes = sizes.filter_map(|name| self.argument(field, name)?.integer());
        let size = sizes.max().map_or(self.pages.default, |size| {
            u32::try_from(size).unwrap_or(self.pages.max)
        });
        size.min(self.pages.max).into()
    }

    /// Returns the length of a list in the argument `input`.
    fn input_length(&self, field: &'a Field, list: &str) -> u64 {
        let input = self.argument(field, "input");
        let input = input.map(|input| input.fields(self.variables));
        let mut fields = input.unwrap_or_default().into_iter();
        let list = fields.find(|(name, _)| *name == list);
        list.map_or(0, |(_, list)| list.length()) as u64
    }

    fn argument_costs(&mut self, field: &'a Field, parent: &str) -> u64 {
        let mut cost = 0_u64;
        for argument in &field.arguments {
            let Some(value) = ValueRef::resolve(&argument.value, self.variables) else {
                continue;
            };
            let values = self.sizes.values(&argument.value);
            self.values = self.values.saturating_add(values);
            if self.values > self.max_values {
                break;
            }
            cost = cost.saturating_add(values as u64 / VALUES_PER_FIELD);
            let argument_cost = match argument.name.as_str() {
                "filter" => self.filter_cost(value, parent),
                "offset" => value.integer().map_or(0, field_costs::skip_cost),
                "search" => self.search_cost(value, "search", parent),
                _ => 0,
            };
            cost = cost.saturating_add(argument_cost);
        }
        cost
    }

    fn filter_cost(&mut self, filter: ValueRef<'a>, parent: &str) -> u64 {
        let mut cost = 0_u64;
        for (name, value) in filter.fields(self.variables) {
            if name == "details" {
                // What the details are compared with is no filter.
                cost = cost.saturating_add(field_costs::details_filter_cost(value.length()));
                continue;
            }
            cost = cost
                .saturating_add(self.search_cost(value, name, parent))
                .saturating_add(self.filter_cost(value, parent));
        }
        cost
    }

    /// Returns the cost of a condition, which may hold a text to search for.
    fn search_cost(&mut self, value: ValueRef<'a>, name: &str, parent: &str) -> u64 {
        let chars = field_costs::is_search(name).then(|| value.chars());
        let chars = chars.unwrap_or_default();
        self.search_chars = self.search_chars.saturating_add(chars);
        field_costs::filter_cost(parent, name, chars)
    }

    fn argument(&self, field: &'a Field, name: &str) -> Option<ValueRef<'a>> {
        let argument = field.specified_argument_by_name(name)?;
        ValueRef::resolve(argument, self.variables)
    }
}

fn is_list(ty: &Type) -> bool {
    matches!(ty, Type::List(_) | Type::NonNullList(_))
}
