//! Variables, checked before anything is executed. The library reads each when the field that takes
//! it is resolved: of two mutations in a request the first would be done before the second is found
//! to make no sense.

use std::collections::HashMap;

use async_graphql::{
    Pos, ServerError, Value, Variables,
    parser::types::{BaseType, InputObjectType, OperationDefinition, Type, TypeKind},
};

use crate::graphql::{
    error::{ErrorCode, request_error},
    schema_types::type_definitions,
    types::scalars::read_instant,
};

/// What each type that may be handed in takes.
#[derive(Debug, Default)]
pub(super) struct InputTypes(HashMap<String, InputType>);

#[derive(Debug)]
enum InputType {
    Enum(Vec<String>),
    /// Each field with its type, and whether it may be left out.
    Object(Vec<(String, Type, bool)>),
}

impl InputTypes {
    /// Reads them from the schema.
    pub(super) fn from_sdl(sdl: &str) -> Self {
        let types = type_definitions(sdl).filter_map(|(name, kind)| {
            let ty = match kind {
                TypeKind::Enum(words) => {
                    let words = words.values.into_iter();
                    InputType::Enum(words.map(|word| word.node.value.node.to_string()).collect())
                }
                TypeKind::InputObject(object) => InputType::Object(fields(object)),
                _ => return None,
            };
            Some((name, ty))
        });
        Self(types.collect())
    }

    /// Checks what is given for the variables of an operation.
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
                None => Err(format!(" is missing; it takes {ty}")),
                Some(value) => self.value(value, ty),
            };
            problem.map_err(|problem| at(definition.pos, format!("variable ${name}{problem}")))?;
        }
        Ok(())
    }

    /// Tells what is wrong with a value, as the end of a sentence that begins with its name.
    fn value(&self, value: &Value, ty: &Type) -> Result<(), String> {
        match (&ty.base, value) {
            (_, Value::Null) if ty.nullable => Ok(()),
            (_, Value::Null) => Err(format!(" is null; it takes {ty}")),
            (BaseType::List(inner), Value::List(items)) => {
                let mut items = items.iter().enumerate();
                items.try_for_each(|(index, item)| {
                    self.value(item, inner)
                        .map_err(|problem| format!("[{index}]{problem}"))
                })
            }
            // A single value may be written without brackets.
            (BaseType::List(inner), value) => self.value(value, inner),
            (BaseType::Named(name), value) => self.named(value, name),
        }
    }

    fn named(&self, value: &Value, name: &str) -> Result<(), String> {
        match (self.0.get(name), value) {
            (Some(InputType::Object(fields)), Value::Object(given)) => {
                if let Some(other) = given
                    .keys()
                    .find(|key| fields.iter().all(|field| field.0 != key.as_str()))
                {
                    return Err(format!(".{other} is not a field of {name}"));
                }
                fields.iter().try_for_each(|(field, ty, optional)| {
                    let problem = match given.get(field.as_str()) {
                        None if *optional => Ok(()),
                        None => Err(format!(" is missing; it takes {ty}")),
                        Some(value) => self.value(value, ty),
                    };
                    problem.map_err(|problem| format!(".{field}{problem}"))
                })
            }
            (Some(InputType::Enum(words)), Value::Enum(word))
                if words.iter().any(|known| known == word.as_str()) =>
            {
                Ok(())
            }
            (Some(InputType::Enum(words)), Value::String(word)) if words.contains(word) => Ok(()),
            (Some(InputType::Enum(words)), _) => Err(format!(
                " is {}; {name} is one of {}",
                shown(value),
                words.join(", ")
            )),
            (Some(InputType::Object(_)), _) => Err(format!(" is no object; it takes {name}")),
            (None, value) => scalar(value, name),
        }
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
            return read_instant(text)
                .map(drop)
                .map_err(|problem| format!(": {problem}"));
        }
        ("Int" | "Float" | "String" | "ID" | "Boolean" | "DateTime", _) => false,
        _ => true,
    };
    if fits {
        Ok(())
    } else {
        Err(format!(" is {}; it takes {name}", shown(value)))
    }
}

/// A value in a message, not too long.
fn shown(value: &Value) -> String {
    value.to_string().chars().take(50).collect()
}

fn fields(object: InputObjectType) -> Vec<(String, Type, bool)> {
    let fields = object.fields.into_iter().map(|field| field.node);
    let fields = fields.map(|field| {
        let optional = field.ty.node.nullable || field.default_value.is_some();
        (field.name.node.to_string(), field.ty.node, optional)
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

    fn checked(definitions: &str, variables: serde_json::Value) -> Result<(), String> {
        let text = format!("query({definitions}) {{ __typename }}");
        let document = async_graphql::parser::parse_query(text).unwrap();
        let (_, operation) = document.operations.iter().next().unwrap();
        let types = InputTypes::from_sdl(SCHEMA);
        types
            .validate(&operation.node, &Variables::from_json(variables))
            .map_err(|error| error.message)
    }

    #[test]
    fn what_fits_passes() {
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
            assert_eq!(checked(definitions, variables), Ok(()), "{definitions}");
        }
    }

    #[test]
    fn what_does_not_fit_is_told_where_it_is() {
        for (definitions, variables, says) in [
            (
                "$id: ID!",
                json!({}),
                "variable $id is missing; it takes ID!",
            ),
            (
                "$id: ID!",
                json!({"id": null}),
                "variable $id is null; it takes ID!",
            ),
            (
                "$i: Int",
                json!({"i": 2_147_483_648_u32}),
                "variable $i is 2147483648; it takes Int",
            ),
            ("$i: Int", json!({"i": 1.5}), "it takes Int"),
            ("$s: String", json!({"s": 1}), "it takes String"),
            (
                "$c: [Color!]",
                json!({"c": ["RED", "GREEN"]}),
                "$c[1] is \"GREEN\"; Color is one of RED, BLUE",
            ),
            ("$c: [Color!]", json!({"c": [null]}), "$c[0] is null"),
            ("$f: Filter", json!({"f": 1}), "$f is no object"),
            (
                "$f: Filter",
                json!({"f": {}}),
                "$f.name is missing; it takes String!",
            ),
            (
                "$f: Filter",
                json!({"f": {"name": "x", "size": 1}}),
                "$f.size is not a field of Filter",
            ),
            (
                "$f: Filter",
                json!({"f": {"name": "x", "range": {"lt": "2026-11-23"}}}),
                "$f.range.lt: `2026-11-23` is not an instant",
            ),
        ] {
            let problem = checked(definitions, variables).unwrap_err();
            assert!(problem.contains(says), "{problem}");
        }
    }
}
