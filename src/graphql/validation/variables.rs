//! Coercion of variables, before anything is executed.
//!
//! async-graphql coerces a variable when it resolves the field that uses it: of two mutations in a
//! request, the first would take effect before an invalid variable of the second is found.

use apollo_compiler::{
    Schema,
    ast::Type,
    executable::{Operation, VariableDefinition},
    schema::{ExtendedType, InputObjectType},
};
use async_graphql::{Name, ServerError, Value, Variables, indexmap::IndexMap};

use super::{
    convert::const_value,
    input::{self, Problem},
    locations::Locations,
};
use crate::graphql::error::{ErrorCode, request_error};

/// Returns the values of the variables that an operation declares: those of the request, converted to
/// their types, and the declared defaults. A variable with neither is omitted.
pub(super) fn coerce(
    operation: &Operation,
    mut given: Variables,
    schema: &Schema,
    locations: &Locations,
) -> Result<Variables, ServerError> {
    let mut variables = Variables::default();
    for definition in &operation.variables {
        let name = definition.name.as_str();
        let value = coerce_variable(definition, given.remove(name), schema);
        let value = value.map_err(|problem| {
            let pos = locations.pos(definition.location());
            request_error(ErrorCode::BadInput, problem.to_string(), pos)
        })?;
        if let Some(value) = value {
            variables.insert(Name::new(name), value);
        }
    }
    Ok(variables)
}

fn coerce_variable(
    definition: &VariableDefinition,
    given: Option<Value>,
    schema: &Schema,
) -> Result<Option<Value>, Problem> {
    match (given, &definition.default_value) {
        (Some(mut value), _) => {
            coerce_value(&mut value, &definition.ty, schema)?;
            Ok(Some(value))
        }
        (None, Some(default)) => Ok(Some(const_value(default))),
        (None, None) if definition.ty.is_non_null() => Err(Problem::missing(&definition.ty)),
        (None, None) => Ok(None),
    }
}

fn coerce_value(value: &mut Value, ty: &Type, schema: &Schema) -> Result<(), Problem> {
    match (value, ty) {
        (Value::Null, ty) if ty.is_non_null() => Err(Problem::unexpected("null", ty)),
        (Value::Null, _) => Ok(()),
        (Value::List(items), Type::List(inner) | Type::NonNullList(inner)) => {
            let mut items = items.iter_mut().enumerate();
            items.try_for_each(|(index, item)| {
                coerce_value(item, inner, schema).map_err(|problem| problem.in_item(index))
            })
        }
        // Input coercion accepts a single value as a list of one.
        (value, Type::List(inner) | Type::NonNullList(inner)) => coerce_value(value, inner, schema),
        (value, Type::Named(name) | Type::NonNullNamed(name)) => match schema.types.get(name) {
            Some(ExtendedType::Enum(ty)) => match value {
                // JSON has no enums: the value is a string.
                Value::String(name) if ty.values.contains_key(name.as_str()) => Ok(()),
                Value::String(name) => Err(Problem::not_in_enum(name, ty)),
                value => Err(Problem::not_in_enum(value, ty)),
            },
            Some(ExtendedType::InputObject(ty)) => match value {
                Value::Object(fields) => coerce_object(fields, ty, schema),
                value => Err(Problem::unexpected(value, name)),
            },
            _ => coerce_scalar(value, name),
        },
    }
}

fn coerce_scalar(value: &mut Value, name: &str) -> Result<(), Problem> {
    let is_valid = match (name, &*value) {
        ("Int", Value::Number(number)) => match integer(number) {
            Some(integer) => {
                *value = integer.into();
                true
            }
            None => false,
        },
        ("ID", Value::Number(number)) => match whole(number) {
            Some(text) => {
                *value = text.into();
                true
            }
            None => false,
        },
        ("Float", Value::Number(_))
        | ("ID" | "String", Value::String(_))
        | ("Boolean", Value::Boolean(_)) => true,
        ("DateTime", Value::String(text)) => return input::scalar_text(text, name),
        ("Int" | "Float" | "ID" | "String" | "Boolean" | "DateTime", _) => false,
        _ => true,
    };
    if is_valid {
        Ok(())
    } else {
        Err(Problem::unexpected(&*value, name))
    }
}

/// Returns the value of a number that is a 32-bit integer; `1.0` is one.
fn integer(number: &async_graphql::Number) -> Option<i32> {
    if let Some(integer) = number.as_i64() {
        return i32::try_from(integer).ok();
    }
    let float = number.as_f64()?;
    let range = f64::from(i32::MIN)..=f64::from(i32::MAX);
    let is_integer = float.fract() == 0.0 && range.contains(&float);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "in range, without a fraction"
    )]
    is_integer.then_some(float as i32)
}

/// Returns the text of a number without a fraction.
fn whole(number: &async_graphql::Number) -> Option<String> {
    if number.is_i64() || number.is_u64() {
        return Some(number.to_string());
    }
    let float = number.as_f64()?;
    (float.fract() == 0.0).then(|| format!("{float:.0}"))
}

fn coerce_object(
    fields: &mut IndexMap<Name, Value>,
    ty: &InputObjectType,
    schema: &Schema,
) -> Result<(), Problem> {
    for (name, value) in fields.iter_mut() {
        let Some(definition) = ty.fields.get(name.as_str()) else {
            return Err(Problem::undefined_field(name, &ty.name));
        };
        coerce_value(value, &definition.ty, schema).map_err(|problem| problem.in_field(name))?;
    }
    let missing = ty.fields.values().find(|definition| {
        definition.is_required() && !fields.contains_key(definition.name.as_str())
    });
    match missing {
        Some(definition) => Err(Problem::missing(&definition.ty).in_field(&definition.name)),
        None => Ok(()),
    }
}
