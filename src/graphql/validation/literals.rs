//! Validation of literals in arguments and defaults, and of fields without the selection they need.
//!
//! apollo-compiler checks both too. This check names the field of an input object or selection that is
//! wrong, knows the custom scalars, and rejects input fields that are given twice.

use std::collections::HashSet;

use apollo_compiler::{
    ExecutableDocument, Node, Schema,
    ast::{Argument, InputValueDefinition, Type, Value},
    executable::{DirectiveList, Field, Selection, SelectionSet},
    parser::SourceSpan,
    schema::{ExtendedType, InputObjectType},
};
use async_graphql::ServerError;

use super::{
    input::{self, Problem},
    locations::Locations,
};
use crate::graphql::error::{ErrorCode, request_error};

/// Errors in the response to one document.
const MAX_ERRORS: usize = 10;

/// Checks the literals of a document.
pub(super) fn check(
    document: &ExecutableDocument,
    schema: &Schema,
    locations: &Locations,
) -> Result<(), Vec<ServerError>> {
    let mut checker = Checker {
        schema,
        locations,
        errors: Vec::new(),
    };
    for operation in document.operations.iter() {
        checker.directives(&operation.directives);
        for variable in &operation.variables {
            checker.directives(&variable.directives);
            if let Some(default) = &variable.default_value {
                checker.value(default, &variable.ty);
            }
        }
        checker.selections(&operation.selection_set);
    }
    for fragment in document.fragments.values() {
        checker.directives(&fragment.directives);
        checker.selections(&fragment.selection_set);
    }
    if checker.errors.is_empty() {
        Ok(())
    } else {
        Err(checker.errors)
    }
}

struct Checker<'a> {
    schema: &'a Schema,
    locations: &'a Locations,
    errors: Vec<ServerError>,
}

impl Checker<'_> {
    fn selections(&mut self, set: &SelectionSet) {
        for selection in &set.selections {
            if self.errors.len() >= MAX_ERRORS {
                return;
            }
            match selection {
                Selection::Field(field) => {
                    self.directives(&field.directives);
                    self.arguments(&field.arguments, &field.definition.arguments);
                    self.selection_of(field);
                    self.selections(&field.selection_set);
                }
                Selection::InlineFragment(fragment) => {
                    self.directives(&fragment.directives);
                    self.selections(&fragment.selection_set);
                }
                Selection::FragmentSpread(spread) => self.directives(&spread.directives),
            }
        }
    }

    /// Checks that the selection of a field is not missing.
    fn selection_of(&mut self, field: &Node<Field>) {
        let ty = field.definition.ty.inner_named_type();
        let is_leaf = self.schema.types.get(ty).is_none_or(ExtendedType::is_leaf);
        if !is_leaf && field.selection_set.is_empty() {
            let name = &field.name;
            let message = format!("select fields of {ty}, as in `{name} {{ __typename }}`");
            self.add(message, field.location());
        }
    }

    fn directives(&mut self, directives: &DirectiveList) {
        for directive in directives {
            if let Some(definition) = self.schema.directive_definitions.get(&directive.name) {
                self.arguments(&directive.arguments, &definition.arguments);
            }
        }
    }

    fn arguments(&mut self, arguments: &[Node<Argument>], defined: &[Node<InputValueDefinition>]) {
        for argument in arguments {
            if let Some(definition) = defined.iter().find(|defined| defined.name == argument.name) {
                self.value(&argument.value, &definition.ty);
            }
        }
    }

    fn value(&mut self, value: &Node<Value>, ty: &Type) {
        if let Err(problem) = check_value(value, ty, self.schema) {
            self.add(problem.to_string(), value.location());
        }
    }

    fn add(&mut self, message: String, location: Option<SourceSpan>) {
        if self.errors.len() < MAX_ERRORS {
            let pos = self.locations.pos(location);
            let error = request_error(ErrorCode::BadInput, message, pos);
            self.errors.push(error);
        }
    }
}

/// Checks a literal. Variables are left to the validation of their declared types.
fn check_value(value: &Value, ty: &Type, schema: &Schema) -> Result<(), Problem> {
    match (value, ty) {
        (Value::Null, ty) if ty.is_non_null() => Err(Problem::unexpected("null", ty)),
        (Value::Null | Value::Variable(_), _) => Ok(()),
        (Value::List(items), Type::List(inner) | Type::NonNullList(inner)) => {
            let mut items = items.iter().enumerate();
            items.try_for_each(|(index, item)| {
                check_value(item, inner, schema).map_err(|problem| problem.in_item(index))
            })
        }
        // Input coercion accepts a single value as a list of one.
        (value, Type::List(inner) | Type::NonNullList(inner)) => check_value(value, inner, schema),
        (value, Type::Named(name) | Type::NonNullNamed(name)) => match schema.types.get(name) {
            Some(ExtendedType::Scalar(_)) => check_scalar(value, name),
            Some(ExtendedType::Enum(ty)) => match value {
                Value::Enum(name) if ty.values.contains_key(name) => Ok(()),
                value => Err(Problem::not_in_enum(value, ty)),
            },
            Some(ExtendedType::InputObject(ty)) => match value {
                Value::Object(fields) => check_object(fields, ty, schema),
                value => Err(Problem::unexpected(value, name)),
            },
            // Validation reports undefined types and output types.
            _ => Ok(()),
        },
    }
}

fn check_scalar(value: &Value, name: &str) -> Result<(), Problem> {
    let is_valid = match (name, value) {
        ("Int", Value::Int(number)) => number.try_to_i32().is_ok(),
        ("Float", Value::Int(number)) => number.try_to_f64().is_ok(),
        ("Float", Value::Float(number)) => number.try_to_f64().is_ok(),
        ("ID", Value::Int(_) | Value::String(_))
        | ("String", Value::String(_))
        | ("Boolean", Value::Boolean(_)) => true,
        ("DateTime", Value::String(text)) => return input::scalar_text(text, name),
        ("Int" | "Float" | "ID" | "String" | "Boolean" | "DateTime", _) => false,
        _ => return check_json(value),
    };
    if is_valid {
        Ok(())
    } else {
        Err(Problem::unexpected(value, name))
    }
}

/// Checks a literal of the scalar `JSON`, which has no fixed type.
fn check_json(value: &Value) -> Result<(), Problem> {
    match value {
        Value::List(items) => items.iter().enumerate().try_for_each(|(index, item)| {
            check_json(item).map_err(|problem| problem.in_item(index))
        }),
        Value::Object(fields) => {
            check_unique(fields)?;
            fields.iter().try_for_each(|(name, value)| {
                check_json(value).map_err(|problem| problem.in_field(name))
            })
        }
        Value::Int(number) if number.try_to_f64().is_err() => Err(out_of_range(value)),
        Value::Float(number) if number.try_to_f64().is_err() => Err(out_of_range(value)),
        _ => Ok(()),
    }
}

fn out_of_range(number: &Value) -> Problem {
    Problem::unexpected(number, "a number of 64 bits")
}

type Fields = [(apollo_compiler::Name, Node<Value>)];

fn check_object(fields: &Fields, ty: &InputObjectType, schema: &Schema) -> Result<(), Problem> {
    check_unique(fields)?;
    for (name, value) in fields {
        let Some(definition) = ty.fields.get(name) else {
            return Err(Problem::undefined_field(name, &ty.name));
        };
        check_value(value, &definition.ty, schema).map_err(|problem| problem.in_field(name))?;
    }
    let is_given = |name| fields.iter().any(|(given, _)| given == name);
    let missing = ty
        .fields
        .values()
        .find(|definition| definition.is_required() && !is_given(&definition.name));
    match missing {
        Some(definition) => Err(Problem::missing(&definition.ty).in_field(&definition.name)),
        None => Ok(()),
    }
}

fn check_unique(fields: &Fields) -> Result<(), Problem> {
    let mut names = HashSet::new();
    match fields.iter().find(|(name, _)| !names.insert(name)) {
        Some((name, _)) => Err(Problem::new(format!("the field `{name}` is given twice"))),
        None => Ok(()),
    }
}
