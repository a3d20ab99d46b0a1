//! Positions of variables: a variable must be defined, and its type must fit each position in which it is used.
//!
//! apollo-compiler compares whole arguments only, not values inside lists and input objects.

use std::collections::HashSet;

use apollo_compiler::{
    ExecutableDocument, Name, Node, Schema,
    ast::{Argument, InputValueDefinition, Type, Value},
    executable::{DirectiveList, Operation, Selection, SelectionSet, VariableDefinition},
    schema::ExtendedType,
};
use async_graphql::ServerError;

use super::locations::Locations;
use crate::graphql::error::{ErrorCode, request_error};

/// Checks the variables of all operations of a valid document.
pub(super) fn check(
    document: &ExecutableDocument,
    schema: &Schema,
    locations: &Locations,
) -> Result<(), ServerError> {
    document.operations.iter().try_for_each(|operation| {
        let mut checker = Checker {
            document,
            schema,
            locations,
            operation,
            visited: HashSet::new(),
        };
        checker.directives(&operation.directives)?;
        checker.selections(&operation.selection_set)
    })
}

struct Checker<'a> {
    document: &'a ExecutableDocument,
    schema: &'a Schema,
    locations: &'a Locations,
    operation: &'a Operation,
    /// Fragments that have been checked.
    visited: HashSet<&'a Name>,
}

impl<'a> Checker<'a> {
    fn selections(&mut self, set: &'a SelectionSet) -> Result<(), ServerError> {
        for selection in &set.selections {
            self.directives(selection.directives())?;
            match selection {
                Selection::Field(field) => {
                    self.arguments(&field.arguments, &field.definition.arguments)?;
                    self.selections(&field.selection_set)?;
                }
                Selection::InlineFragment(fragment) => self.selections(&fragment.selection_set)?,
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.document.fragments.get(&spread.fragment_name)
                        && self.visited.insert(&spread.fragment_name)
                    {
                        self.directives(&fragment.directives)?;
                        self.selections(&fragment.selection_set)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn directives(&self, directives: &DirectiveList) -> Result<(), ServerError> {
        directives.iter().try_for_each(|directive| {
            match self.schema.directive_definitions.get(&directive.name) {
                Some(definition) => self.arguments(&directive.arguments, &definition.arguments),
                None => Ok(()),
            }
        })
    }

    fn arguments(
        &self,
        arguments: &[Node<Argument>],
        defined: &[Node<InputValueDefinition>],
    ) -> Result<(), ServerError> {
        arguments.iter().try_for_each(|argument| {
            let mut defined = defined.iter();
            match defined.find(|defined| defined.name == argument.name) {
                Some(definition) => self.input(&argument.value, definition),
                None => Ok(()),
            }
        })
    }

    /// Checks the value of an argument or an input field.
    fn input(
        &self,
        value: &Node<Value>,
        definition: &InputValueDefinition,
    ) -> Result<(), ServerError> {
        let has_default = definition
            .default_value
            .as_ref()
            .is_some_and(|default| !default.is_null());
        self.value(value, &definition.ty, has_default)
    }

    fn value(&self, value: &Node<Value>, ty: &Type, has_default: bool) -> Result<(), ServerError> {
        match &**value {
            Value::Variable(name) => self.variable(name, value, ty, has_default),
            Value::List(items) => {
                let mut items = items.iter();
                items.try_for_each(|item| self.value(item, ty.item_type(), false))
            }
            Value::Object(fields) => {
                let Some(ExtendedType::InputObject(object)) =
                    self.schema.types.get(ty.inner_named_type())
                else {
                    // A custom scalar: values within it have no type.
                    return fields.iter().try_for_each(|(_, value)| self.defined(value));
                };
                let mut fields = fields.iter();
                fields.try_for_each(|(name, value)| match object.fields.get(name) {
                    Some(definition) => self.input(value, definition),
                    None => Ok(()),
                })
            }
            _ => Ok(()),
        }
    }

    /// Checks that the variables in a value are defined.
    fn defined(&self, value: &Node<Value>) -> Result<(), ServerError> {
        match &**value {
            Value::Variable(name) => self.definition(name, value).map(drop),
            Value::List(items) => items.iter().try_for_each(|item| self.defined(item)),
            Value::Object(fields) => fields.iter().try_for_each(|(_, value)| self.defined(value)),
            _ => Ok(()),
        }
    }

    fn definition(
        &self,
        name: &Name,
        value: &Node<Value>,
    ) -> Result<&'a VariableDefinition, ServerError> {
        let mut variables = self.operation.variables.iter();
        let variable = variables.find(|variable| variable.name == *name);
        variable.map(AsRef::as_ref).ok_or_else(|| {
            let message = format!("variable ${name} is not defined");
            let pos = self.locations.pos(value.location());
            request_error(ErrorCode::BadInput, message, pos)
        })
    }

    fn variable(
        &self,
        name: &Name,
        value: &Node<Value>,
        ty: &Type,
        has_default: bool,
    ) -> Result<(), ServerError> {
        let variable = self.definition(name, value)?;
        let default = variable.default_value.as_ref();
        let is_never_omitted = has_default || default.is_some_and(|default| !default.is_null());
        let expected = if is_never_omitted && !variable.ty.is_non_null() {
            ty.clone().nullable()
        } else {
            ty.clone()
        };
        if variable.ty.is_assignable_to(&expected) {
            return Ok(());
        }
        let message = format!(
            "variable ${name} of type {} cannot be used where {ty} is expected",
            variable.ty
        );
        let pos = self.locations.pos(value.location());
        Err(request_error(ErrorCode::BadInput, message, pos))
    }
}
