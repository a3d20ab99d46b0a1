//! Argument values, given as literals or as variables.

use std::collections::HashMap;

use apollo_compiler::ast::Value as Literal;
use async_graphql::{Value, Variables};

/// Bytes of a string that count as one value.
const BYTES_PER_VALUE: usize = 64;

/// The size of a literal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LiteralSize {
    /// Values, of which each variable is one.
    pub(super) values: usize,
    pub(super) variable_uses: usize,
    /// Fields of the largest object.
    pub(super) object_fields: usize,
}

/// The number of values that the value of each variable consists of, computed once: a document may use one
/// a thousand times.
pub(super) struct VariableSizes<'a>(HashMap<&'a str, usize>);

impl<'a> VariableSizes<'a> {
    pub(super) fn new(variables: &'a Variables) -> Self {
        let variables = variables.iter();
        Self(
            variables
                .map(|(name, value)| (name.as_str(), size(value)))
                .collect(),
        )
    }

    /// Returns the number of values that an argument consists of.
    pub(super) fn values(&self, literal: &Literal) -> usize {
        match literal {
            Literal::Variable(name) => self.0.get(name.as_str()).copied().unwrap_or(1),
            Literal::List(items) => 1 + items.iter().map(|item| self.values(item)).sum::<usize>(),
            Literal::Object(fields) => {
                1 + fields
                    .iter()
                    .map(|(_, value)| self.values(value))
                    .sum::<usize>()
            }
            literal => literal_size(literal).values,
        }
    }
}

/// Returns the size of a literal.
pub(super) fn literal_size(literal: &Literal) -> LiteralSize {
    let mut total = LiteralSize {
        values: 1,
        ..LiteralSize::default()
    };
    let mut add = |size: LiteralSize| {
        total.values += size.values;
        total.variable_uses += size.variable_uses;
        total.object_fields = total.object_fields.max(size.object_fields);
    };
    match literal {
        Literal::Variable(_) => total.variable_uses = 1,
        Literal::String(text) => total.values += text.len() / BYTES_PER_VALUE,
        Literal::List(items) => items.iter().for_each(|item| add(literal_size(item))),
        Literal::Object(fields) => {
            for (_, value) in fields {
                add(literal_size(value));
            }
            total.object_fields = total.object_fields.max(fields.len());
        }
        _ => {}
    }
    total
}

/// Returns the number of values that the value of a variable consists of.
fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => 1 + text.len() / BYTES_PER_VALUE,
        Value::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Object(fields) => 1 + fields.values().map(size).sum::<usize>(),
        _ => 1,
    }
}

/// A reference to an argument value, or to part of one.
#[derive(Clone, Copy)]
pub(super) enum ValueRef<'a> {
    /// A literal in the document.
    Literal(&'a Literal),
    /// The value of a variable.
    Value(&'a Value),
}

impl<'a> ValueRef<'a> {
    /// Resolves a literal against the variables of a request. Returns `None` for a variable without a
    /// value.
    pub(super) fn resolve(literal: &'a Literal, variables: &'a Variables) -> Option<Self> {
        match literal {
            Literal::Variable(name) => variables.get(name.as_str()).map(Self::Value),
            literal => Some(Self::Literal(literal)),
        }
    }

    /// Returns the value as an integer, or `None` if it is not one.
    pub(super) fn integer(self) -> Option<i64> {
        match self {
            Self::Literal(Literal::Int(number)) => number.as_str().parse().ok(),
            Self::Value(Value::Number(number)) => number.as_i64(),
            _ => None,
        }
    }

    /// Returns the number of characters of a string.
    pub(super) fn chars(self) -> usize {
        match self {
            Self::Literal(Literal::String(text)) | Self::Value(Value::String(text)) => {
                text.chars().count()
            }
            _ => 0,
        }
    }

    /// Returns the length of a list. Input coercion accepts a single value as a list of one.
    pub(super) fn length(self) -> usize {
        match self {
            Self::Literal(Literal::Null) | Self::Value(Value::Null) => 0,
            Self::Literal(Literal::List(items)) => items.len(),
            Self::Value(Value::List(items)) => items.len(),
            _ => 1,
        }
    }

    /// Returns the fields of an object, or of all objects in a list.
    pub(super) fn fields(self, variables: &'a Variables) -> Vec<(&'a str, ValueRef<'a>)> {
        match self {
            Self::Literal(Literal::Object(fields)) => {
                let fields = fields.iter();
                fields
                    .filter_map(|(key, value)| {
                        Some((key.as_str(), Self::resolve(value, variables)?))
                    })
                    .collect()
            }
            Self::Value(Value::Object(fields)) => {
                let fields = fields.iter();
                fields
                    .map(|(key, value)| (key.as_str(), Self::Value(value)))
                    .collect()
            }
            Self::Literal(Literal::List(items)) => {
                let items = items.iter();
                items
                    .filter_map(|item| Self::resolve(item, variables))
                    .flat_map(|item| item.fields(variables))
                    .collect()
            }
            Self::Value(Value::List(items)) => {
                let items = items.iter();
                items
                    .flat_map(|item| Self::Value(item).fields(variables))
                    .collect()
            }
            _ => Vec::new(),
        }
    }
}
