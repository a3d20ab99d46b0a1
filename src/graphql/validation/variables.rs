//! Validation of variable values.
//!
//! async-graphql coerces a variable when it resolves the field that uses it: of two mutations in a
//! request, the first would take effect before an invalid variable of the second is found.

use std::collections::HashMap;

use async_graphql::{
    Name, Pos, ServerError, Value, Variables,
    indexmap::IndexMap,
    parser::types::{BaseType, InputObjectType, OperationDefinition, Type, TypeKind},
};

use crate::graphql::{
    error::{ErrorCode, request_error},
    schema_types::type_definitions,
    types::scalars::parse_date_time,
};

/// The input object types and enums of the schema.
#[derive(Debug, Default)]
pub(super) struct InputTypes(HashMap<String, InputType>);

#[derive(Debug)]
enum InputType {
    Enum(Vec<String>),
    Object(Vec<InputField>),
}

#[derive(Debug)]
struct InputField {
    name: String,
    ty: Type,
    /// The type is nullable, or the field has a default.
    is_optional: bool,
}

impl InputTypes {
    /// Reads the types from the SDL of a schema.
    pub(super) fn from_sdl(sdl: &str) -> Self {
        let types = type_definitions(sdl).filter_map(|(name, kind)| {
            let ty = match kind {
                TypeKind::Enum(ty) => {
                    let values = ty.values.into_iter();
                    InputType::Enum(
                        values
                            .map(|value| value.node.value.node.to_string())
                            .collect(),
                    )
                }
                TypeKind::InputObject(object) => InputType::Object(input_fields(object)),
                _ => return None,
            };
            Some((name, ty))
        });
        Self(types.collect())
    }

    /// Validates the variables of an operation against their declared types.
    pub(super) fn validate(
        &self,
        operation: &OperationDefinition,
        variables: &Variables,
    ) -> Result<(), ServerError> {
        for definition in &operation.variable_definitions {
            let name = &definition.node.name.node;
            let ty = &definition.node.var_type.node;
            let problem = match variables.get(name) {
                None if ty.nullable || definition.node.default_value.is_some() => Ok(()),
                None => Err(format!(" is missing; expected {ty}")),
                Some(value) => self.value(value, ty),
            };
            problem.map_err(|problem| at(definition.pos, format!("variable ${name}{problem}")))?;
        }
        Ok(())
    }

    /// Validates a value. The error completes a sentence that begins with the variable's name.
    fn value(&self, value: &Value, ty: &Type) -> Result<(), String> {
        match (&ty.base, value) {
            (_, Value::Null) if ty.nullable => Ok(()),
            (_, Value::Null) => Err(format!(" is null; expected {ty}")),
            (BaseType::List(inner), Value::List(items)) => {
                let mut items = items.iter().enumerate();
                items.try_for_each(|(index, item)| {
                    self.value(item, inner)
                        .map_err(|problem| format!("[{index}]{problem}"))
                })
            }
            // Input coercion accepts a single value as a list of one.
            (BaseType::List(inner), value) => self.value(value, inner),
            (BaseType::Named(name), value) => self.named(value, name),
        }
    }

    fn named(&self, value: &Value, name: &str) -> Result<(), String> {
        match (self.0.get(name), value) {
            (Some(InputType::Object(fields)), Value::Object(object)) => {
                self.object(object, fields, name)
            }
            (Some(InputType::Object(_)), _) => Err(format!(" is not an object; expected {name}")),
            (Some(InputType::Enum(values)), value) => {
                // JSON has no enums: the value of a variable is a string.
                let given = match value {
                    Value::Enum(given) => Some(given.as_str()),
                    Value::String(given) => Some(given.as_str()),
                    _ => None,
                };
                if given.is_some_and(|given| values.iter().any(|value| value == given)) {
                    return Ok(());
                }
                let (value, values) = (truncated(value), values.join(", "));
                Err(format!(" is {value}; expected {name}, one of {values}"))
            }
            (None, value) => scalar(value, name),
        }
    }

    fn object(
        &self,
        object: &IndexMap<Name, Value>,
        fields: &[InputField],
        name: &str,
    ) -> Result<(), String> {
        let is_unknown = |key: &&Name| fields.iter().all(|field| field.name != key.as_str());
        if let Some(unknown) = object.keys().find(is_unknown) {
            return Err(format!(".{unknown} is not a field of {name}"));
        }
        fields.iter().try_for_each(|field| {
            let problem = match object.get(field.name.as_str()) {
                None if field.is_optional => Ok(()),
                None => Err(format!(" is missing; expected {}", field.ty)),
                Some(value) => self.value(value, &field.ty),
            };
            problem.map_err(|problem| format!(".{}{problem}", field.name))
        })
    }
}

fn scalar(value: &Value, name: &str) -> Result<(), String> {
    let fits = match (name, value) {
        ("Int", Value::Number(number)) => number
            .as_i64()
            .is_some_and(|number| i32::try_from(number).is_ok()),
        ("Float", Value::Number(_))
        | ("String" | "ID", Value::String(_))
        | ("Boolean", Value::Boolean(_)) => true,
        ("ID", Value::Number(number)) => number.is_i64(),
        ("DateTime", Value::String(text)) => {
            return parse_date_time(text)
                .map(drop)
                .map_err(|problem| format!(": {problem}"));
        }
        ("Int" | "Float" | "String" | "ID" | "Boolean" | "DateTime", _) => false,
        _ => true,
    };
    if fits {
        Ok(())
    } else {
        Err(format!(" is {}; expected {name}", truncated(value)))
    }
}

/// Formats a value for a message, truncated to 50 characters.
fn truncated(value: &Value) -> String {
    value.to_string().chars().take(50).collect()
}

fn input_fields(object: InputObjectType) -> Vec<InputField> {
    let fields = object.fields.into_iter().map(|field| field.node);
    let fields = fields.map(|field| InputField {
        name: field.name.node.to_string(),
        is_optional: field.ty.node.nullable || field.default_value.is_some(),
        ty: field.ty.node,
    });
    fields.collect()
}

fn at(pos: Pos, message: String) -> ServerError {
    request_error(ErrorCode::BadInput, message, Some(pos))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SCHEMA: &str = "enum Color { RED BLUE } input Range { gte: Int lt: DateTime }
        input Filter { color: [Color!] not: Filter range: Range! = {} name: String! }";

    fn validated(definitions: &str, variables: serde_json::Value) -> Result<(), String> {
        let text = format!("query({definitions}) {{ __typename }}");
        let document = async_graphql::parser::parse_query(text).unwrap();
        let (_, operation) = document.operations.iter().next().unwrap();
        let types = InputTypes::from_sdl(SCHEMA);
        types
            .validate(&operation.node, &Variables::from_json(variables))
            .map_err(|error| error.message)
    }

    #[test]
    fn valid_variables_are_accepted() {
        for (definitions, variables) in [
            (
                "$i: Int, $f: Float, $b: Boolean, $s: String, $id: ID!",
                json!({"i": 1, "f": 2, "b": true, "s": null, "id": 7}),
            ),
            ("$i: Int! = 5", json!({})),
            ("$c: [Color!]", json!({"c": "RED"})),
            ("$c: [Color!]", json!({"c": ["RED", "BLUE"]})),
            (
                "$f: Filter",
                json!({"f": {"name": "x", "not": {"name": "y", "color": "BLUE"}}}),
            ),
            (
                "$f: Filter",
                json!({"f": {"name": "x", "range": {"lt": "2026-11-23T09:00:00Z"}}}),
            ),
            ("$j: JSON", json!({"j": {"a": [1]}})),
            ("$i: Int", json!({"i": 1, "unused": {}})),
        ] {
            assert_eq!(validated(definitions, variables), Ok(()), "{definitions}");
        }
    }

    #[test]
    fn an_error_names_the_path_of_an_invalid_value() {
        for (definitions, variables, expected) in [
            (
                "$id: ID!",
                json!({}),
                "variable $id is missing; expected ID!",
            ),
            (
                "$id: ID!",
                json!({"id": null}),
                "variable $id is null; expected ID!",
            ),
            (
                "$i: Int",
                json!({"i": 2_147_483_648_u32}),
                "variable $i is 2147483648; expected Int",
            ),
            ("$i: Int", json!({"i": 1.5}), "expected Int"),
            ("$s: String", json!({"s": 1}), "expected String"),
            (
                "$c: [Color!]",
                json!({"c": ["RED", "GREEN"]}),
                "$c[1] is \"GREEN\"; expected Color, one of RED, BLUE",
            ),
            ("$c: [Color!]", json!({"c": [null]}), "$c[0] is null"),
            ("$f: Filter", json!({"f": 1}), "$f is not an object"),
            (
                "$f: Filter",
                json!({"f": {}}),
                "$f.name is missing; expected String!",
            ),
            (
                "$f: Filter",
                json!({"f": {"name": "x", "size": 1}}),
                "$f.size is not a field of Filter",
            ),
            (
                "$f: Filter",
                json!({"f": {"name": "x", "range": {"lt": "2026-11-23"}}}),
                "$f.range.lt: `2026-11-23` is not a date and time",
            ),
        ] {
            let problem = validated(definitions, variables).unwrap_err();
            assert!(problem.contains(expected), "{problem}");
        }
    }
}
