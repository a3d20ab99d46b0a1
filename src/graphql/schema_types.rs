//! Output types of the schema, looked up by name.

use std::collections::HashMap;

use async_graphql::parser::{
    parse_schema,
    types::{BaseType, OperationType, Type, TypeKind, TypeSystemDefinition},
};

/// The type of every field of every object and interface type.
#[derive(Debug, Default)]
pub(super) struct FieldTypes(HashMap<String, HashMap<String, Type>>);

impl FieldTypes {
    /// Reads the types from the SDL of a schema.
    pub(super) fn from_sdl(sdl: &str) -> Self {
        let types = type_definitions(sdl).filter_map(|(name, kind)| {
            let fields = match kind {
                TypeKind::Object(object) => object.fields,
                TypeKind::Interface(interface) => interface.fields,
                _ => return None,
            };
            let fields = fields.into_iter().map(|field| field.node);
            let fields = fields.map(|field| (field.name.node.to_string(), field.ty.node));
            Some((name, fields.collect()))
        });
        Self(types.collect())
    }

    /// Returns the type of a field, or `None` if the schema has no such type or field.
    pub(super) fn get(&self, parent: &str, field: &str) -> Option<&Type> {
        self.0.get(parent)?.get(field)
    }

    /// Returns whether the schema has an object or interface type of this name.
    pub(super) fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

/// Returns the types that an SDL document defines, with their names.
pub(super) fn type_definitions(sdl: &str) -> impl Iterator<Item = (String, TypeKind)> {
    let document = parse_schema(sdl).into_iter();
    document
        .flat_map(|document| document.definitions)
        .filter_map(|definition| match definition {
            TypeSystemDefinition::Type(definition) => {
                let definition = definition.node;
                Some((definition.name.node.to_string(), definition.kind))
            }
            _ => None,
        })
}

/// Returns the name of an operation's root type.
pub(super) fn root_type(operation: OperationType) -> &'static str {
    match operation {
        OperationType::Query => "Query",
        OperationType::Mutation => "Mutation",
        OperationType::Subscription => "Subscription",
    }
}

/// Returns the name of a type without its list and non-null wrappers.
pub(super) fn named_type(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name,
        BaseType::List(inner) => named_type(inner),
    }
}
