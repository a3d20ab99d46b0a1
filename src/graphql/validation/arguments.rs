//! What is given for arguments: written in the document, or in variables.

use std::collections::HashMap;

use async_graphql::{Value, Variables, parser::types::OperationDefinition};
use async_graphql_value::Value as Literal;

/// Bytes of a text that count as one value.
const TEXT: usize = 64;

/// The variables of a request.
pub(super) struct Arguments<'a> {
    variables: &'a Variables,
    defaults: HashMap<&'a str, &'a Value>,
    /// Each is measured once, however often it is used.
    sizes: HashMap<&'a str, usize>,
}

/// A value, or part of one.
#[derive(Clone, Copy)]
pub(super) enum ValueRef<'a> {
    /// As it is written in the document.
    Literal(&'a Literal),
    /// Of a variable.
    Value(&'a Value),
}

impl<'a> Arguments<'a> {
    /// What is given for the variables of `operation`.
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
        let given = self.variables.get(name);
        given.or_else(|| self.defaults.get(name).copied())
    }

    /// How many values there are in a literal, and in how many places it uses variables.
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
            Literal::String(text) => (1 + text.len() / TEXT, 0),
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

    /// What stands for a part: itself, or what is given for the variable; none if that is nothing.
    fn resolved(&self, part: ValueRef<'a>) -> Option<ValueRef<'a>> {
        match part {
            ValueRef::Literal(Literal::Variable(name)) => self.variable(name).map(ValueRef::Value),
            part => Some(part),
        }
    }

    /// The whole number that is given, if it is one.
    pub(super) fn number(&self, part: ValueRef<'a>) -> Option<i64> {
        match self.resolved(part)? {
            ValueRef::Literal(Literal::Number(number)) | ValueRef::Value(Value::Number(number)) => {
                number.as_i64()
            }
            _ => None,
        }
    }

    /// How many are given where a list is taken: a single value may be written without brackets.
    pub(super) fn length(&self, part: ValueRef<'a>) -> usize {
        match self.resolved(part) {
            None | Some(ValueRef::Literal(Literal::Null) | ValueRef::Value(Value::Null)) => 0,
            Some(ValueRef::Literal(Literal::List(items))) => items.len(),
            Some(ValueRef::Value(Value::List(items))) => items.len(),
            Some(_) => 1,
        }
    }

    /// The fields of an object, or of each object in a list.
    pub(super) fn fields(&self, part: ValueRef<'a>) -> Vec<(&'a str, ValueRef<'a>)> {
        match self.resolved(part) {
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

/// How many values there are in one.
pub(super) fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => 1 + text.len() / TEXT,
        Value::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Object(fields) => 1 + fields.values().map(size).sum::<usize>(),
        _ => 1,
    }
}
