//! Problems with input values, described the same whether a value is a literal or a variable.

use std::fmt::{self, Display, Formatter};

use apollo_compiler::{Name, ast::Type, schema::EnumType};

use crate::graphql::types::scalars::parse_date_time;

/// Characters of a value in a message.
const MAX_QUOTED: usize = 50;

/// A problem with an input value, or with a value inside it.
#[derive(Debug)]
pub(super) struct Problem {
    message: String,
    /// The path to the value, in reverse order.
    path: Vec<Segment>,
}

#[derive(Debug)]
enum Segment {
    Field(String),
    Index(usize),
}

impl Problem {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            path: Vec::new(),
        }
    }

    /// Describes a value that is not of the expected type.
    pub(super) fn unexpected(value: impl Display, expected: impl Display) -> Self {
        let value = value.to_string();
        let mut quoted: String = value.chars().take(MAX_QUOTED).collect();
        if quoted.len() < value.len() {
            quoted.push('…');
        }
        Self::new(format!("expected {expected}, found {quoted}"))
    }

    /// Describes a value that is not in an enum.
    pub(super) fn not_in_enum(value: impl Display, ty: &EnumType) -> Self {
        let values: Vec<_> = ty.values.keys().map(Name::as_str).collect();
        let expected = format!("{}, one of {}", ty.name, values.join(", "));
        Self::unexpected(value, expected)
    }

    /// Describes a required value that is missing.
    pub(super) fn missing(ty: &Type) -> Self {
        Self::new(format!("expected {ty}, but the value is missing"))
    }

    /// Describes a field that an input object type does not define.
    pub(super) fn undefined_field(field: &str, ty: &Name) -> Self {
        Self::new(format!("`{field}` is not a field of {ty}"))
    }

    /// Adds that the value belongs to a field of an input object.
    pub(super) fn in_field(mut self, name: &str) -> Self {
        self.path.push(Segment::Field(name.to_owned()));
        self
    }

    /// Adds that the value is an item of a list.
    pub(super) fn in_item(mut self, index: usize) -> Self {
        self.path.push(Segment::Index(index));
        self
    }
}

impl Display for Problem {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.path.iter().rev().enumerate() {
            match segment {
                Segment::Field(name) if index == 0 => write!(f, "{name}")?,
                Segment::Field(name) => write!(f, ".{name}")?,
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        if !self.path.is_empty() {
            f.write_str(": ")?;
        }
        f.write_str(&self.message)
    }
}

/// Validates the text of a custom scalar.
pub(super) fn scalar_text(text: &str, scalar: &str) -> Result<(), Problem> {
    match scalar {
        "DateTime" => parse_date_time(text).map(drop).map_err(Problem::new),
        _ => Ok(()),
    }
}
