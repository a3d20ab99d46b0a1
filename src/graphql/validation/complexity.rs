//! What an operation costs, told from the schema and its arguments before it is executed.

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
    field_costs::{self, Multiplier, ROW, VALUES},
};
use crate::graphql::{
    schema_types::{FieldTypes, named_type, root_type},
    types::PageLimits,
};

/// How far `totalCount` counts unless `upTo` says so.
const DEFAULT_COUNT: i64 = 10_000;

/// What an operation of a document costs. Fragments must not spread themselves.
pub(super) fn cost<'a>(
    operation: &'a OperationDefinition,
    document: &'a ExecutableDocument,
    types: &'a FieldTypes,
    arguments: &mut Arguments<'a>,
    pages: PageLimits,
) -> u64 {
    let mut costing = CostVisitor {
        document,
        types,
        arguments,
        pages,
        known: HashMap::new(),
    };
    let selection = &operation.selection_set.node;
    costing.selection(selection, root_type(operation.ty)).once
}

/// What a selection costs. Nothing is left out for `@skip` or `@include`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cost {
    /// Once.
    once: u64,
    /// For each row that lists in it have; how many that are is told by the field it belongs to.
    each: u64,
}

struct CostVisitor<'a, 'g> {
    document: &'a ExecutableDocument,
    types: &'a FieldTypes,
    arguments: &'g mut Arguments<'a>,
    pages: PageLimits,
    /// A fragment costs the same wherever it is spread.
    known: HashMap<&'a Name, Cost>,
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
            sum.each = sum.each.saturating_add(cost.each);
        }
        sum
    }

    fn fragment(&mut self, name: &'a Name) -> Cost {
        if let Some(cost) = self.known.get(name) {
            return *cost;
        }
        let cost = self.document.fragments.get(name).map(|fragment| {
            let on = &fragment.node.type_condition.node.on.node;
            self.selection(&fragment.node.selection_set.node, on)
        });
        let cost = cost.unwrap_or_default();
        self.known.insert(name, cost);
        cost
    }

    fn field(&mut self, field: &'a Field, parent: &'a str) -> Cost {
        let name = field.name.node.as_str();
        let ty = self.types.get(parent, name);
        let price = field_costs::of(parent, name);
        let on = ty.map_or(INTROSPECTION, named_type);
        let below = self.selection(&field.selection_set.node, on);
        let inner = self.below(field, below, price.many, on.ends_with("Connection"));
        let argument_cost = self.argument_costs(field, parent);
        let cost = price
            .base
            .saturating_add(inner)
            .saturating_add(argument_cost);
        if ty.is_some_and(is_list) && !price.many.is_told_by_itself() {
            Cost {
                once: 0,
                each: cost,
            }
        } else {
            Cost {
                once: cost,
                each: 0,
            }
        }
    }

    /// What is below a field, as often as it is resolved.
    fn below(&self, field: &'a Field, below: Cost, many: Multiplier, is_connection: bool) -> u64 {
        let Cost { once, each } = below;
        let rows = |count: u64, cost: u64| once.saturating_add(count.saturating_mul(cost));
        let all = once.saturating_add(each);
        match many {
            Multiplier::Page if is_connection => rows(self.page(field), each.saturating_add(ROW)),
            Multiplier::Page => rows(self.pages.default.into(), each),
            Multiplier::Rows(count) => rows(count, each),
            // Each is written first.
            Multiplier::Input(list) => rows(self.input(field, list), each.saturating_add(2 * ROW)),
            Multiplier::Argument(list) => {
                let list = argument(field, list);
                let count = list.map_or(0, |list| self.arguments.length(list)) as u64;
                // More than a page are refused.
                let count = count.min(self.pages.most.into());
                count.saturating_mul(all.saturating_add(ROW))
            }
            Multiplier::Itself(count) => count.saturating_mul(all),
            Multiplier::OneIn(part) => all / part,
            Multiplier::Count => {
                let up_to = argument(field, "upTo").and_then(|part| self.arguments.number(part));
                field_costs::of_count(up_to.unwrap_or(DEFAULT_COUNT))
            }
        }
    }

    /// How many rows a page has; what no page can have is refused when it is read.
    fn page(&self, field: &'a Field) -> u64 {
        let sizes = ["first", "last"].into_iter();
        let sizes = sizes.filter_map(|name| self.arguments.number(argument(field, name)?));
        let size = sizes.max().map_or(self.pages.default, |size| {
            u32::try_from(size).unwrap_or(self.pages.most)
        });
        size.min(self.pages.most).into()
    }

    /// How many items there are in a list in the argument `input`.
    fn input(&self, field: &'a Field, list: &str) -> u64 {
        let input = argument(field, "input").map(|input| self.arguments.fields(input));
        let mut fields = input.unwrap_or_default().into_iter();
        let list = fields.find(|(name, _)| *name == list);
        list.map_or(0, |(_, list)| self.arguments.length(list)) as u64
    }

    fn argument_costs(&mut self, field: &'a Field, parent: &str) -> u64 {
        let mut cost = 0_u64;
        for (name, value) in &field.arguments {
            let (values, _) = self.arguments.size(&value.node);
            cost = cost.saturating_add(values as u64 / VALUES);
            if name.node == "filter" {
                cost = cost.saturating_add(self.filter(ValueRef::Literal(&value.node), parent));
            }
        }
        cost
    }

    fn filter(&self, part: ValueRef<'a>, parent: &str) -> u64 {
        let fields = self.arguments.fields(part).into_iter();
        let costs = fields
            .map(|(name, part)| field_costs::of_filter(parent, name) + self.filter(part, parent));
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
