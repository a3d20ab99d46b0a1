//! Conversion of a normalised operation to the document that async-graphql executes.

use apollo_compiler::{
    ast::{Argument, OperationType, Value, VariableDefinition},
    executable::{Field, Operation, Selection, SelectionSet},
};
use async_graphql::{
    Name, Pos, Positioned, Value as ConstValue,
    parser::types::{
        self, DocumentOperations, ExecutableDocument, OperationDefinition, TypeCondition,
    },
};
use async_graphql_value::Value as Literal;

use super::locations::Locations;
use crate::graphql::response::HIDDEN_KEY;

/// Converts a normalised operation. Introspection fields are left out.
pub(super) fn executable(operation: &Operation, locations: &Locations) -> ExecutableDocument {
    let converter = Converter { locations };
    let root = converter.selection_set(&operation.selection_set, Pos::default());
    let definition = OperationDefinition {
        ty: operation_type(operation.operation_type),
        variable_definitions: operation
            .variables
            .iter()
            .filter_map(|definition| converter.variable(definition))
            .collect(),
        directives: Vec::new(),
        selection_set: root,
    };
    ExecutableDocument {
        operations: DocumentOperations::Single(Positioned::new(definition, Pos::default())),
        fragments: std::collections::HashMap::new(),
    }
}

/// Converts the type of an operation.
pub(super) fn operation_type(ty: OperationType) -> types::OperationType {
    match ty {
        OperationType::Query => types::OperationType::Query,
        OperationType::Mutation => types::OperationType::Mutation,
        OperationType::Subscription => types::OperationType::Subscription,
    }
}

/// Returns whether a field of a query's root is answered by introspection.
pub(super) fn is_introspection(field: &Field) -> bool {
    matches!(field.name.as_str(), "__schema" | "__type")
}

/// Converts a literal without variables.
pub(super) fn const_value(literal: &Value) -> ConstValue {
    // A default contains no variables.
    value(literal).into_const().unwrap_or_default()
}

struct Converter<'a> {
    locations: &'a Locations,
}

impl Converter<'_> {
    fn selection_set(&self, set: &SelectionSet, pos: Pos) -> Positioned<types::SelectionSet> {
        let items = set.selections.iter().filter_map(|selection| {
            Some(match selection {
                Selection::Field(field) if is_introspection(field) => return None,
                Selection::Field(field) => {
                    let pos = self.locations.pos(field.location()).unwrap_or(pos);
                    let field = Positioned::new(self.field(field, pos), pos);
                    Positioned::new(types::Selection::Field(field), pos)
                }
                Selection::InlineFragment(fragment) => {
                    let condition = fragment.type_condition.as_ref();
                    let condition = condition.map(|name| TypeCondition {
                        on: Positioned::new(Name::new(name), pos),
                    });
                    let fragment = types::InlineFragment {
                        type_condition: condition.map(|condition| Positioned::new(condition, pos)),
                        directives: Vec::new(),
                        selection_set: self.selection_set(&fragment.selection_set, pos),
                    };
                    let fragment = Positioned::new(fragment, pos);
                    Positioned::new(types::Selection::InlineFragment(fragment), pos)
                }
                // A normalised operation has none.
                Selection::FragmentSpread(_) => return None,
            })
        });
        let mut items: Vec<_> = items.collect();
        if items.is_empty() && !set.selections.is_empty() {
            items.push(hidden_field(pos));
        }
        Positioned::new(types::SelectionSet { items }, pos)
    }

    fn field(&self, field: &Field, pos: Pos) -> types::Field {
        let alias = field.alias.as_ref();
        types::Field {
            alias: alias.map(|alias| Positioned::new(Name::new(alias), pos)),
            name: Positioned::new(Name::new(&field.name), pos),
            arguments: field
                .arguments
                .iter()
                .map(|argument| self.argument(argument, pos))
                .collect(),
            directives: Vec::new(),
            selection_set: self.selection_set(&field.selection_set, pos),
        }
    }

    fn argument(&self, argument: &Argument, pos: Pos) -> (Positioned<Name>, Positioned<Literal>) {
        let pos = self.locations.pos(argument.value.location()).unwrap_or(pos);
        let name = Positioned::new(Name::new(&argument.name), pos);
        (name, Positioned::new(value(&argument.value), pos))
    }

    fn variable(
        &self,
        definition: &apollo_compiler::Node<VariableDefinition>,
    ) -> Option<Positioned<types::VariableDefinition>> {
        let pos = self
            .locations
            .pos(definition.location())
            .unwrap_or_default();
        let ty = types::Type::new(&definition.ty.to_string())?;
        let definition = types::VariableDefinition {
            name: Positioned::new(Name::new(&definition.name), pos),
            var_type: Positioned::new(ty, pos),
            directives: Vec::new(),
            // Variables are coerced before execution, which includes defaults.
            default_value: None,
        };
        Some(Positioned::new(definition, pos))
    }
}

fn hidden_field(pos: Pos) -> Positioned<types::Selection> {
    let field = types::Field {
        alias: Some(Positioned::new(Name::new(HIDDEN_KEY), pos)),
        name: Positioned::new(Name::new("__typename"), pos),
        arguments: Vec::new(),
        directives: Vec::new(),
        selection_set: Positioned::new(types::SelectionSet::default(), pos),
    };
    Positioned::new(types::Selection::Field(Positioned::new(field, pos)), pos)
}

fn value(literal: &Value) -> Literal {
    match literal {
        Value::Null => Literal::Null,
        Value::Enum(name) => Literal::Enum(Name::new(name)),
        Value::Variable(name) => Literal::Variable(Name::new(name)),
        Value::String(text) => Literal::String(text.clone()),
        Value::Boolean(value) => Literal::Boolean(*value),
        Value::Int(number) => integer(number.as_str())
            .map_or_else(|| float(number.try_to_f64().ok()), Literal::Number),
        Value::Float(number) => float(number.try_to_f64().ok()),
        Value::List(items) => Literal::List(items.iter().map(|item| value(item)).collect()),
        Value::Object(fields) => {
            let fields = fields.iter();
            let fields = fields.map(|(name, literal)| (Name::new(name), value(literal)));
            Literal::Object(fields.collect())
        }
    }
}

fn integer(number: &str) -> Option<async_graphql::Number> {
    let signed = number.parse::<i64>().map(Into::into);
    signed
        .or_else(|_| number.parse::<u64>().map(Into::into))
        .ok()
}

fn float(number: Option<f64>) -> Literal {
    let number = number.and_then(async_graphql::Number::from_f64);
    number.map_or(Literal::Null, Literal::Number)
}
