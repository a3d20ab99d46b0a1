//! Argument values, given as literals or as variables.

use std::collections::HashMap;

use async_graphql::{Value, Variables, parser::types::OperationDefinition};
use async_graphql_value::Value as Literal;

/// Bytes of a string that count as one value.
const BYTES_PER_VALUE: usize = 64;

/// Resolves argument values against the variables of a request.
pub(super) struct Arguments<'a> {
    variables: &'a Variables,
    defaults: HashMap<&'a str, &'a Value>,
    /// Sizes of the variables used so far, since measuring one takes time in proportion to its size.
    sizes: HashMap<&'a str, usize>,
}

/// A reference to a value, or to part of one.
#[derive(Clone, Copy)]
pub(super) enum ValueRef<'a> {
    /// A literal in the document.
    Literal(&'a Literal),
    /// The value of a variable.
    Value(&'a Value),
}

impl<'a> Arguments<'a> {
    /// Uses the variables of a request, and the defaults that `operation` declares.
    pub(super) fn new(
        operation: Option<&'a OperationDefinition>,
        variables: &'a Variables,
    ) -> Self {
        let definitions = operation.map_or(&[][..], |operation| &operation.variable_definitions);
        let defaults = definitions.iter().filter_map(|definition| {
            let default = definition.node.default_value.as_ref()?;
            Some((definition.node.name.node.as_str(), &default.node))
        });
        Self {
            variables,
            defaults: defaults.collect(),
            sizes: HashMap::new(),
        }
    }

    fn variable(&self, name: &str) -> Option<&'a Value> {
        let value = self.variables.get(name);
        value.or_else(|| self.defaults.get(name).copied())
    }

    /// Returns the number of values in a literal, variables resolved, and its number of variable uses.
    pub(super) fn size(&mut self, literal: &'a Literal) -> (usize, usize) {
        match literal {
            Literal::Variable(name) => {
                let name = name.as_str();
                let size = match self.sizes.get(name) {
                    Some(size) => *size,
                    None => self.variable(name).map_or(1, size),
                };
                self.sizes.insert(name, size);
                (size, 1)
            }
            Literal::String(text) => (1 + text.len() / BYTES_PER_VALUE, 0),
            Literal::List(items) => self.sum(items.iter()),
            Literal::Object(fields) => self.sum(fields.values()),
            _ => (1, 0),
        }
    }

    fn sum(&mut self, items: impl Iterator<Item = &'a Literal>) -> (usize, usize) {
        items.fold((1, 0), |(values, uses), item| {
            let (more_values, more_uses) = self.size(item);
            (values.saturating_add(more_values), uses + more_uses)
        })
    }

    /// Resolves a variable reference. Returns `None` if the variable has no value.
    fn resolve(&self, value: ValueRef<'a>) -> Option<ValueRef<'a>> {
        match value {
            ValueRef::Literal(Literal::Variable(name)) => self.variable(name).map(ValueRef::Value),
            value => Some(value),
        }
    }

    /// Returns the value as an integer, or `None` if it is not one.
    pub(super) fn integer(&self, value: ValueRef<'a>) -> Option<i64> {
        match self.resolve(value)? {
            ValueRef::Literal(Literal::Number(number)) | ValueRef::Value(Value::Number(number)) => {
                number.as_i64()
            }
            _ => None,
        }
    }

    /// Returns the length of a list. Input coercion accepts a single value as a list of one.
    pub(super) fn length(&self, value: ValueRef<'a>) -> usize {
        match self.resolve(value) {
            None | Some(ValueRef::Literal(Literal::Null) | ValueRef::Value(Value::Null)) => 0,
            Some(ValueRef::Literal(Literal::List(items))) => items.len(),
            Some(ValueRef::Value(Value::List(items))) => items.len(),
            Some(_) => 1,
        }
    }

    /// Returns the fields of an object, or of all objects in a list.
    pub(super) fn fields(&self, value: ValueRef<'a>) -> Vec<(&'a str, ValueRef<'a>)> {
        match self.resolve(value) {
            Some(ValueRef::Literal(Literal::Object(fields))) => {
                let fields = fields.iter();
                fields
                    .map(|(key, value)| (key.as_str(), ValueRef::Literal(value)))
                    .collect()
            }
            Some(ValueRef::Value(Value::Object(fields))) => {
                let fields = fields.iter();
                fields
                    .map(|(key, value)| (key.as_str(), ValueRef::Value(value)))
                    .collect()
            }
            Some(ValueRef::Literal(Literal::List(items))) => {
                let fields = items
                    .iter()
                    .map(|item| self.fields(ValueRef::Literal(item)));
                fields.flatten().collect()
            }
            Some(ValueRef::Value(Value::List(items))) => {
                let fields = items.iter().map(|item| self.fields(ValueRef::Value(item)));
                fields.flatten().collect()
            }
            _ => Vec::new(),
        }
    }
}

/// Returns the number of values that a value consists of.
pub(super) fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => 1 + text.len() / BYTES_PER_VALUE,
        Value::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Object(fields) => 1 + fields.values().map(size).sum::<usize>(),
        _ => 1,
    }
}
